/**
 * The report of a whole run as one JSON object, format 1: `JsonReport`. Fields may be added within a version, never changed.
 */
import type { RunFold, Totals } from './fold.ts';
import type { FileVerdict } from './grade.ts';
import type { Verdict } from './verdict.ts';

/** What `holdfast run --reporter=json --output` writes. */
export interface JsonReport {
  readonly format: 'holdfast.report';
  readonly version: 1;
  readonly run: ReportedRun;
  readonly verdict: Verdict;
  readonly totals: Totals;
  /** Milliseconds from submission to end. */
  readonly wallMs: number;
  /** `totals.summedMs / wallMs`; absent when nothing ran. */
  readonly speedUp?: number;
  /** By number of task. */
  readonly files: readonly FileVerdict[];
}

/** What the caller knows of the run; every field is for people. */
export interface ReportedRun {
  readonly id?: string;
  readonly name?: string;
  readonly command?: readonly string[];
  /** ISO 8601. */
  readonly startedAt?: string;
}

export interface JsonReportOptions {
  readonly run: ReportedRun;
  readonly verdict: Verdict;
  readonly wallMs: number;
}

/** The report in pieces, one line a file: join them, or write them as they come. The fold should be closed. */
export function* jsonReport(fold: Pick<RunFold, 'files' | 'totals'>, options: JsonReportOptions): Generator<string, void, undefined> {
  const totals = fold.totals();
  const speedUp = options.wallMs > 0 && totals.summedMs > 0 ? { speedUp: totals.summedMs / options.wallMs } : {};
  const head = {
    format: 'holdfast.report',
    version: 1,
    run: options.run,
    verdict: options.verdict,
    totals,
    wallMs: options.wallMs,
    ...speedUp,
  };
  yield `${JSON.stringify(head).slice(0, -1)},"files":[`;
  let separator = '\n';
  for (const file of fold.files()) {
    yield separator + JSON.stringify(file);
    separator = ',\n';
  }
  yield '\n]}\n';
}
