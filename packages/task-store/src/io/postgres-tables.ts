/** The port of the decisions over the working set of a batch, and what each op will probably read. */
import { BLOBS } from '@holdfast/blob-store/postgres';
import { CHECKPOINTS } from '@holdfast/checkpoint-store/postgres';
import type { Op } from '@holdfast/committer';
import { COORDINATORS, type Needs, type PostgresTx } from '@holdfast/committer/postgres';
import type { LeaseKey, RunOrd, TaskKey, TaskNo } from '@holdfast/model';
import { isActive } from '../attempt-ops.ts';
import type { TaskOp } from '../ops.ts';
import type { AttemptRecord, ReadyRecord, RunRecord, TaskRecord, TaskTables } from '../tables.ts';
import {
  DEPENDENTS,
  DESCRIPTIONS,
  EVENTS,
  NUMBERS,
  RUN_SPECS,
  type RunRow,
  RUNS,
  type TaskBundle,
  TASKS,
  WORKERS,
} from './postgres-collections.ts';
import { HELD, LISTS, needWindow, READY_COUNTS, RUN_IDS, RUN_KEYS, UNFINISHED, WINDOWS, WORKER_IDS } from './postgres-finds.ts';

/** The tables of a committer. */
export function createPostgresTables(tx: PostgresTx): TaskTables {
  return {
    ...runTables(tx),
    ...workerTables(tx),
    ...taskTables(tx),
    ...attemptTables(tx),
    ...readyTables(tx),
    insertEvent: (row) => tx.append(EVENTS, row),
  };
}

type Part<Names extends keyof TaskTables> = Pick<TaskTables, Names>;

function runTables(
  tx: PostgresTx,
): Part<'raiseCoordinator' | 'run' | 'runById' | 'runByKey' | 'insertRun' | 'putRun' | 'count' | 'liveRuns' | 'takeSeq'> {
  const take = (name: 'run' | 'seq', count: number): number => {
    const value = tx.get(NUMBERS, name)!;
    tx.set(NUMBERS, name, value + count);
    return value;
  };
  const read = (row: RunRow | undefined): RunRecord | undefined =>
    row && {
      ...row,
      get spec() {
        return tx.get(RUN_SPECS, row.run)!.spec;
      },
      get client() {
        return tx.get(RUN_SPECS, row.run)!.client;
      },
    };
  const run = (ordinal: RunOrd): RunRecord | undefined => read(tx.get(RUNS, ordinal));
  const named = (ordinal: number | undefined): RunRecord | undefined => (ordinal === undefined ? undefined : run(ordinal));
  return {
    raiseCoordinator: (id, wall) => tx.raiseCoordinator(id, wall),
    run,
    runById: (id) => named(tx.get(RUN_IDS, id)),
    runByKey: (principal, key) => named(tx.get(RUN_KEYS, { principal, key })),
    insertRun({ spec, client, ...row }) {
      const ordinal = take('run', 1) + 1;
      tx.insert(RUNS, ordinal, { ...row, run: ordinal });
      tx.insert(RUN_SPECS, ordinal, { spec, client });
      tx.insert(RUN_IDS, row.id, ordinal);
      if (row.key !== null) tx.insert(RUN_KEYS, { principal: row.principal, key: row.key }, ordinal);
      return ordinal;
    },
    putRun({ run: ordinal, state, sealed, version, ended }) {
      tx.set(RUNS, ordinal, { ...tx.get(RUNS, ordinal)!, state, sealed, version, ended });
    },
    count(ordinal, change) {
      const row = tx.get(RUNS, ordinal)!;
      const counts = { ...row.counts };
      for (const [name, by] of Object.entries(change)) counts[name as keyof typeof counts] += by;
      tx.set(RUNS, ordinal, { ...row, counts });
      return counts;
    },
    liveRuns: () => tx.get(LISTS, 'live runs')!.map((key) => run(key.run)!),
    takeSeq: (count) => take('seq', count),
  };
}

