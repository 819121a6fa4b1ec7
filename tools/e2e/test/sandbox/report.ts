/** What a run reported, as its `report.json` has it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readJson } from './sandbox.ts';

export interface Report {
  readonly verdict: { readonly kind: string; readonly exitCode: number; readonly headline: string };
  readonly totals: {
    readonly files: Readonly<Record<string, number>>;
    readonly tests: Readonly<Record<string, number>>;
    readonly lostAttempts: number;
    readonly retries: number;
  };
  readonly files: readonly ReportedFile[];
}

export interface ReportedFile {
  readonly n: number;
  readonly name: string;
  readonly attempts: number;
  readonly lost: number;
  readonly grade: string;
  readonly outcome?: string;
  readonly worker?: string;
  readonly reason?: string;
  readonly cases: readonly {
    readonly path: readonly string[];
    readonly grade: string;
    readonly runs: number;
    readonly failures: readonly unknown[];
  }[];
  readonly errors: readonly { readonly message: string }[];
}

/** The report in the folder of `--out`. */
export function readReport(folder: string): Report {
  const path = join(folder, 'report.json');
  if (!existsSync(path)) throw new Error(`${path} was not written`);
  return readJson<Report>(path);
}

/** Every one of these tests, `NAME passes` in `test/NAME.test.js`, is reported exactly once, as passed. */
export function expectEachOnce(report: Report, names: readonly string[]): void {
  const reported = report.files.flatMap((file) => file.cases.map(({ path, grade }) => `${file.name}: ${path.join(' > ')}: ${grade}`));
  expect(reported.toSorted(), 'every test once').toEqual(names.map((name) => `test/${name}.test.js: ${name} passes: passed`).toSorted());
  expect(
    report.files.map(({ n }) => n).toSorted((a, b) => a - b),
    'every file once',
  ).toEqual(names.map((_, index) => index + 1));
}
