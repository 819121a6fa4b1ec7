/**
 * Durations of earlier runs, and what failed last.
 *
 * H1 Keys are unit texts, never absolute paths: history moves with the repository.
 * H2 One sample per unit and run: pieces told in one update are summed (a split file is one file), a repeated update of
 *    the same run replaces. The prediction is the median over runs, so one overloaded run cannot bend the plan.
 * H3 Only attempts that ran to their end are samples: what timed out or crashed says nothing about how long it takes.
 * H4 Bounded: `SAMPLES_MAX` samples a unit, `UNITS_MAX` units; the longest unseen go first.
 */
import { bad, ok, type Result } from '@holdfast/kernel';
import { type Grade, type TestUnit, unitText } from '@holdfast/model';
import type { RunFold } from './fold.ts';

/** Format 1. Plain JSON. */
export interface DurationHistory {
  readonly version: 1;
  /** Raised by each run; names runs in `samples` and `seen`. */
  readonly serial: number;
  /** Ids of the last runs with their serials, oldest first, at most `SAMPLES_MAX`: a repeated update is recognised. */
  readonly runs: readonly (readonly [id: string, serial: number])[];
  readonly units: Readonly<Record<string, UnitHistory>>;
}

export interface UnitHistory {
  /** [serial of the run, whole milliseconds], oldest first. */
  readonly samples: readonly (readonly [serial: number, ms: number])[];
  /** Grade in the last run that included it. */
  readonly last: Grade;
  /** Serial of that run. */
  readonly seen: number;
}

/** One unit of one run. */
export interface RunUnit {
  readonly unit: TestUnit | string;
  readonly grade: Grade;
  /** Absent: no sample (H3). */
  readonly durationMs?: number;
}

/** What `updateHistory` takes in: one run. */
export interface RunDurations {
  readonly id: string;
  readonly units: readonly RunUnit[];
}

export const EMPTY_HISTORY: DurationHistory = { version: 1, serial: 0, runs: [], units: {} };

/** Samples kept of each unit. */
export const SAMPLES_MAX = 10;
/** Units kept. */
export const UNITS_MAX = 50_000;

/** `history` with one run added. Units that the run did not include keep what they had. */
export function updateHistory(history: DurationHistory, run: RunDurations): DurationHistory {
  const known = history.runs.find(([id]) => id === run.id)?.[1];
  const serial = known ?? history.serial + 1;
  const units = new Map(Object.entries(history.units));
  for (const [key, piece] of piecesOf(run.units)) {
    const before = (units.get(key)?.samples ?? []).filter(([other]) => other !== serial);
    const samples = piece.ms === undefined ? before : [...before, [serial, piece.ms] as const].slice(-SAMPLES_MAX);
    units.set(key, { samples, last: piece.grade, seen: serial });
  }
  return {
    version: 1,
    serial: Math.max(history.serial, serial),
    runs: known === undefined ? [...history.runs, [run.id, serial] as const].slice(-SAMPLES_MAX) : history.runs,
    units: Object.fromEntries(bounded(units)),
  };
}

/** Median of the unit's samples in whole milliseconds; undefined without any. */
export function predict(history: DurationHistory, unit: TestUnit | string): number | undefined {
  const key = keyOf(unit);
  const samples = Object.hasOwn(history.units, key) ? history.units[key]!.samples : [];
  return median(samples.map(([, ms]) => ms));
}

/**
 * `units` with the longest first, equal ones by unit text.
 *
 * A unit without history counts as the median of the known ones: put first, fifty new tiny files would delay the known
 * giants; put last, a new giant would end the run alone. The median errs least either way. Without any history
 * the order is that of the unit texts.
 */
export function orderLongestFirst<Unit extends TestUnit>(units: readonly Unit[], predicted: (unit: Unit) => number | undefined): Unit[] {
  const entries = units.map((unit) => ({ unit, text: unitText(unit), ms: predicted(unit) }));
  const prior = median(entries.flatMap(({ ms }) => (ms === undefined ? [] : [ms]))) ?? 0;
  return entries.sort((a, b) => (b.ms ?? prior) - (a.ms ?? prior) || compareTexts(a.text, b.text)).map(({ unit }) => unit);
}

