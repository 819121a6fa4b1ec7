/**
 * How long a test takes, from what it took before: the median over runs, corrected for the machine and for what ran beside it.
 *
 * D1 A run counts once: several attempts of one test in one run are one value (their median), so that a loop of retries does not outvote history.
 * D2 Values are worth what they would have been on a machine of speed 1000 without contention.
 * D3 A test without history gets the median of its folder, else of all, else `PRIOR_MS`: never 0.
 */

/** One recorded duration. */
export interface DurationSample {
  /** Key of the test: never an absolute path. */
  readonly test: string;
  /** Order of runs: higher is later. */
  readonly run: number;
  readonly durationMs: number;
  /** Speed of the machine, 1000 = reference; default 1000. */
  readonly speed?: number;
  /** Tasks that ran at a time on the machine per core, in thousandths; up to 1000 nothing is corrected. Default 1000. */
  readonly load?: number;
}

export interface Prediction {
  /** Milliseconds on a machine of speed 1000; at least 1. */
  readonly durationMs: number;
  /** Half of the values lie within this many milliseconds of it: the median absolute deviation, 0 for one value. */
  readonly deviationMs: number;
  readonly from: 'history' | 'folder' | 'all' | 'prior';
  /** How many runs it rests on. */
  readonly runs: number;
}

export interface Durations {
  predict(test: string): Prediction;
  /** Predicted milliseconds on a machine of that speed, with `load` as in samples. */
  predictOn(test: string, speed: number, load?: number): number;
}

/** Folds samples; the last `RUNS_MAX` runs of each test count. Impossible samples (negative, not finite, 0 speed) are passed over. */
export function createDurations(samples: readonly DurationSample[]): Durations {
  const byTest = new Map<string, number[]>();
  for (const [test, ofTest] of Map.groupBy(samples.filter(isPossible), (sample) => sample.test)) {
    const byRun = Map.groupBy(ofTest, (sample) => sample.run);
    const latest = [...byRun.keys()].sort((a, b) => b - a).slice(0, RUNS_MAX);
    byTest.set(
      test,
      latest.map((run) => median(byRun.get(run)!.map(corrected))),
    );
  }
  const medians = new Map([...byTest].map(([test, values]) => [test, median(values)]));
  const folders = new Map(
    [...Map.groupBy(medians, ([test]) => folderOf(test))].map(([folder, rows]) => [folder, median(rows.map(([, value]) => value))]),
  );
  const all = medians.size > 0 ? median([...medians.values()]) : undefined;

  function predict(test: string): Prediction {
    const values = byTest.get(test);
    if (values) {
      const durationMs = medians.get(test)!;
      const deviationMs = Math.round(median(values.map((value) => Math.abs(value - durationMs))));
      return { durationMs: atLeast1(durationMs), deviationMs, from: 'history', runs: values.length };
    }
    const folder = folders.get(folderOf(test));
    if (folder !== undefined) return { durationMs: atLeast1(folder), deviationMs: 0, from: 'folder', runs: 0 };
    if (all !== undefined) return { durationMs: atLeast1(all), deviationMs: 0, from: 'all', runs: 0 };
    return { durationMs: PRIOR_MS, deviationMs: 0, from: 'prior', runs: 0 };
  }

  return {
    predict,
    predictOn: (test, speed, load = 1000) => atLeast1((predict(test).durationMs * Math.max(1000, load)) / Math.max(1, speed)),
  };
}

/** The middle value; of an even number, the mean of the two in the middle. Of nothing: 0. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** How fast a machine is, from tests that ran there and elsewhere: the median of their ratios, in thousandths; undefined without at least `PAIRS_MIN` of them. */
export function speedOf(pairs: readonly { readonly hereMs: number; readonly referenceMs: number }[]): number | undefined {
  const ratios = pairs
    .filter(({ hereMs, referenceMs }) => hereMs > 0 && referenceMs > 0)
    .map(({ hereMs, referenceMs }) => referenceMs / hereMs);
  return ratios.length < PAIRS_MIN ? undefined : Math.max(1, Math.round(median(ratios) * 1000));
}

const corrected = ({ durationMs, speed = 1000, load = 1000 }: DurationSample): number => (durationMs * speed) / Math.max(1000, load);
const isPossible = ({ durationMs, speed = 1000, load = 1000 }: DurationSample): boolean =>
  Number.isFinite(durationMs) && durationMs >= 0 && speed > 0 && Number.isFinite(speed) && load >= 0 && Number.isFinite(load);
const folderOf = (test: string): string => test.slice(0, Math.max(0, test.lastIndexOf('/')));
const atLeast1 = (value: number): number => Math.max(1, Math.round(value));

/** Of a test that nothing is known of. */
export const PRIOR_MS = 1000;
const RUNS_MAX = 15;
const PAIRS_MIN = 5;
