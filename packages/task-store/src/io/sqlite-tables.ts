/** The rows of the store in SQLite, by prepared statements. What changes in a transaction is written together before its commit. */
import type { SqliteTx } from '@holdfast/committer/sqlite';
import type { Incarnation, Json } from '@holdfast/model';
import type { EventRecord, TaskRows, TaskTables, WorkerRecord } from '../tables.ts';
import { createRowBuffer } from './row-buffer.ts';
import { createSqliteReady } from './sqlite-ready.ts';
import { createSqliteRuns } from './sqlite-runs.ts';
import { createSqliteTasks } from './sqlite-tasks.ts';

export interface SqliteTables extends TaskTables {
  rows(): TaskRows;
}

const opened = new WeakMap<SqliteTx, SqliteTables>();

/** The tables of a transaction object. All modules over it share one: rows that wait to be written are seen by each of them. */
export function sqliteTables(tx: SqliteTx): SqliteTables {
  const known = opened.get(tx);
  if (known) return known;
  const tables = open(tx);
  opened.set(tx, tables);
  return tables;
}

function open(tx: SqliteTx): SqliteTables {
  const runs = createSqliteRuns(tx);
  const tasks = createSqliteTasks(tx);
  const ready = createSqliteReady(tx, runs, tasks);
  const workers = createSqliteWorkers(tx);
  const events = createSqliteEvents(tx);
  const parts = [tasks, ready, runs, events];
  const flush = (): void => {
    for (const part of parts) part.flush();
  };
  tx.beforeCommit(flush);
  tx.rolledBack(() => {
    for (const part of [...parts, workers]) part.forget();
  });
  return {
    ...runs,
    ...workers,
    ...tasks,
    ...ready,
    insertEvent: events.insertEvent,
    rows() {
      flush();
      return {
        runs: runs.all(),
        workers: workers.all(),
        tasks: tasks.allTasks(),
        attempts: tasks.allAttempts(),
        ready: ready.all(),
        events: events.all(),
      };
    },
  };
}

function createSqliteWorkers(tx: SqliteTx): Pick<TaskTables, 'workerById' | 'worker' | 'putWorker'> & {
  forget(): void;
  all(): WorkerRecord[];
} {
  const byId = tx.prepare('SELECT * FROM workers WHERE id = ?');
  const select = tx.prepare('SELECT * FROM workers WHERE worker = ?');
  const put = tx.prepare('INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  /** Every claim asks for its worker. */
  const kept = new Map<number, WorkerRecord>();
  return {
    workerById: (id) => readWorker(byId.get(id)),
    worker(worker) {
      const known = kept.get(worker);
      if (known) return known;
      const row = readWorker(select.get(worker));
      if (kept.size >= WORKERS_KEPT_MAX) kept.clear();
      if (row) kept.set(worker, row);
      return row;
    },
    putWorker(row) {
      const { id, principal, incarnation, sessionEpoch, coordinator, name, seen } = row;
      const worker = row.worker === 0 ? null : row.worker;
      const [former, registration] = [JSON.stringify(row.former), JSON.stringify(row.registration)];
      const done = put.run(worker, id, principal, incarnation, former, sessionEpoch, coordinator, name, registration, seen);
      kept.delete(row.worker);
      return Number(done.lastInsertRowid);
    },
    forget: () => kept.clear(),
    all: () =>
      tx
        .prepare('SELECT * FROM workers ORDER BY worker')
        .all()
        .map((row) => readWorker(row)!),
  };
}

function createSqliteEvents(tx: SqliteTx): Pick<TaskTables, 'insertEvent'> & { flush(): void; forget(): void; all(): EventRecord[] } {
  const buffer = createRowBuffer(tx, 'INSERT INTO events VALUES', 12, '(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  return {
    insertEvent(row) {
      const { run, n, version, kind, epoch, state, fence, worker, principal, reason, count, wall } = row;
      buffer.push(run, n, version, kind, epoch, state, fence, worker, principal, reason, count, wall);
      if (buffer.length >= EVENTS_WAITING_MAX) buffer.flush();
    },
    flush: buffer.flush,
    forget: buffer.clear,
    all: () => tx.prepare('SELECT * FROM events ORDER BY seq').all() as EventRecord[],
  };
}

function readWorker(given: unknown): WorkerRecord | undefined {
  if (given === undefined) return undefined;
  const row = given as Omit<WorkerRecord, 'former' | 'registration'> & { former: string; registration: string };
  return { ...row, former: JSON.parse(row.former) as Incarnation[], registration: JSON.parse(row.registration) as Json };
}

const WORKERS_KEPT_MAX = 4096;
const EVENTS_WAITING_MAX = 4096;
