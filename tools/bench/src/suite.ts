/**
 * Writes a test suite like those that people have: files of very different lengths, several tests each, that partly compute
 * and partly wait. The same seconds give the same files.
 *
 * Computing is counted in rounds, not in time: whoever takes the processor away makes the suite slower, and that shows.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VITEST } from './places.ts';

export interface Suite {
  readonly folder: string;
  readonly files: number;
  readonly tests: number;
  /** Share of the work that computes, 0..1. */
  readonly computing: number;
}

/** Makes a project of about `seconds` of work for one processor in `folder`. */
export function writeSuite(folder: string, seconds: number): Suite {
  mkdirSync(join(folder, 'test'), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(VITEST, join(folder, 'node_modules/vitest'), 'dir');
  writeFileSync(join(folder, 'package.json'), '{ "name": "suite", "private": true, "type": "module" }\n');
  writeFileSync(join(folder, 'work.ts'), WORK);
  const files = planFiles(seconds);
  for (const file of files) writeFileSync(join(folder, `test/${file.name}.test.ts`), fileText(file));
  return { folder, files: files.length, tests: files.reduce((sum, { tests }) => sum + tests.length, 0), computing: COMPUTING };
}

/** One file of a suite, whatever runner it is written for. */
export interface PlannedFile {
  readonly name: string;
  readonly tests: readonly { readonly rounds: number; readonly waitMs: number }[];
}

/** Files of very different lengths for about `seconds` of work; the same seconds give the same files, but for the rounds of this machine. */
export function planFiles(seconds: number): readonly PlannedFile[] {
  const roundsPerMs = calibrate();
  const random = createRandom(7);
  const files = Math.max(4, Math.round((seconds * 1000) / FILE_MS_MEAN));
  const shares = Array.from({ length: files }, () => 0.15 + random() ** 3 * 4);
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share, index) => {
    const ms = (share / sum) * seconds * 1000;
    const count = 2 + Math.floor(random() * 7);
    const own = ms / count;
    const tests = Array.from({ length: count }, () => ({
      rounds: Math.round(own * COMPUTING * roundsPerMs),
      waitMs: Math.round(own * (1 - COMPUTING) * (0.8 + random() * 0.4)),
    }));
    return { name: `${NAMES[index % NAMES.length]}-${index}`, tests };
  });
}

function fileText(file: PlannedFile): string {
  const tests = file.tests.map(
    ({ rounds, waitMs }, index) =>
      `  test('case ${index}', async () => {\n    expect(compute(${rounds})).toBeGreaterThan(0);\n    await wait(${waitMs});\n  }, 60_000);`,
  );
  return `import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compute, mark, wait } from '../work.ts';

beforeAll(() => mark('first'));
afterAll(() => mark('last'));

describe('a part', () => {
${tests.join('\n')}
});
`;
}

/** Marks go to a file outside of the project: one line each, kind and milliseconds since 1970. */
const WORK = `import { appendFileSync } from 'node:fs';

export function mark(kind: string): void {
  if (process.env.BENCH_MARKS) appendFileSync(process.env.BENCH_MARKS, kind + ' ' + (performance.timeOrigin + performance.now()) + '\\n');
}

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function compute(rounds: number): number {
  let value = 1;
  for (let round = 0; round < rounds; round += 1) value = (Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) + round) >>> 0;
  return value + 1;
}
`;

/** Rounds that this machine computes in a millisecond: the best of some tries. */
function calibrate(): number {
  const compute = (rounds: number): number => {
    let value = 1;
    for (let round = 0; round < rounds; round += 1) value = (Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) + round) >>> 0;
    return value + 1;
  };
  let best = 0;
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const from = performance.now();
    compute(CALIBRATION_ROUNDS);
    best = Math.max(best, CALIBRATION_ROUNDS / (performance.now() - from));
  }
  return best;
}

/** The usual small generator: 0 <= value < 1. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const COMPUTING = 0.5;
const FILE_MS_MEAN = 900;
const CALIBRATION_ROUNDS = 5_000_000;
const NAMES = ['parser', 'store', 'view', 'router', 'session', 'format', 'query', 'cache'];
