/** What the fold remembers of one task: its listed name and every attempt it has seen, at most once each (F1). */
import type { AttemptResult, CaseResult, Failure, TaskBody, TaskNo, TaskState } from '@holdfast/model';

/** One attempt. `result` set: its recorded end. `lost` set: it died with its machine. Neither: it may still run. */
export interface AttemptRecord {
  readonly epoch: number;
  worker: string;
  result?: AttemptResult;
  final?: boolean;
  lost?: string;
  /** Cases told while it ran (V2), by key; forgotten once the result is there. */
  told?: Map<string, CaseResult>;
}

export interface TaskRecord {
  readonly n: TaskNo;
  name: string;
  /** False until a `task` event names it. */
  listed: boolean;
  state: TaskState;
  kind?: TaskBody['kind'];
  reason?: string;
  predictedMs: number;
  /** Sorted by epoch: grades do not depend on the order of arrival. */
  readonly attempts: AttemptRecord[];
}

export const createTaskRecord = (n: TaskNo): TaskRecord => ({
  n,
  name: `task ${n}`,
  listed: false,
  state: 'queued',
  predictedMs: 0,
  attempts: [],
});

/** The record of attempt `epoch`, made when it is new. */
export function attemptOf(task: TaskRecord, epoch: number, worker: string): AttemptRecord {
  const found = task.attempts.find((attempt) => attempt.epoch === epoch);
  if (found) return found;
  const attempt: AttemptRecord = { epoch, worker };
  const index = task.attempts.findIndex((other) => other.epoch > epoch);
  task.attempts.splice(index < 0 ? task.attempts.length : index, 0, attempt);
  return attempt;
}

/** Identity of a case within its task, before repeated titles are counted. */
export const caseKey = (result: Pick<CaseResult, 'file' | 'path' | 'project'>): string =>
  [result.project ?? '', result.file, ...result.path].join('\u001f');

/** Keys of `cases` in order. Titles used twice in one file are told apart by their number: runners allow it. */
export function caseKeys(cases: readonly CaseResult[]): string[] {
  const seen = new Map<string, number>();
  return cases.map((result) => {
    const key = caseKey(result);
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    return times === 1 ? key : `${key}\u001f#${times}`;
  });
}

/** A copy that keeps a failure's first line only. */
export const firstLineOf = (failure: Failure): Failure => ({ message: failure.message.split('\n', 1)[0]!.slice(0, 500) });
