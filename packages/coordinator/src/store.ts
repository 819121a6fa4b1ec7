/** The database of a coordinator: a writer thread, and a reader from the first query on. `<data>/holdfast.db`, or a PostgreSQL. */
import { join } from 'node:path';
import { authStoreUrl } from '@holdfast/auth/sqlite';
import type { AsyncCommitter } from '@holdfast/committer';
import { openSqliteReader, openSqliteThread } from '@holdfast/committer/sqlite';
import { CodedError, hasCode } from '@holdfast/kernel';
import { SQLITE_STORE_URL } from '@holdfast/task-store/sqlite';
import type { StartCoordinatorSettings } from './options.ts';
import type { Logger } from './process-log.ts';
import type { Queries } from './queries.ts';
import { API_QUERIES_URL } from './reader-queries.ts';
import { createQueries, type Reader } from './store-queries.ts';
import { STORE_IDENTITY_URL } from './store-identity.ts';

export interface Store extends Pick<AsyncCommitter, 'commit'> {
  readonly queries: Queries;
  /** Where it is, without secrets. */
  readonly place: string;
  close(): Promise<void>;
}

/**
 * Opens the writer; `coordinator` is who commits.
 * Errors: those of the store, each with an exit code in its details: 75 when trying again may help, else 78.
 */
export async function openStore(settings: StartCoordinatorSettings, coordinator: string, log: Logger): Promise<Store> {
  try {
    const { writer, openReader, place } =
      settings.store === undefined ? await openFile(settings) : await openServer(settings, settings.store, coordinator, log);
    const reader = createLazyReader(openReader);
    return {
      commit: (ops) => writer.commit(ops),
      queries: createQueries(reader),
      place,
      close: async () => {
        await reader.close();
        await writer.close();
      },
    };
  } catch (error) {
    throw withExitCode(error);
  }
}

interface Opened {
  readonly writer: AsyncCommitter;
  readonly openReader: () => Promise<Reader>;
  readonly place: string;
}

async function openFile({ dataFolder, storeBytesMax }: StartCoordinatorSettings): Promise<Opened> {
  const path = join(dataFolder, DATABASE_FILE);
  const writer = await openSqliteThread({
    path,
    modules: STORE_MODULE_URLS,
    ...(storeBytesMax === undefined ? {} : { bytesMax: storeBytesMax }),
  });
  return { place: path, writer, openReader: () => openSqliteReader({ path, queries: [SQLITE_STORE_URL, API_QUERIES_URL] }) };
}

async function openServer(settings: StartCoordinatorSettings, url: string, coordinator: string, log: Logger): Promise<Opened> {
  // Loaded only by those who have one: its client would cost every start.
  const [{ openPostgresReader, openPostgresThread, publicAddress }, { POSTGRES_STORE_URL }, { authPostgresUrl }] = await Promise.all([
    import('@holdfast/committer/postgres'),
    import('@holdfast/task-store/postgres'),
    import('@holdfast/auth/postgres'),
  ]);
  const target = { url, notDurable: settings.notDurable ?? false };
  const modules = [POSTGRES_STORE_URL, authPostgresUrl];
  const writer = await openPostgresThread(
    { ...target, coordinator, modules, ...(settings.standby ? { standbyMs: SILENT_MS } : {}) },
    ({ message, ...facts }) => log.warn({ event: 'store.trouble', ...facts }, message),
  );
  return {
    place: publicAddress(url),
    writer,
    openReader: () => openPostgresReader({ ...target, queries: [POSTGRES_STORE_URL, API_QUERIES_URL] }),
  };
}

/** Work begins without the reader's thread, and who never asks never pays for it. A start that failed is tried again by the next query. */
function createLazyReader(open: () => Promise<Reader>): Reader {
  let opening: Promise<Reader> | undefined;
  let closed = false;
  const obtain = (): Promise<Reader> => {
    if (closed) return Promise.reject(new CodedError('STORE_CLOSED', 'ask the store: it is closed'));
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  return {
    query: async (name, args) => (await obtain()).query(name, args),
    async close() {
      closed = true;
      const reader = await opening?.catch(() => undefined);
      await reader?.close();
    },
  };
}

/** The same error with the exit code that a process ends with. */
export function withExitCode(error: unknown): unknown {
  if (!(error instanceof CodedError) || error.details['exitCode'] !== undefined) return error;
  const exitCode = RETRY_LATER.some((code) => hasCode(error, code)) ? 75 : 78;
  return new CodedError(error.code, error.message, { retryable: error.retryable, details: { ...error.details, exitCode }, cause: error });
}

/** The database of a data folder. */
export const DATABASE_FILE = 'holdfast.db';
/** What its writer's thread registers. */
export const STORE_MODULE_URLS: readonly string[] = [SQLITE_STORE_URL, authStoreUrl, STORE_IDENTITY_URL];
/** Five beats. */
const SILENT_MS = 10_000;
const RETRY_LATER = [
  'STORE_LOCKED',
  'STORE_FULL',
  'STORE_IN_DOUBT',
  'STORE_READER_LOST',
  'STORE_UNREACHABLE',
  'STORE_CONTENDED',
  'STORE_FENCED',
];
