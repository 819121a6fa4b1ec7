/** The steps that several ops share: writing a transition with its event, revoking leases, settling a task and its run. */
import type { Verdict } from '@holdfast/committer';
import { assert } from '@holdfast/kernel';
import { isTerminal, type Json, mayFollow, type TaskState } from '@holdfast/model';
import type { CancelledTask, LeaseRow, ReadyCount, RunNow, RunRow } from './ops.ts';
import type { AttemptRecord, AttemptState, EventKind, EventRecord, RunRecord, TaskRecord, TaskTables } from './tables.ts';

export const applied = <Value>(value: Value): Verdict<Value> => ({ kind: 'applied', value });
export const refused = <Value>(reason: string, row?: Json): Verdict<Value> =>
  row === undefined ? { kind: 'refused', reason } : { kind: 'refused', reason, row };

export const runRow = ({ run, id, name, state, spec, class: className, counts }: RunRecord): RunRow => ({
  run,
  id,
  name,
  state,
  spec,
  class: className,
  counts,
});

export const runNow = ({ run, state, counts }: RunRecord, ended: boolean): RunNow => ({ run, state, counts, ended });

export function leaseRow(tables: TaskTables, row: AttemptRecord, task = tables.task(row.run, row.n)!): LeaseRow {
  const { run, n, epoch, worker, incarnation } = row;
  return { run, n, epoch, worker, incarnation, state: row.state as LeaseRow['state'], onDisconnect: task.onDisconnect, hedged: task.ready };
}

/** Runnable as far as the task itself tells; its run may still be interrupted. */
export const isRunnable = (task: TaskRecord): boolean => task.state === 'queued' && task.blocked === 0 && task.delayMs === 0 && !task.ready;

type TaskEvent = Pick<EventRecord, 'wall'> & { readonly kind: EventKind } & Partial<Omit<EventRecord, 'kind' | 'wall'>>;

/** Writes the row at its next version, with the event of the transition (O4). */
export function writeTask(tables: TaskTables, next: TaskRecord, event: TaskEvent): TaskRecord {
  const row = { ...next, version: next.version + 1 };
  tables.putTask(row);
  tables.insertEvent({
    run: row.run,
    n: row.n,
    version: row.version,
    kind: event.kind,
    epoch: event.epoch ?? 0,
    state: row.state,
    fence: row.fence,
    worker: event.worker ?? null,
    principal: event.principal ?? null,
    reason: event.reason ?? null,
    count: 0,
    wall: event.wall,
  });
  return row;
}

/** Writes a run's state at its next version, with its event. */
export function putRunState(tables: TaskTables, next: RunRecord, kind: EventKind, wall: number, principal: string | null): RunRecord {
  const row = { ...next, version: next.version + 1 };
  tables.putRun(row);
  tables.insertEvent({
    run: row.run,
    n: 0,
    version: row.version,
    kind,
    epoch: 0,
    state: row.state,
    fence: 0,
    worker: null,
    principal,
    reason: null,
    count: 0,
    wall,
  });
  return row;
}

/** The valid leases of a task, by epoch, except for one. Asks the tables only where there can be a second one. */
export function otherLeases(tables: TaskTables, task: TaskRecord, except = 0): AttemptRecord[] {
  if (task.state === 'queued' || (task.fence === task.epoch && except === task.epoch)) return [];
  return tables.active(task.run, task.n).filter((row) => row.epoch !== except);
}

/** Ends every valid lease of a task without a result, and tells which they were. */
export function revokeActive(tables: TaskTables, task: TaskRecord, as: AttemptState, wall: number, except = 0): LeaseRow[] {
  const leases = otherLeases(tables, task, except);
  for (const row of leases) tables.putAttempt({ ...row, state: as, ended: wall });
  return leases.map((row) => leaseRow(tables, row, task));
}

