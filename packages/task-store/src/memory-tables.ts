/** The rows of the store in Maps, with the indexes that the ops need. */
import type { MemoryTx } from '@holdfast/committer/memory';
import { compareTasks, isTerminal, type LeaseKey, leaseText, type RunCounts, type RunOrd, type TaskNo } from '@holdfast/model';
import { isActive } from './attempt-ops.ts';
import { createReadyIndex } from './ready-index.ts';
import type { AttemptRecord, EventRecord, RunRecord, TaskDescription, TaskRecord, TaskRows, TaskTables, WorkerRecord } from './tables.ts';

/** The tables of a memory committer. Made once per committer: the order of `ready` lives in here. */
export function createMemoryTables(tx: MemoryTx): TaskTables & { rows(): TaskRows } {
  const coordinators = tx.table<string, number>('coordinators');
  const runs = tx.table<RunOrd, RunRecord>('runs');
  const runOfId = tx.table<string, RunOrd>('runs.id');
  const runOfKey = tx.table<string, RunOrd>('runs.key');
  const workers = tx.table<number, WorkerRecord>('workers');
  const workerOfId = tx.table<string, number>('workers.id');
  const tasks = tx.table<string, TaskRecord>('tasks');
  const descriptions = tx.table<string, TaskDescription>('descriptions');
  const dependents = tx.table<string, readonly TaskNo[]>('dependents');
  const attempts = tx.table<string, AttemptRecord>('attempts');
  const activeOf = tx.table<number, readonly LeaseKey[]>('attempts.active');
  const events = tx.table<number, EventRecord>('events');
  const counters = tx.table<string, number>('counters');
  const ready = createReadyIndex(tx.undo);

  const keep = (row: AttemptRecord): void => {
    const text = leaseText(row);
    attempts.set(text, row);
    const list = activeOf.get(row.worker) ?? [];
    const listed = list.some((key) => leaseText(key) === text);
    if (isActive(row) && !listed) activeOf.set(row.worker, [...list, { run: row.run, n: row.n, epoch: row.epoch }]);
    if (!isActive(row) && listed)
      activeOf.set(
        row.worker,
        list.filter((key) => leaseText(key) !== text),
      );
  };
  const putRun = (row: RunRecord): void => runs.set(row.run, row);
  const tasksOf = (run: RunOrd): TaskRecord[] =>
    Array.from({ length: runs.get(run)?.counts.total ?? 0 }, (_, index) => tasks.get(`${run}.${index + 1}`)!);
  const leases = (list: readonly LeaseKey[]): AttemptRecord[] => list.map((key) => attempts.get(leaseText(key))!).sort(byLease);

  return {
    raiseCoordinator(id) {
      const epoch = (coordinators.get(id) ?? 0) + 1;
      coordinators.set(id, epoch);
      return epoch;
    },
    run: (run) => runs.get(run),
    runById: (id) => runs.get(runOfId.get(id) ?? 0),
    runByKey: (principal, key) => runs.get(runOfKey.get(JSON.stringify([principal, key])) ?? 0),
    insertRun(row) {
      const run = runs.size + 1;
      runs.set(run, { ...row, run });
      runOfId.set(row.id, run);
      if (row.key !== null) runOfKey.set(JSON.stringify([row.principal, row.key]), run);
      return run;
    },
    putRun: (row) => putRun({ ...row, counts: runs.get(row.run)!.counts }),
    count(run, change) {
      const row = runs.get(run)!;
      const counts = Object.fromEntries(COUNTS.map((name) => [name, row.counts[name] + (change[name] ?? 0)])) as unknown as RunCounts;
      runs.set(run, { ...row, counts });
      return counts;
    },
    liveRuns: () => [...runs.values()].filter((row) => row.state !== 'finished' && row.state !== 'cancelled').sort((a, b) => a.run - b.run),
    workerById: (id) => workers.get(workerOfId.get(id) ?? 0),
    worker: (worker) => workers.get(worker),
    putWorker(row) {
      const worker = row.worker === 0 ? workers.size + 1 : row.worker;
      workers.set(worker, { ...row, worker });
      workerOfId.set(row.id, worker);
      return worker;
    },
    takeSeq(count) {
      const seq = counters.get('seq') ?? 0;
      counters.set('seq', seq + count);
      return seq;
    },
    task: (run, n) => tasks.get(`${run}.${n}`),
    describe: (run, n) => descriptions.get(`${run}.${n}`)!,
    insertTask(row, description) {
      tasks.set(`${row.run}.${row.n}`, row);
      descriptions.set(`${row.run}.${row.n}`, description);
    },
    putTask: (row) => tasks.set(`${row.run}.${row.n}`, row),
    unfinished: (run) => tasksOf(run).filter((row) => !isTerminal(row.state)),
    delayed() {
      const live = [...runs.values()].filter((row) => row.counts.remaining > 0).sort((a, b) => a.run - b.run);
      return live.flatMap((row) => tasksOf(row.run).filter((task) => task.delayMs > 0));
    },
    insertDependency(run, n, dependent) {
      dependents.set(`${run}.${n}`, [...(dependents.get(`${run}.${n}`) ?? []), dependent]);
    },
    dependents: (run, n) => [...(dependents.get(`${run}.${n}`) ?? [])],
    attempt: (key) => attempts.get(leaseText(key)),
    insertAttempt: keep,
    putAttempt: keep,
    active(run, n) {
      const task = tasks.get(`${run}.${n}`);
      const found: AttemptRecord[] = [];
      for (let epoch = task?.fence ?? 1; epoch <= (task?.epoch ?? 0); epoch += 1) {
        const row = attempts.get(`${run}.${n}.${epoch}`);
        if (row && isActive(row)) found.push(row);
      }
      return found;
    },
    activeOf: (worker) => leases(worker === undefined ? [...activeOf.values()].flat() : (activeOf.get(worker) ?? [])),
    insertReady: ready.insert,
    deleteReady: ready.delete,
    readyFrom: ready.from,
    readyCounts: ready.counts,
    insertEvent(row) {
      const seq = events.size + 1;
      events.set(seq, { ...row, seq });
    },
    rows: () => ({
      runs: [...runs.values()],
      workers: [...workers.values()],
      tasks: [...tasks.values()].sort(compareTasks),
      attempts: [...attempts.values()].sort(byLease),
      ready: ready.all(),
      events: [...events.values()],
    }),
  };
}

const byLease = (a: LeaseKey, b: LeaseKey): number => a.run - b.run || a.n - b.n || a.epoch - b.epoch;
const COUNTS = ['total', 'remaining', 'passed', 'failed', 'errored', 'timedOut', 'cancelled', 'deadLetter', 'lostAttempts'] as const;