/** Unit texts whose last grade asks for another run: failed, lost or not proven. Sorted. */
export function lastFailed(history: DurationHistory): string[] {
  const again = Object.entries(history.units).filter(([, { last }]) => last === 'failed' || last === 'infra_lost' || last === 'not_proven');
  return again.map(([key]) => key).sort(compareTexts);
}

/** What a closed fold adds to history. Names of tasks are the keys. */
export function runDurations(id: string, fold: Pick<RunFold, 'files'>): RunDurations {
  const units: RunUnit[] = [];
  for (const file of fold.files()) {
    if (file.grade === 'pending') continue;
    const complete = file.outcome === 'passed' || file.outcome === 'failed';
    units.push({ unit: file.name, grade: file.grade, ...(complete ? { durationMs: file.durationMs } : {}) });
  }
  return { id, units };
}

/** Reads format 1 back. Unknown fields are dropped; anything malformed is a problem, never half a history. */
export function parseHistory(text: string): Result<DurationHistory, string> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return bad('it is not JSON');
  }
  if (!isRecord(data)) return bad('it is not an object');
  if (data['version'] !== 1) return bad(`its version is ${JSON.stringify(data['version'])?.slice(0, 40) ?? 'missing'}, not 1`);
  const { serial, runs, units } = data;
  if (!isCount(serial) || !Array.isArray(runs) || !isRecord(units)) return bad('its shape is not that of version 1');
  if (!runs.every((run) => Array.isArray(run) && typeof run[0] === 'string' && isCount(run[1]))) return bad('its runs are malformed');
  const read = Object.entries(units);
  const wrong = read.find(([, unit]) => !isUnitHistory(unit));
  if (wrong) return bad(`its unit ${JSON.stringify(wrong[0].slice(0, 80))} is malformed`);
  return ok({ version: 1, serial, runs: runs as DurationHistory['runs'], units: Object.fromEntries(read) as DurationHistory['units'] });
}

interface Piece {
  ms: number | undefined;
  grade: Grade;
}

function piecesOf(units: readonly RunUnit[]): Map<string, Piece> {
  const pieces = new Map<string, Piece>();
  for (const { unit, grade, durationMs } of units) {
    const key = keyOf(unit);
    const before = pieces.get(key);
    const ms = durationMs === undefined ? undefined : Math.max(0, Math.round(durationMs));
    if (!before) pieces.set(key, { ms, grade });
    else {
      before.ms = before.ms === undefined || ms === undefined ? (before.ms ?? ms) : before.ms + ms;
      if (GRADE_WEIGHTS[grade] > GRADE_WEIGHTS[before.grade]) before.grade = grade;
    }
  }
  return pieces;
}

function bounded(units: Map<string, UnitHistory>): [string, UnitHistory][] {
  const entries = [...units];
  if (entries.length > UNITS_MAX) entries.sort(([a, one], [b, other]) => other.seen - one.seen || compareTexts(a, b));
  return entries.slice(0, UNITS_MAX).sort(([a], [b]) => compareTexts(a, b));
}

function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : Math.round((sorted[middle - 1]! + sorted[middle]!) / 2);
}

const keyOf = (unit: TestUnit | string): string => (typeof unit === 'string' ? unit : unitText(unit));
const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isUnitHistory = (value: unknown): boolean =>
  isRecord(value) &&
  typeof value['last'] === 'string' &&
  Object.hasOwn(GRADE_WEIGHTS, value['last']) &&
  isCount(value['seen']) &&
  Array.isArray(value['samples']) &&
  value['samples'].every((sample) => Array.isArray(sample) && isCount(sample[0]) && isCount(sample[1]));

/** The worse of two grades speaks for a unit told in pieces. */
const GRADE_WEIGHTS: Readonly<Record<Grade, number>> = {
  skipped: 0,
  passed: 1,
  flaky: 2,
  quarantined: 3,
  infra_lost: 4,
  not_proven: 5,
  failed: 6,
};