/** Takes the `ready` row away, if there is one. The caller writes `ready: false`. */
export function unready(tables: TaskTables, task: TaskRecord, className: string): boolean {
  if (task.ready) tables.deleteReady({ class: className, rank: task.rank, run: task.run, n: task.n });
  return task.ready;
}

/** Inserts the `ready` row. The caller writes the row returned. */
export function makeReady(tables: TaskTables, task: TaskRecord, className: string): TaskRecord {
  assert(!task.ready, 'one ready row a task', { run: task.run, n: task.n });
  tables.insertReady({ class: className, rank: task.rank, run: task.run, n: task.n });
  return { ...task, ready: true };
}

/** Ends a sealed run whose tasks are all terminal, in the transaction of the last one. */
export function endRunIfDone(tables: TaskTables, ordinal: number, wall: number): RunNow {
  const run = tables.run(ordinal)!;
  if (!run.sealed || run.counts.remaining > 0 || run.state === 'finished' || run.state === 'cancelled') return runNow(run, false);
  return runNow(putRunState(tables, { ...run, state: 'finished', ended: wall }, 'run.finished', wall, null), true);
}

/** What became of the tasks that waited for one that is over: how many are runnable now, and which were cancelled with it. */
export interface Dependents {
  readonly ready: number;
  readonly cancelled: readonly CancelledTask[];
}
export const NO_DEPENDENTS: Dependents = { ready: 0, cancelled: [] };

/** Counts a task that became terminal and, if it did not pass, cancels all that wait for it. */
export function releaseDependents(tables: TaskTables, run: RunRecord, task: TaskRecord, wall: number): Dependents {
  tables.count(run.run, { remaining: -1, [COUNTER[task.state]!]: 1 });
  if (task.state === 'passed') return { ready: unblock(tables, run, task), cancelled: [] };
  const cancelled: CancelledTask[] = [];
  const ended = [task.n];
  for (let n = ended.pop(); n !== undefined; n = ended.pop()) {
    for (const dependent of tables.dependents(run.run, n)) {
      const row = tables.task(run.run, dependent)!;
      if (isTerminal(row.state)) continue;
      // It waited for this one from the start: it never ran, and left no checkpoint.
      const reason = `task ${n} did not pass`;
      writeTask(
        tables,
        { ...row, state: 'cancelled', fence: row.epoch + 1, reason, ended: wall },
        { kind: 'task.cancelled', wall, reason },
      );
      tables.count(run.run, { remaining: -1, cancelled: 1 });
      cancelled.push({ n: dependent, reason });
      ended.push(dependent);
    }
  }
  return { ready: 0, cancelled };
}

function unblock(tables: TaskTables, run: RunRecord, task: TaskRecord): number {
  let ready = 0;
  for (const n of tables.dependents(run.run, task.n)) {
    const row = tables.task(run.run, n)!;
    if (isTerminal(row.state)) continue;
    const next = { ...row, blocked: row.blocked - 1 };
    assert(next.blocked >= 0, 'open dependencies are counted down to 0', { run: run.run, n });
    const runnable = isRunnable(next) && run.state !== 'interrupted';
    tables.putTask(runnable ? makeReady(tables, next, run.class) : next);
    if (runnable) ready += 1;
  }
  return ready;
}

/** A count by class, without zeros. */
export const readyCount = (className: string, count: number): ReadyCount[] => (count === 0 ? [] : [{ class: className, count }]);

/** Guards the table of legal transitions right before a write. */
export function assertFollows(from: TaskState, to: TaskState, task: TaskRecord): void {
  assert(from === to || mayFollow(from, to), 'tasks follow the table of transitions', { from, to, run: task.run, n: task.n });
}

const COUNTER: Readonly<Partial<Record<TaskState, string>>> = {
  passed: 'passed',
  failed: 'failed',
  errored: 'errored',
  timed_out: 'timedOut',
  cancelled: 'cancelled',
  dead_letter: 'deadLetter',
};
