/**
 * Tasks, their descriptions and attempts in SQLite.
 *
 * K1 This process is the file's one writer, so a row that it has read or written stays true: rows of tasks that are out
 *    are kept over transactions, and a rollback forgets them all.
 * K2 What changes is written once a transaction, before its commit or before a statement that searches the table.
 */
import type { SqliteTx } from '@holdfast/committer/sqlite';
import { type AttemptResult, isTerminal, type RunOrd, type TaskNo } from '@holdfast/model';
import { isActive } from '../attempt-ops.ts';
import type { AttemptRecord, TaskDescription, TaskRecord, TaskTables } from '../tables.ts';
import { createRowBuffer } from './row-buffer.ts';
import { ACTIVE } from './schema.ts';

export interface SqliteTasks extends Pick<
  TaskTables,
  | 'task'
  | 'describe'
  | 'insertTask'
  | 'putTask'
  | 'unfinished'
  | 'delayed'
  | 'insertDependency'
  | 'dependents'
  | 'attempt'
  | 'insertAttempt'
  | 'putAttempt'
  | 'active'
  | 'activeOf'
> {
  /** Keeps rows that another statement has read, unless they are known already. */
  prime(row: TaskRecord, description: DescriptionRow): void;
  /** Writes the tasks that were added. */
  flushNew(): void;
  flush(): void;
  forget(): void;
  allTasks(): TaskRecord[];
  allAttempts(): AttemptRecord[];
}

interface Kept {
  task: TaskRecord | undefined;
  taskChanged: boolean;
  /** Read along with a claim, for the grant. */
  description: DescriptionRow | undefined;
  /** By epoch, those that are known here. */
  attempts: KeptAttempt[];
  /** Stands in the list of changes. */
  listed: boolean;
}
interface KeptAttempt {
  row: AttemptRecord;
  written: boolean;
  changed: boolean;
}

