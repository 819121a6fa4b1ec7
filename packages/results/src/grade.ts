/**
 * Grades over all attempts of one task.
 *
 * R1 Only recorded results speak about tests; a lost attempt says nothing, whatever it had told live.
 * R2 Attempts count in the order of their epochs. The last one that ran a case decides; `flaky` if an earlier one failed.
 * R3 A skip neither clears a failure nor makes a pass flaky.
 * R4 A result that is not `passed`, or carries errors, is never green without a failed case to explain it.
 * R5 Without any recorded result: `infra_lost` if attempts were lost and none is left, else `not_proven` with the reason.
 */
import {
  type Artifact,
  type AttemptOutcome,
  type AttemptResult,
  type CaseResult,
  type Failure,
  type Grade,
  isTerminal,
  type TaskNo,
} from '@holdfast/model';
import { type AttemptRecord, caseKeys, type TaskRecord } from './task-record.ts';

/** `pending`: not decided yet. Never left once the fold is closed. */
export type FileGrade = Grade | 'pending';

/** One failure of one attempt. */
export interface AttemptFailure {
  readonly epoch: number;
  readonly worker: string;
  readonly failure: Failure;
}

/** The verdict on one case. */
export interface CaseVerdict {
  readonly path: readonly string[];
  readonly file: string;
  readonly project?: string;
  readonly line?: number;
  readonly grade: Grade;
  /** Why it is lost, not proven or quarantined. */
  readonly reason?: string;
  /** Of the attempt that decided. */
  readonly durationMs: number;
  /** How often it ran, retries of the runner included; 0 when no recorded attempt ran it. */
  readonly runs: number;
  /** One per attempt that failed it, by epoch. */
  readonly failures: readonly AttemptFailure[];
}

/** The verdict on one task: a test file, or a command. */
export interface FileVerdict {
  readonly n: TaskNo;
  readonly name: string;
  readonly grade: FileGrade;
  /** Why, when its cases do not say it. */
  readonly reason?: string;
  /** Of the attempt that decided; 0 without one. */
  readonly durationMs: number;
  /** How the attempt that decided ended on its worker; absent without one. */
  readonly outcome?: AttemptOutcome;
  /** Recorded results. */
  readonly attempts: number;
  /** Attempts lost with their machine. */
  readonly lost: number;
  /** The worker of the attempt that decided. */
  readonly worker?: string;
  /** Sorted by first appearance. */
  readonly cases: readonly CaseVerdict[];
  /** Of the attempt that decided: errors that belong to the file and to no case. */
  readonly errors: readonly Failure[];
  /** Files that the attempt that decided left. Absent: none. */
  readonly artifacts?: readonly Artifact[];
}

/** Tells whether the repository calls a failure of this case known. */
export type IsQuarantined = (one: Pick<CaseVerdict, 'file' | 'path' | 'project'>) => boolean;

/** Judges one task. `closed`: nothing more will come, so that what has no end is `not_proven`. */
export function judgeTask(task: TaskRecord, closed: boolean, isQuarantined: IsQuarantined): FileVerdict {
  const finished = task.attempts.filter((attempt) => attempt.result !== undefined);
  const lost = task.attempts.filter((attempt) => attempt.lost !== undefined && attempt.result === undefined).length;
  const deciding = finished.at(-1);
  const base = { n: task.n, name: task.name, attempts: finished.length, lost };
  if (!deciding?.result) return judgeWithoutResult(task, closed, base);
  const cases = judgeCases(finished, isQuarantined);
  const settled = deciding.final === true || closed || isTerminal(task.state);
  return {
    ...base,
    ...(settled ? gradeFile(cases, deciding.result, finished) : { grade: 'pending' as const }),
    durationMs: deciding.result.durationMs,
    outcome: deciding.result.outcome,
    worker: deciding.worker,
    cases,
    errors: deciding.result.errors ?? [],
    ...(deciding.result.artifacts ? { artifacts: deciding.result.artifacts } : {}),
  };
}

type Base = Pick<FileVerdict, 'n' | 'name' | 'attempts' | 'lost'>;

function judgeWithoutResult(task: TaskRecord, closed: boolean, base: Base): FileVerdict {
  const ended = closed || task.state === 'dead_letter' || task.state === 'cancelled';
  const empty = { ...base, durationMs: 0, errors: [] };
  if (!ended) return { ...empty, grade: 'pending', cases: [] };
  const last = task.attempts.at(-1);
  const allLost = base.lost > 0 && last?.lost !== undefined && task.state !== 'cancelled';
  const grade = allLost ? 'infra_lost' : 'not_proven';
  const reason = allLost ? `every attempt was lost: ${last.lost}` : missingReason(task, last);
  const cases = toldCases(task).map((told): CaseVerdict => ({ ...identity(told), grade, reason, durationMs: 0, runs: 0, failures: [] }));
  return { ...empty, grade, reason, cases, ...(last ? { worker: last.worker } : {}) };
}

