/**
 * Tasks, checkpoints and the ledger of blobs in PostgreSQL. This file is what the store's writer thread and reader load: `storeModules` and `storeQueries`.
 *
 * Example: `openPostgresThread({ url, coordinator, modules: [POSTGRES_STORE_URL] })`.
 */
import { postgresBlobLedger, postgresBlobModule } from '@holdfast/blob-store/postgres';
import type { LeaseState } from '@holdfast/checkpoint-store';
import { createPostgresCheckpointModule, postgresTaskCheckpoints } from '@holdfast/checkpoint-store/postgres';
import { type PostgresModule, type PostgresTx, siblingUrl } from '@holdfast/committer/postgres';
import type { Kysely } from 'kysely';
import { createTaskApplier } from '../apply.ts';
import { isActive } from '../attempt-ops.ts';
import type { Neighbours } from '../neighbours.ts';
import type { EventRecord, ReadyRecord, TaskRows } from '../tables.ts';
import { TASKS } from './postgres-collections.ts';
import { readAttempt, readRun, readTask, readWorker } from './postgres-rows.ts';
import { TASK_POSTGRES_MIGRATIONS } from './postgres-schema.ts';
import { createPostgresTables, hintTask, scansTasks } from './postgres-tables.ts';
import type { TaskSchema } from './query-schema.ts';

export { storeQueries } from './queries.ts';

/** Creates the module. `neighbours` reaches the modules beside it over the same transaction. */
export function createPostgresTaskModule(neighbours: (tx: PostgresTx) => Neighbours): PostgresModule {
  return {
    name: 'task',
    migrations: TASK_POSTGRES_MIGRATIONS,
    hint: hintTask,
    scans: scansTasks,
    open: (tx) => createTaskApplier(createPostgresTables(tx), neighbours(tx)),
  };
}

/** How a lease stands, for the checkpoint store. */
export function postgresLeaseState(tx: PostgresTx): LeaseState {
  return (key, worker) => {
    const own = tx.get(TASKS, { run: key.run, n: key.n });
    if (!own) return 'unknown';
    const attempt = own.attempts.find((row) => row.epoch === key.epoch);
    return attempt?.worker === worker && isActive(attempt) && key.epoch >= own.task.fence ? 'valid' : 'stale';
  };
}

/** What the writer thread registers: the three modules wired to each other. */
export const storeModules: readonly PostgresModule[] = [
  postgresBlobModule,
  createPostgresTaskModule((tx) => {
    const blobs = postgresBlobLedger(tx);
    return { blobs, checkpoints: postgresTaskCheckpoints(tx, blobs) };
  }),
  createPostgresCheckpointModule({
    leaseState: postgresLeaseState,
    blobs: postgresBlobLedger,
    hintLease: (key, needs) => needs.add(TASKS, { run: key.run, n: key.n }),
  }),
];

/** Every row, sorted by key. For tests and checks: it reads the whole store. */
export async function readPostgresRows(given: Kysely<never>): Promise<TaskRows> {
  const db = given as unknown as Kysely<TaskSchema & { ready: { class: number; rank: number; run: number; n: number } }>;
  const runs = await db
    .selectFrom('runs')
    .innerJoin('classes', 'classes.class', 'runs.class')
    .innerJoin('run_specs', 'run_specs.run', 'runs.run')
    .selectAll('runs')
    .select(['classes.name as className', 'run_specs.spec', 'run_specs.client'])
    .orderBy('runs.run')
    .execute();
  return {
    runs: runs.map((row) => ({ ...readRun(row as never), spec: JSON.parse(row.spec) as never, client: JSON.parse(row.client) as never })),
    workers: (await db.selectFrom('workers').selectAll().orderBy('worker').execute()).map((row) => readWorker(row as never)),
    tasks: (await db.selectFrom('tasks').selectAll().orderBy('run').orderBy('n').execute()).map((row) => readTask(row as never)),
    attempts: (await db.selectFrom('attempts').selectAll().orderBy('run').orderBy('n').orderBy('epoch').execute()).map((row) =>
      readAttempt(row as never),
    ),
    ready: (await db
      .selectFrom('ready')
      .innerJoin('classes', 'classes.class', 'ready.class')
      .select(['classes.name as class', 'rank', 'run', 'n'])
      .orderBy('classes.name')
      .orderBy('rank')
      .orderBy('run')
      .orderBy('n')
      .execute()) as ReadyRecord[],
    events: (await db.selectFrom('events').selectAll().orderBy('seq').execute()) as EventRecord[],
  };
}

/** The URL of this file, for the store's writer thread and reader. */
export const POSTGRES_STORE_URL: string = siblingUrl(import.meta.url, 'io/postgres');
