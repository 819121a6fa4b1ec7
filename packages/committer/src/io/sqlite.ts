/** SQLite: the committer itself, the writer thread that the apps run it in, and the reader thread beside it. */
import type { AsyncCommitter, Verdict } from '../port.ts';
import { startThread } from './thread.ts';
import type { ReaderData, WriterData } from './thread-messages.ts';

export {
  openSqliteCommitter,
  type PendingMigrations,
  planSqliteMigrations,
  type SqliteCommitter,
  type SqliteModule,
  type SqliteOptions,
} from './sqlite-committer.ts';
export { checkSqlite, copySqlite } from './sqlite-copy.ts';
export type { SqliteStatement, SqliteTx } from './sqlite-file.ts';
export { siblingUrl } from './thread.ts';

/**
 * Opens a file in a thread of its own. `modules` are URLs of modules that export `storeModules: SqliteModule[]`.
 * Errors as `openSqliteCommitter`; a commit also rejects with `STORE_IN_DOUBT` when the thread dies under it.
 */
export async function openSqliteThread(options: WriterData): Promise<AsyncCommitter> {
  const thread = await startThread('io/writer-thread', options, 'STORE_IN_DOUBT');
  return {
    // As text: one string crosses several times faster than as many objects are cloned.
    commit: async (ops) => JSON.parse((await thread.ask(JSON.stringify(ops))) as string) as Verdict[],
    close: () => thread.close(),
  };
}

/** Queries by name, in a thread of their own. */
export interface SqliteReader {
  /** Errors: `STORE_UNKNOWN_QUERY`, `STORE_QUERY_FAILED`, `STORE_CLOSED`, `STORE_READER_LOST`. */
  query(name: string, args: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Opens a file for reading beside its writer, who must have opened it before. `queries` are URLs of modules that export
 * `storeQueries`, a record of `(db: Kysely<Schema>, args) => Promise<unknown>` by name.
 * A query asked after a commit resolved sees that commit: each begins a snapshot of its own.
 */
export async function openSqliteReader(options: ReaderData): Promise<SqliteReader> {
  const thread = await startThread('io/reader-thread', options, 'STORE_READER_LOST');
  return { query: (name, args) => thread.ask({ name, args }), close: () => thread.close() };
}