function workerTables(tx: PostgresTx): Part<'workerById' | 'worker' | 'putWorker'> {
  return {
    workerById(id) {
      const worker = tx.get(WORKER_IDS, id);
      return worker === undefined ? undefined : tx.get(WORKERS, worker);
    },
    worker: (worker) => tx.get(WORKERS, worker),
    putWorker(row) {
      if (row.worker !== 0) {
        tx.set(WORKERS, row.worker, row);
        return row.worker;
      }
      const worker = tx.get(NUMBERS, 'worker')! + 1;
      tx.set(NUMBERS, 'worker', worker);
      tx.insert(WORKERS, worker, { ...row, worker });
      tx.insert(WORKER_IDS, row.id, worker);
      tx.insert(HELD, worker, []);
      return worker;
    },
  };
}

function taskTables(
  tx: PostgresTx,
): Part<'task' | 'describe' | 'insertTask' | 'putTask' | 'unfinished' | 'delayed' | 'insertDependency' | 'dependents'> {
  const task = (run: RunOrd, n: TaskNo): TaskRecord | undefined => tx.get(TASKS, { run, n })?.task;
  return {
    task,
    describe: (run, n) => tx.get(DESCRIPTIONS, { run, n })!,
    insertTask(row, description, className) {
      tx.insert(TASKS, row, { task: row, className, attempts: [] });
      tx.insert(DESCRIPTIONS, row, description);
      tx.insert(DEPENDENTS, row, []);
    },
    putTask: (row) => tx.set(TASKS, row, { ...tx.get(TASKS, row)!, task: row }),
    unfinished: (run) =>
      tx
        .get(UNFINISHED, run)!
        .map((n) => task(run, n)!)
        .sort((a, b) => a.n - b.n),
    delayed: () => tx.get(LISTS, 'delayed tasks')!.map(({ run, n }) => task(run, n)!),
    insertDependency(run, n, dependent) {
      const key = { run, n };
      tx.set(DEPENDENTS, key, [...tx.get(DEPENDENTS, key)!, dependent]);
    },
    // In one batch dependents are added by rising number, and what was loaded is sorted.
    dependents: (run, n) => [...(tx.get(DEPENDENTS, { run, n }) ?? [])],
  };
}

function attemptTables(tx: PostgresTx): Part<'attempt' | 'insertAttempt' | 'putAttempt' | 'active' | 'activeOf'> {
  const bundle = (key: TaskKey): TaskBundle | undefined => tx.get(TASKS, { run: key.run, n: key.n });
  const put = (row: AttemptRecord): void => {
    const own = bundle(row)!;
    const index = own.attempts.findIndex((one) => one.epoch === row.epoch);
    const attempts = index < 0 ? [...own.attempts, row] : own.attempts.with(index, row);
    tx.set(TASKS, { run: row.run, n: row.n }, { ...own, attempts });
  };
  return {
    attempt: (key) => bundle(key)?.attempts.find((row) => row.epoch === key.epoch),
    insertAttempt: put,
    putAttempt: put,
    active: (run, n) => bundle({ run, n })?.attempts.filter(isActive) ?? [],
    activeOf(worker = 0) {
      const keys = new Map<string, TaskKey>();
      for (const key of tx.get(HELD, worker)!) keys.set(`${key.run}.${key.n}`, key);
      // What this batch granted is not in the database yet.
      for (const own of tx.known(TASKS)) if (own) keys.set(`${own.task.run}.${own.task.n}`, own.task);
      const rows = [...keys.values()].flatMap((key) => bundle(key)?.attempts ?? []);
      return rows.filter((row) => isActive(row) && (worker === 0 || row.worker === worker)).sort(byLease);
    },
  };
}

