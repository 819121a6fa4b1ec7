/**
 * The queue in SQLite: one row for each runnable task.
 *
 * A claim reads the first rows of a class and takes most of them: their tasks are read along with them, and rows that were
 * read one after another are deleted as one range.
 */
import type { SqliteTx } from '@holdfast/committer/sqlite';
import type { ReadyRecord, TaskRecord, TaskTables } from '../tables.ts';
import { createRowBuffer } from './row-buffer.ts';
import type { SqliteRuns } from './sqlite-runs.ts';
import type { DescriptionRow, SqliteTasks } from './sqlite-tasks.ts';

export interface SqliteReady extends Pick<TaskTables, 'insertReady' | 'deleteReady' | 'readyFrom' | 'readyCounts'> {
  flush(): void;
  forget(): void;
  all(): ReadyRecord[];
}

/** Prepares the statements. */
export function createSqliteReady(tx: SqliteTx, runs: SqliteRuns, tasks: SqliteTasks): SqliteReady {
  const first = tx.prepare(`${SELECT} WHERE r.class = ? ${ORDER}`).raw();
  const next = tx.prepare(`${SELECT} WHERE r.class = ? AND (r.rank, r.run, r.n) > (?, ?, ?) ${ORDER}`).raw();
  const remove = tx.prepare('DELETE FROM ready WHERE class = ? AND rank = ? AND run = ? AND n = ?');
  const removeRange = tx.prepare('DELETE FROM ready WHERE class = ? AND (rank, run, n) BETWEEN (?, ?, ?) AND (?, ?, ?)');
  const counts = tx.prepare(
    'SELECT name AS class, count FROM (SELECT class AS id, count(*) AS count FROM ready GROUP BY class) JOIN classes ON class = id ORDER BY name',
  );
  const inserts = createRowBuffer(tx, 'INSERT INTO ready VALUES', 4);
  /** The page that was read last; nothing was written to the table since. */
  let page: readonly ReadyRecord[] = [];
  /** Rows to delete: the first `taken` of `page`, in its order. */
  let taken = 0;

  function flushTaken(): void {
    if (taken > 0) {
      const [from, to] = [page[0]!, page[taken - 1]!];
      removeRange.run(runs.classOf(from.class), from.rank, from.run, from.n, to.rank, to.run, to.n);
    }
    taken = 0;
    page = [];
  }

  function flush(): void {
    flushTaken();
    if (inserts.length > 0) inserts.flush();
  }

  function read(className: string, rows: unknown[]): ReadyRecord[] {
    return (rows as unknown[][]).map((values) => {
      const [row, description] = split(values);
      tasks.prime(row, description);
      return { class: className, rank: row.rank, run: row.run, n: row.n };
    });
  }

  return {
    insertReady(row) {
      if (taken > 0) flushTaken();
      page = [];
      inserts.push(runs.classOf(row.class), row.rank, row.run, row.n);
      if (inserts.length >= INSERTS_MAX) inserts.flush();
    },
    deleteReady(row) {
      const expected = page[taken];
      if (expected && expected.n === row.n && expected.run === row.run && expected.class === row.class) {
        taken += 1;
        return;
      }
      flush();
      remove.run(runs.classOf(row.class), row.rank, row.run, row.n);
    },
    readyFrom(className, from, limit) {
      flush();
      tasks.flushNew();
      const id = runs.classOf(className);
      page = read(className, from ? next.all(id, from.rank, from.run, from.n, limit) : first.all(id, limit));
      return [...page];
    },
    readyCounts() {
      flush();
      return counts.all() as { class: string; count: number }[];
    },
    flush,
    forget() {
      page = [];
      taken = 0;
      inserts.clear();
    },
    all: () =>
      tx
        .prepare('SELECT name AS class, rank, run, n FROM ready JOIN classes USING (class) ORDER BY name, rank, run, n')
        .all() as ReadyRecord[],
  };
}

/** One row of `SELECT`, by position: objects of so many columns cost more than reading them. */
function split(values: readonly unknown[]): readonly [TaskRecord, DescriptionRow] {
  const [run, n, rank, retries, retryDelayMs, maxLost, onDisconnect, state, epoch, fence, attempts, lost, failures, blocked, ...rest] =
    values;
  const [delayMs, ready, version, finalEpoch, reason, ended, name, predictedMs, body, policy] = rest;
  const task = {
    ...{ run, n, rank, retries, retryDelayMs, maxLost, onDisconnect, state, epoch, fence, attempts, lost, failures, blocked },
    ...{ delayMs, ready: ready === 1, version, finalEpoch, reason, ended },
  };
  return [task as TaskRecord, { name, predictedMs, body, policy } as DescriptionRow];
}

const TASK_COLUMNS =
  'run, n, rank, retries, retryDelayMs, maxLost, onDisconnect, state, epoch, fence, attempts, lost, failures, blocked, delayMs, ready, version, finalEpoch, reason, ended';
const SELECT = `SELECT ${TASK_COLUMNS.replaceAll(/(\w+)/g, 't.$1')}, d.name, d.predictedMs, d.body, d.policy
  FROM ready AS r CROSS JOIN tasks AS t ON t.run = r.run AND t.n = r.n CROSS JOIN descriptions AS d ON d.run = r.run AND d.n = r.n`;
const ORDER = 'ORDER BY r.rank, r.run, r.n LIMIT ?';
const INSERTS_MAX = 4096;