/** Prepares the statements. */
export function createSqliteTasks(tx: SqliteTx): SqliteTasks {
  const select = tx.prepare('SELECT * FROM tasks WHERE run = ? AND n = ?');
  const unfinished = tx.prepare(`SELECT * FROM tasks WHERE run = ? AND (${ACTIVE} OR state = 'queued') ORDER BY n`);
  const delayed = tx.prepare('SELECT * FROM tasks WHERE delayMs > 0 ORDER BY run, n');
  const describe = tx.prepare('SELECT name, predictedMs, body, policy FROM descriptions WHERE run = ? AND n = ?');
  const insertDependency = tx.prepare('INSERT INTO dependencies VALUES (?, ?, ?)');
  // Most tasks have none, and asking for one row is several times cheaper than for all.
  const anyDependent = tx.prepare('SELECT 1 FROM dependencies WHERE run = ? AND n = ? LIMIT 1').pluck();
  const dependents = tx.prepare('SELECT dependent FROM dependencies WHERE run = ? AND n = ? ORDER BY dependent').pluck();
  const selectAttempt = tx.prepare('SELECT * FROM attempts WHERE run = ? AND n = ? AND epoch = ?');
  const active = tx.prepare(`SELECT * FROM attempts WHERE run = ? AND n = ? AND ${ACTIVE} ORDER BY epoch`);
  const ofWorker = tx.prepare(`SELECT * FROM attempts INDEXED BY attempts_active WHERE worker = ? AND ${ACTIVE} ORDER BY run, n, epoch`);
  const all = tx.prepare(`SELECT * FROM attempts INDEXED BY attempts_active WHERE ${ACTIVE} ORDER BY run, n, epoch`);

  // A new task's other columns are constants: binding them took longer than writing them.
  const newTask = "(?, ?, ?, ?, ?, ?, ?, 'queued', 0, 1, 0, 0, 0, ?, 0, ?, 1, 0, NULL, NULL)";
  const newTasks = createRowBuffer(tx, 'INSERT INTO tasks VALUES', 9, newTask);
  const newDescriptions = createRowBuffer(tx, 'INSERT INTO descriptions VALUES', 6);
  const changedTasks = createRowBuffer(tx, 'REPLACE INTO tasks VALUES', 20);
  const newAttempts = createRowBuffer(tx, 'INSERT INTO attempts VALUES', 12);
  const changedAttempts = createRowBuffer(tx, 'REPLACE INTO attempts VALUES', 12);

  const readDescription = createDescriptionReader();
  const runs = new Map<RunOrd, Map<TaskNo, Kept>>();
  let size = 0;
  let changes: Kept[] = [];

  function kept(run: RunOrd, n: TaskNo): Kept {
    let ofRun = runs.get(run);
    if (!ofRun) runs.set(run, (ofRun = new Map()));
    let found = ofRun.get(n);
    if (!found) {
      found = { task: undefined, taskChanged: false, description: undefined, attempts: [], listed: false };
      ofRun.set(n, found);
      size += 1;
    }
    return found;
  }

  function known(run: RunOrd, n: TaskNo): Kept | undefined {
    return runs.get(run)?.get(n);
  }

  function list(entry: Kept): void {
    if (entry.listed) return;
    entry.listed = true;
    changes.push(entry);
    if (changes.length >= CHANGES_MAX) flush();
  }

  function flushNew(): void {
    newTasks.flush();
    newDescriptions.flush();
  }

  function flush(): void {
    flushNew();
    const entries = changes;
    changes = [];
    for (const entry of entries) {
      entry.listed = false;
      if (entry.taskChanged) pushTask(entry.task!);
      entry.taskChanged = false;
      for (const attempt of entry.attempts) {
        if (attempt.changed) pushAttempt(attempt.written ? changedAttempts : newAttempts, attempt.row);
        attempt.written = true;
        attempt.changed = false;
      }
      release(entry);
    }
    changedTasks.flush();
    newAttempts.flush();
    changedAttempts.flush();
    if (size > KEPT_MAX) forgetKept();
  }

  /** A task that is over is asked for no more; a late result reads it again. */
  function release(entry: Kept): void {
    if (entry.attempts.some((attempt) => !isActive(attempt.row))) entry.attempts = entry.attempts.filter(({ row }) => isActive(row));
    const { task } = entry;
    if (!task || !isTerminal(task.state)) return;
    const ofRun = runs.get(task.run)!;
    if (ofRun.delete(task.n)) size -= 1;
    if (ofRun.size === 0) runs.delete(task.run);
  }

  function forgetKept(): void {
    runs.clear();
    size = 0;
  }

  function pushTask(row: TaskRecord): void {
    const { run, n, rank, retries, retryDelayMs, maxLost, onDisconnect, state, epoch, fence, attempts, lost, failures, blocked } = row;
    const { delayMs, ready, version, finalEpoch, reason, ended } = row;
    const policy = [rank, retries, retryDelayMs, maxLost, onDisconnect] as const;
    const counted = [epoch, fence, attempts, lost, failures, blocked, delayMs, ready ? 1 : 0, version, finalEpoch] as const;
    changedTasks.push(run, n, ...policy, state, ...counted, reason, ended);
  }

  const pushAttempt = (buffer: typeof newAttempts, row: AttemptRecord): void => {
    const { run, n, epoch, worker, incarnation, state, hedge, granted, started, ended, reason, result } = row;
    const text = result === null ? null : JSON.stringify(result);
    buffer.push(run, n, epoch, worker, incarnation, state, hedge ? 1 : 0, granted, started, ended, reason, text);
  };

  function keepAttempt(row: AttemptRecord, written: boolean, changed: boolean): void {
    const entry = kept(row.run, row.n);
    const found = entry.attempts.find((attempt) => attempt.row.epoch === row.epoch);
    if (found) {
      found.row = row;
      found.changed ||= changed;
    } else entry.attempts.push({ row, written, changed });
    if (changed) list(entry);
  }

  return {
    task(run, n) {
      const found = known(run, n)?.task;
      if (found) return found;
      if (newTasks.length > 0) flushNew();
      const row = readTask(select.get(run, n));
      if (row) kept(run, n).task = row;
      return row;
    },
    describe(run, n) {
      const entry = known(run, n);
      const found = entry?.description;
      if (found) {
        entry!.description = undefined;
        return readDescription(found);
      }
      if (newDescriptions.length > 0) flushNew();
      return readDescription(describe.get(run, n) as DescriptionRow);
    },
    insertTask(row, { name, predictedMs, body, policy }) {
      newTasks.push(row.run, row.n, row.rank, row.retries, row.retryDelayMs, row.maxLost, row.onDisconnect, row.blocked, row.ready ? 1 : 0);
      newDescriptions.push(row.run, row.n, name, predictedMs, body, JSON.stringify(policy));
      if (newTasks.length >= CHANGES_MAX) flushNew();
    },
    putTask(row) {
      if (newTasks.length > 0) flushNew();
      const entry = kept(row.run, row.n);
      entry.task = row;
      entry.taskChanged = true;
      list(entry);
    },
    unfinished(run) {
      flush();
      return unfinished.all(run).map((row) => readTask(row)!);
    },
    delayed() {
      flush();
      return delayed.all().map((row) => readTask(row)!);
    },
    insertDependency: (run, n, dependent) => void insertDependency.run(run, n, dependent),
    dependents: (run, n) => (anyDependent.get(run, n) === undefined ? [] : (dependents.all(run, n) as number[])),
    attempt(key) {
      const found = known(key.run, key.n)?.attempts.find((attempt) => attempt.row.epoch === key.epoch);
      if (found) return found.row;
      const row = readAttempt(selectAttempt.get(key.run, key.n, key.epoch));
      if (row) keepAttempt(row, true, false);
      return row;
    },
    insertAttempt: (row) => keepAttempt(row, false, true),
    putAttempt: (row) => keepAttempt(row, true, true),
    active(run, n) {
      flush();
      return active.all(run, n).map((row) => readAttempt(row)!);
    },
    activeOf(worker) {
      flush();
      return (worker === undefined ? all.all() : ofWorker.all(worker)).map((row) => readAttempt(row)!);
    },
    prime(row, description) {
      const entry = kept(row.run, row.n);
      entry.task ??= row;
      entry.description ??= description;
    },
    flushNew,
    flush,
    forget() {
      forgetKept();
      changes = [];
      for (const buffer of [newTasks, newDescriptions, changedTasks, newAttempts, changedAttempts]) buffer.clear();
    },
    allTasks: () =>
      tx
        .prepare('SELECT * FROM tasks ORDER BY run, n')
        .all()
        .map((row) => readTask(row)!),
    allAttempts: () =>
      tx
        .prepare('SELECT * FROM attempts ORDER BY run, n, epoch')
        .all()
        .map((row) => readAttempt(row)!),
  };
}