function readyTables(tx: PostgresTx): Part<'insertReady' | 'deleteReady' | 'readyFrom' | 'readyCounts'> {
  const setClass = (row: ReadyRecord): void => {
    const key = { run: row.run, n: row.n };
    const own = tx.get(TASKS, key)!;
    if (own.className !== row.class) tx.set(TASKS, key, { ...own, className: row.class });
  };
  const isReady = (row: ReadyRecord): boolean => tx.get(TASKS, { run: row.run, n: row.n })?.task.ready === true;
  return {
    insertReady: setClass,
    deleteReady: setClass,
    readyFrom(className, from, limit) {
      const window = tx.get(WINDOWS, { class: className, more: limit })!;
      const rows = new Map<string, ReadyRecord>();
      for (const row of window.rows) rows.set(`${row.run}.${row.n}`, row);
      // What this batch made ready is not in the database yet.
      for (const own of tx.known(TASKS)) {
        if (own?.className !== className || !own.task.ready) continue;
        const { run, n, rank } = own.task;
        rows.set(`${run}.${n}`, { class: className, rank, run, n });
      }
      const end = window.whole ? undefined : window.rows.at(-1);
      const known = [...rows.values()].filter(
        (row) => (!from || compareReady(row, from) > 0) && (!end || compareReady(row, end) <= 0) && isReady(row),
      );
      if (known.length < limit && !window.whole) tx.miss(WINDOWS, { class: className, more: limit - known.length });
      return known.sort(compareReady).slice(0, limit);
    },
    readyCounts: () => [...tx.get(READY_COUNTS, 'all')!],
  };
}

/** What `op` will probably read; wrong hints cost a round trip, nothing else. */
export function hintTask(given: Op, needs: Needs): void {
  const op = given as TaskOp;
  switch (op.op) {
    case 'task.startCoordinator':
      needs.add(COORDINATORS, op.coordinator);
      needs.add(LISTS, 'live runs');
      needs.add(LISTS, 'delayed tasks');
      needs.add(HELD, 0);
      needs.add(READY_COUNTS, 'all');
      return;
    case 'task.openRun':
      needs.add(NUMBERS, 'run');
      needs.add(RUN_IDS, op.id);
      if (op.key !== undefined) needs.add(RUN_KEYS, { principal: op.principal, key: op.key });
      return;
    case 'task.addTasks':
      needs.add(NUMBERS, 'seq');
      needs.add(RUNS, op.run);
      for (const n of new Set(op.tasks.flatMap((spec) => spec.after ?? []))) needs.add(DEPENDENTS, { run: op.run, n });
      for (const n of new Set(op.tasks.flatMap((spec) => spec.after ?? []))) needs.add(TASKS, { run: op.run, n });
      return;
    case 'task.hello':
      needs.add(WORKER_IDS, op.worker);
      return;
    case 'task.claim':
      needs.add(WORKERS, op.worker);
      if (op.credits > 0) for (const className of new Set(op.classes)) needWindow(needs, className, op.credits);
      return;
    case 'task.finished':
    case 'task.lost':
    case 'task.cancel':
      needs.add(DEPENDENTS, op);
      needs.add(TASKS, op);
      needs.add(CHECKPOINTS, { run: op.run, n: op.n });
      if (op.op === 'task.finished') for (const { digest } of op.result.artifacts ?? []) needs.add(BLOBS, digest);
      return;
    case 'task.unhedge':
      needs.add(WORKERS, op.worker);
      needs.add(TASKS, op);
      return;
    case 'task.cancelRun':
    case 'task.interruptRun':
    case 'task.resumeRun':
      needs.add(UNFINISHED, op.run);
      return;
    case 'task.sealRun':
      needs.add(RUNS, op.run);
      return;
    default:
      needs.add(TASKS, op);
  }
}

/** Ops that read what no key names. */
export const scansTasks = (op: Op): boolean => SCANS.has(op.op);

const SCANS: ReadonlySet<string> = new Set(['task.startCoordinator', 'task.cancelRun', 'task.interruptRun', 'task.resumeRun']);
const compareReady = (a: ReadyRecord, b: ReadyRecord): number => a.rank - b.rank || a.run - b.run || a.n - b.n;
const byLease = (a: LeaseKey, b: LeaseKey): number => a.run - b.run || a.n - b.n || a.epoch - b.epoch;
