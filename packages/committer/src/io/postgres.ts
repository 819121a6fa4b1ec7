/** PostgreSQL: the committer itself, the writer thread that the apps run it in, and the pooled reader beside it. */
import type { AsyncCommitter, Verdict } from '../port.ts';
import type { PostgresTarget } from './postgres-connection.ts';
import type { PostgresTrouble } from './postgres-committer.ts';
import { startThread } from './thread.ts';

export {
  openPostgresCommitter,
  type PostgresCommitter,
  type PostgresModule,
  type PostgresOptions,
  type PostgresTrouble,
} from './postgres-committer.ts';
export {
  connectPostgres,
  isOrdinal,
  numbers,
  plainText,
  type PostgresConnection,
  type PostgresQueries,
  type PostgresTarget,
  publicAddress,
  texts,
} from './postgres-connection.ts';
export { migratePostgres, type Migrated } from './postgres-migrations.ts';
export { COORDINATORS } from './postgres-coordinators.ts';
export { openPostgresPool } from './postgres-pool.ts';
export { openPostgresReader, type PostgresReader, type PostgresReaderOptions } from './postgres-reader.ts';
export { type Change, type Collection, LOAD_ORDER, type Log, type Needs, type PostgresTx } from './postgres-working-set.ts';
export { siblingUrl } from './thread.ts';

/** What the writer thread is started with: `modules` are URLs of modules that export `storeModules: PostgresModule[]`. */
export interface PostgresThreadOptions extends PostgresTarget {
  readonly modules: readonly string[];
  readonly coordinator: string;
  readonly standbyMs?: number;
  readonly reconnectWithinMs?: number;
}

/**
 * Opens a committer in a thread of its own, so that deciding and encoding never stall the caller.
 * Errors as `openPostgresCommitter`; a commit also rejects with `STORE_IN_DOUBT` when the thread dies under it.
 */
export async function openPostgresThread(
  options: PostgresThreadOptions,
  trouble: (trouble: PostgresTrouble) => void = () => {},
): Promise<AsyncCommitter> {
  const thread = await startThread('io/postgres-writer-thread', options, 'STORE_IN_DOUBT', (notice) => trouble(notice as PostgresTrouble));
  return {
    // As text: one string crosses several times faster than as many objects are cloned.
    commit: async (ops) => JSON.parse((await thread.ask(JSON.stringify(ops))) as string) as Verdict[],
    close: () => thread.close(),
  };
}