/** A description as its row holds it. */
export interface DescriptionRow {
  readonly name: string;
  readonly predictedMs: number;
  readonly body: string;
  readonly policy: string;
}

/** Most tasks of a run have one policy: it is parsed when its text changes. */
function createDescriptionReader(): (row: DescriptionRow) => TaskDescription {
  let text = '';
  let policy: TaskDescription['policy'] | undefined;
  return (row) => {
    if (policy === undefined || text !== row.policy) policy = JSON.parse(row.policy) as TaskDescription['policy'];
    text = row.policy;
    return { name: row.name, predictedMs: row.predictedMs, body: row.body, policy };
  };
}

const readTask = (row: unknown): TaskRecord | undefined =>
  row === undefined ? undefined : { ...(row as TaskRecord), ready: (row as { ready: number }).ready === 1 };

function readAttempt(given: unknown): AttemptRecord | undefined {
  if (given === undefined) return undefined;
  const row = given as Omit<AttemptRecord, 'hedge' | 'result'> & { hedge: number; result: string | null };
  return { ...row, hedge: row.hedge === 1, result: row.result === null ? null : (JSON.parse(row.result) as AttemptResult) };
}

/** Changed rows of one transaction that are held back at most; more are written at once. */
const CHANGES_MAX = 4096;
/** Rows kept over transactions: more than are out in most fleets, a few MB at most. */
const KEPT_MAX = 16_384;
