/**
 * Named queries over a pool, each in a snapshot of its own.
 *
 * R1 Asking is bounded: so many queries run, so many wait for so long; the rest is refused `STORE_BUSY` at once.
 * R2 While the server is gone, a circuit answers in its place; one query at a time tries whether it is back.
 */
import { CodedError, errorText } from '@holdfast/kernel';
import type { Kysely } from 'kysely';
import CircuitBreaker from 'opossum';
import { isLoss, type PostgresTarget, sqlState } from './postgres-connection.ts';
import { openPostgresPool } from './postgres-pool.ts';

export interface PostgresReaderOptions extends PostgresTarget {
  /** URLs of modules that export `storeQueries`, a record of `(db: Kysely<Schema>, args) => Promise<unknown>` by name. */
  readonly queries: readonly string[];
  /** Connections that read. Default 4. */
  readonly connectionsMax?: number;
  /** Queries that may wait for one. Default 64. */
  readonly waitingMax?: number;
  /** Milliseconds to wait for one. Default 1,000. */
  readonly waitWithinMs?: number;
}

export interface PostgresReader {
  /** Errors: `STORE_BUSY`, `STORE_UNREACHABLE`, `STORE_UNKNOWN_QUERY`, `STORE_QUERY_FAILED`, `STORE_CLOSED`. */
  query(name: string, args: unknown): Promise<unknown>;
  close(): Promise<void>;
}

type Query = (db: Kysely<unknown>, args: unknown) => Promise<unknown>;

/** Opens a pool for reading. Nothing is asked of the server before the first query. */
export async function openPostgresReader(options: PostgresReaderOptions): Promise<PostgresReader> {
  const queries = new Map<string, Query>();
  for (const url of options.queries) {
    const loaded = (await import(url)) as { readonly storeQueries: Readonly<Record<string, Query>> };
    for (const [name, query] of Object.entries(loaded.storeQueries)) queries.set(name, query);
  }
  const connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
  const db = openPostgresPool<unknown>(options, connectionsMax, options.waitWithinMs ?? WAIT_WITHIN_MS);
  const read = (query: Query, args: unknown): Promise<unknown> =>
    db
      .transaction()
      .setAccessMode('read only')
      .setIsolationLevel('repeatable read')
      .execute((tx) => query(tx, args));
  const circuit = new CircuitBreaker(read, {
    // The server cancels what is slow; a timeout here would leave it running.
    timeout: false,
    capacity: connectionsMax + (options.waitingMax ?? WAITING_MAX),
    errorFilter: (error: unknown) => !isGone(error),
    errorThresholdPercentage: 50,
    volumeThreshold: 3,
    rollingCountTimeout: 5000,
    resetTimeout: 500,
  });
  let closed = false;
  return {
    async query(name, args) {
      if (closed) throw new CodedError('STORE_CLOSED', `ask ${name}: the store is closed`);
      const query = queries.get(name);
      if (!query) throw new CodedError('STORE_UNKNOWN_QUERY', `find the query ${name}`, { details: { name } });
      try {
        return await circuit.fire(query, args);
      } catch (error) {
        throw explainRead(error, name);
      }
    },
    async close() {
      closed = true;
      circuit.shutdown();
      await db.destroy();
    },
  };
}

function explainRead(error: unknown, name: string): CodedError {
  const code = sqlState(error);
  if (code === 'ESEMLOCKED' || isPoolFull(error)) {
    return new CodedError('STORE_BUSY', `ask ${name}: too many queries wait for the database`, {
      retryable: true,
      details: { name },
      cause: error,
    });
  }
  if (code === 'EOPENBREAKER' || isGone(error)) {
    return new CodedError('STORE_UNREACHABLE', `ask ${name}: the database does not answer`, {
      retryable: true,
      details: { name },
      cause: error,
    });
  }
  return new CodedError('STORE_QUERY_FAILED', `ask ${name}: ${errorText(error)}`, { details: { name, sqlState: code }, cause: error });
}

const isPoolFull = (error: unknown): boolean => errorText(error).includes('timeout exceeded when trying to connect');
/** A bug in a query has no code either, but no connection that ended. */
const isGone = (error: unknown): boolean => (sqlState(error) === '' ? LOST_TEXT.test(errorText(error)) : isLoss(error));

const LOST_TEXT = /Connection terminated|connection (?:error|ended)|ECONNREFUSED/;
const CONNECTIONS_MAX = 4;
const WAITING_MAX = 64;
const WAIT_WITHIN_MS = 1000;