function missingReason(task: TaskRecord, last: AttemptRecord | undefined): string {
  if (task.state === 'cancelled') return task.reason ?? 'cancelled';
  if (task.state === 'passed' || task.state === 'failed' || task.state === 'errored' || task.state === 'timed_out')
    return `recorded as ${task.state}, but its result did not arrive`;
  if (last) return `started on ${last.worker}, no end was reported`;
  return task.reason ?? 'never started';
}

function toldCases(task: TaskRecord): CaseResult[] {
  const all = new Map<string, CaseResult>();
  for (const attempt of task.attempts) for (const [key, told] of attempt.told ?? []) all.set(key, told);
  return [...all.values()];
}

interface Seen {
  readonly last: CaseResult;
  readonly runs: number;
  readonly everFailed: boolean;
  readonly failures: readonly AttemptFailure[];
}

function judgeCases(finished: readonly AttemptRecord[], isQuarantined: IsQuarantined): CaseVerdict[] {
  const seen = new Map<string, Seen>();
  for (const attempt of finished) {
    const { cases } = attempt.result!;
    const keys = caseKeys(cases);
    for (const [index, result] of cases.entries()) {
      const key = keys[index]!;
      seen.set(key, observe(seen.get(key), result, attempt));
    }
  }
  return [...seen.values()].map((one) => judgeCase(one, isQuarantined));
}

function observe(before: Seen | undefined, result: CaseResult, attempt: AttemptRecord): Seen {
  const failure = result.failure ?? (result.grade === 'failed' ? { message: 'failed without a message' } : undefined);
  const speaks = before === undefined || result.grade !== 'skipped';
  return {
    last: speaks ? result : before.last,
    runs: (before?.runs ?? 0) + (result.grade === 'skipped' ? 0 : result.attempts),
    everFailed: (before?.everFailed ?? false) || result.grade === 'failed' || result.grade === 'flaky',
    failures: failure ? [...(before?.failures ?? []), { epoch: attempt.epoch, worker: attempt.worker, failure }] : (before?.failures ?? []),
  };
}

function judgeCase(seen: Seen, isQuarantined: IsQuarantined): CaseVerdict {
  const { last, runs, failures } = seen;
  const common = { ...identity(last), durationMs: last.durationMs, runs, failures };
  if (last.grade === 'skipped') return { ...common, grade: 'skipped' };
  if (last.grade === 'failed')
    return isQuarantined(last) ? { ...common, grade: 'quarantined', reason: 'a known failure' } : { ...common, grade: 'failed' };
  return { ...common, grade: seen.everFailed ? 'flaky' : 'passed' };
}

const identity = (result: CaseResult): Pick<CaseVerdict, 'path' | 'file' | 'project' | 'line'> => ({
  path: result.path,
  file: result.file,
  ...(result.project === undefined ? {} : { project: result.project }),
  ...(result.line === undefined ? {} : { line: result.line }),
});

function gradeFile(
  cases: readonly CaseVerdict[],
  result: AttemptResult,
  finished: readonly AttemptRecord[],
): { readonly grade: Grade; readonly reason?: string } {
  const has = (grade: Grade): boolean => cases.some((one) => one.grade === grade);
  const errors = result.errors?.length ?? 0;
  if (has('failed')) return { grade: 'failed', ...(result.reason === undefined ? {} : { reason: result.reason }) };
  if (errors > 0) return { grade: 'failed', reason: result.reason ?? `${errors} ${errors === 1 ? 'error' : 'errors'} outside of any test` };
  if (result.outcome === 'cancelled') return { grade: 'not_proven', reason: result.reason ?? 'cancelled while it ran' };
  if (result.outcome !== 'passed') {
    const explained = result.outcome === 'failed' && has('quarantined');
    return explained ? { grade: 'quarantined' } : { grade: 'failed', reason: result.reason ?? OUTCOME_REASONS[result.outcome] };
  }
  if (has('quarantined')) return { grade: 'quarantined' };
  const failedBefore = finished.some((attempt) => NOT_GREEN.has(attempt.result!.outcome));
  if (failedBefore || has('flaky')) return { grade: 'flaky' };
  return { grade: cases.length > 0 && cases.every((one) => one.grade === 'skipped') ? 'skipped' : 'passed' };
}

const OUTCOME_REASONS = {
  failed: 'the runner reported a failure, but no failed test',
  errored: 'the runner did not finish properly',
  timed_out: 'ended by force when its time was up',
};
const NOT_GREEN: ReadonlySet<string> = new Set(['failed', 'errored', 'timed_out']);
