/** Rows of PostgreSQL as records. */
import type { AttemptResult, Incarnation, Json } from '@holdfast/model';
import type { AttemptRecord, TaskRecord, WorkerRecord } from '../tables.ts';
import type { RunRow } from './postgres-collections.ts';

type Row = Readonly<Record<string, unknown>>;

export function readRun(row: Row): RunRow {
  const { run, id, name, principal, key, keyHash, className, state, sealed, version, created, ended, ...rest } = row;
  const { total, remaining, passed, failed, errored, timedOut, cancelled, deadLetter, lostAttempts } = rest;
  return {
    ...{ run, id, name, principal, key, keyHash, class: className, state, sealed: sealed === 1, version, created, ended },
    counts: { total, remaining, passed, failed, errored, timedOut, cancelled, deadLetter, lostAttempts },
  } as RunRow;
}

export const readTask = (row: Row): TaskRecord => ({ ...(row as unknown as TaskRecord), ready: row['ready'] === 1 });

export function readWorker(given: Row): WorkerRecord {
  const row = given as unknown as Omit<WorkerRecord, 'former' | 'registration'> & { former: string; registration: string };
  return { ...row, former: JSON.parse(row.former) as Incarnation[], registration: JSON.parse(row.registration) as Json };
}

export function readAttempt(given: Row): AttemptRecord {
  const row = given as unknown as Omit<AttemptRecord, 'hedge' | 'result'> & { hedge: number; result: string | null };
  return { ...row, hedge: row.hedge === 1, result: row.result === null ? null : (JSON.parse(row.result) as AttemptResult) };
}
