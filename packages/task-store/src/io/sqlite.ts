/**
 * Tasks, checkpoints and the ledger of blobs in SQLite. This file is what the store's threads load: `storeModules` and `storeQueries`.
 *
 * Example: `openSqliteThread({ path, modules: [SQLITE_STORE_URL] })` and `openSqliteReader({ path, queries: [SQLITE_STORE_URL] })`.
 */
import { sqliteBlobLedger, sqliteBlobModule } from '@holdfast/blob-store/sqlite';
import type { LeaseState } from '@holdfast/checkpoint-store';
import { createCheckpointModule, sqliteTaskCheckpoints } from '@holdfast/checkpoint-store/sqlite';
import { siblingUrl, type SqliteModule, type SqliteTx } from '@holdfast/committer/sqlite';
import { createTaskApplier } from '../apply.ts';
import { isActive } from '../attempt-ops.ts';
import type { Neighbours } from '../neighbours.ts';
import type { TaskRows } from '../tables.ts';
import { TASK_MIGRATIONS } from './schema.ts';
import { createRetentionModule } from './sqlite-retention.ts';
import { sqliteTables, type SqliteTables } from './sqlite-tables.ts';

export { storeQueries } from './queries.ts';
export type { PrunedRuns, PruneRuns } from './sqlite-retention.ts';
export type { EventPage, ResultRow, RunDetail, RunSummary, TaskDetail, TaskSummary, WorkerSummary } from './queries.ts';

export interface SqliteTaskModule extends SqliteModule {
  /** Every row, sorted by key. For tests and checks: it reads the whole store. */
  rows(): TaskRows;
}

/** Creates the module. `neighbours` reaches the modules beside it over the same transaction. */
export function createTaskModule(neighbours: (tx: SqliteTx) => Neighbours): SqliteTaskModule {
  let tables: SqliteTables | undefined;
  return {
    name: 'task',
    migrations: TASK_MIGRATIONS,
    open(tx) {
      tables = sqliteTables(tx);
      return createTaskApplier(tables, neighbours(tx));
    },
    rows: () => tables!.rows(),
  };
}

/** How a lease stands, for the checkpoint store. */
export function sqliteLeaseState(tx: SqliteTx): LeaseState {
  const tables = sqliteTables(tx);
  return (key, worker) => {
    const task = tables.task(key.run, key.n);
    if (!task) return 'unknown';
    const attempt = tables.attempt(key);
    return attempt?.worker === worker && isActive(attempt) && key.epoch >= task.fence ? 'valid' : 'stale';
  };
}

/** Makes the modules of blobs, tasks, checkpoints and retention, wired to each other; add more beside them. */
export function createStoreModules(): { readonly modules: readonly SqliteModule[]; rows(): TaskRows } {
  const tasks = createTaskModule((tx) => {
    const blobs = sqliteBlobLedger(tx);
    return { blobs, checkpoints: sqliteTaskCheckpoints(tx, blobs) };
  });
  const checkpoints = createCheckpointModule({ leaseState: sqliteLeaseState, blobs: sqliteBlobLedger });
  return { modules: [sqliteBlobModule, tasks, checkpoints, createRetentionModule()], rows: () => tasks.rows() };
}

/** What the writer thread registers. */
export const storeModules: readonly SqliteModule[] = createStoreModules().modules;

/** The URL of this file, for the store's threads. */
export const SQLITE_STORE_URL: string = siblingUrl(import.meta.url, 'io/sqlite');
