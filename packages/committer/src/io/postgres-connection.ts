/**
 * One connection to PostgreSQL, its settings asserted, and what its errors mean.
 *
 * D1 `fsync`, `full_page_writes` and `synchronous_commit` are read back on every connection that commits; else it is refused.
 * D2 Queries are pipelined: what is sent before the first answer costs one round trip together.
 */
import { CodedError, errorText } from '@holdfast/kernel';
import pg from 'pg';

/** Where the database is and how patient to be with it. */
export interface PostgresTarget {
  /** `postgres://user@host:port/database?sslmode=…`; `options=-c search_path%3Dname` chooses a schema. May hold a password: never logged. */
  readonly url: string;
  /** Accept a server that may lose what it has acknowledged. Default false. */
  readonly notDurable?: boolean;
  /** Milliseconds after which the server cancels a statement, and an idle transaction. Default 5,000. */
  readonly statementWithinMs?: number;
  /** Milliseconds for one attempt to connect. Default 5,000. */
  readonly connectWithinMs?: number;
}

export type PostgresRow = Readonly<Record<string, unknown>>;
export interface PostgresResult {
  readonly rows: readonly PostgresRow[];
  readonly count: number;
  /** What was done: `COMMIT`, `ROLLBACK`, `UPDATE`. */
  readonly command: string;
}

/** Named prepared statements on one connection, pipelined. */
export interface PostgresQueries {
  /** `name` belongs to `text` for good. A rejection carries `statement`, the name. */
  query(name: string, text: string, values?: readonly unknown[]): Promise<PostgresResult>;
}

export interface PostgresConnection extends PostgresQueries {
  /** Undefined while it works; why it ended after that. */
  lost(): Error | undefined;
  /** Waits for what is under way, at most a second. */
  close(): Promise<void>;
  /** Cuts it: the server rolls back what was not committed. */
  destroy(): void;
}

/** Opens a connection of a writer. Errors: `STORE_UNREACHABLE`, `STORE_UNSAFE`, `STORE_FORBIDDEN`, `STORE_FAILED`. */
export async function connectPostgres(target: PostgresTarget): Promise<PostgresConnection> {
  const client = new pg.Client(clientConfig(target));
  let problem: Error | undefined;
  client.on('error', (error) => (problem ??= error));
  client.on('end', () => (problem ??= new Error('the connection ended')));
  try {
    await client.connect();
    await prepareSession(client, target);
  } catch (error) {
    void client.end().catch(() => {
      /* ignored: it never worked. */
    });
    throw explainPostgres(error, target);
  }
  const query: PostgresQueries['query'] = async (name, text, values) => {
    try {
      const { rows, rowCount, command } = await client.query({ name, text, ...(values ? { values: [...values] } : {}) });
      return { rows: rows as PostgresRow[], count: rowCount ?? 0, command };
    } catch (error) {
      throw Object.assign(error as Error, { statement: name });
    }
  };
  const destroy = (): void => {
    problem ??= new Error('the connection was cut');
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  };
  return {
    query,
    lost: () => problem,
    async close() {
      const timer = setTimeout(destroy, CLOSE_WITHIN_MS);
      await client.end().catch(() => {
        /* ignored: it is gone already. */
      });
      clearTimeout(timer);
    },
    destroy,
  };
}

/** What `pg` is told for writers and readers alike. */
export function clientConfig(target: PostgresTarget): pg.ClientConfig & { readonly pipeline: boolean } {
  return {
    connectionString: target.url,
    application_name: 'holdfast',
    connectionTimeoutMillis: target.connectWithinMs ?? CONNECT_WITHIN_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    types: {
      getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as never,
    },
    pipeline: true,
  };
}

async function prepareSession(client: pg.Client, target: PostgresTarget): Promise<void> {
  const within = target.statementWithinMs ?? STATEMENT_WITHIN_MS;
  // Plans are chosen once, for keys by index: with tables that grow from nothing in seconds, statistics are always wrong.
  await client.query(
    `SET statement_timeout = ${within}; SET idle_in_transaction_session_timeout = ${within}; SET plan_cache_mode = force_generic_plan;
     SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; SET client_min_messages = warning`,
  );
  if (target.notDurable === true) return;
  const { rows } = await client.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name`,
  );
  for (const { name, setting } of rows) {
    if (name === 'synchronous_commit' ? DURABLE_COMMITS.has(setting) : setting === 'on') continue;
    throw new CodedError('STORE_UNSAFE', `trust PostgreSQL: ${name} is ${setting}, needed is on; what is acknowledged could be lost`, {
      details: { setting: name, found: setting, wanted: 'on' },
    });
  }
}

/** The coded form of an error while connecting or migrating. The address is named without its password. */
export function explainPostgres(error: unknown, target: PostgresTarget): CodedError {
  if (error instanceof CodedError) return error;
  const code = sqlState(error);
  const [name, words] =
    code === '28P01' || code === '28000' || code === '42501' || code === '3D000'
      ? ['STORE_FORBIDDEN', 'access is denied']
      : isLoss(error)
        ? ['STORE_UNREACHABLE', 'no answer']
        : ['STORE_FAILED', 'unexpected'];
  return new CodedError(name!, `open ${publicAddress(target.url)}: ${words} (${errorText(error)})`, {
    retryable: name === 'STORE_UNREACHABLE',
    details: { sqlState: code },
    cause: error,
  });
}

/** `host:port/database` of an address, without user, password and parameters. */
export function publicAddress(url: string): string {
  try {
    const { protocol, hostname, port, pathname } = new URL(url);
    if (!protocol.startsWith('postgres')) throw new TypeError('another kind of address');
    return `postgres://${hostname}${port === '' ? '' : `:${port}`}${pathname}`;
  } catch {
    /* ignored: what is no address may hold anything, so nothing of it is shown. */
    return 'postgres (no valid address)';
  }
}

/** PostgreSQL's five characters, Node's name of a socket error, or an empty text. */
export function sqlState(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** Whether the server, or the way to it, is gone: the outcome of what was under way is not told. */
export function isLoss(error: unknown): boolean {
  const code = sqlState(error);
  return code === '' || code.startsWith('08') || code.startsWith('57P') || code === '25P03' || code === '25P04' || /^E[A-Z]/.test(code);
}

/** Parameters of arrays as PostgreSQL reads them: built here, since the client's own way costs more than the query. */
export const numbers = (values: readonly (number | null)[]): string => `{${values.map((value) => value ?? 'NULL').join(',')}}`;
export const texts = (values: readonly (string | null)[]): string =>
  `{${values.map((value) => (value === null ? 'NULL' : quoted(value))).join(',')}}`;

/** PostgreSQL has no place for NUL in a text; it is kept as a character that shows it. */
export const plainText = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', '\u{FFFD}') : text);
function quoted(text: string): string {
  const plain = plainText(text);
  return SPECIAL.test(plain) ? `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : `"${plain}"`;
}

/** Whether a number can be a key: others have no row, and PostgreSQL would refuse the whole query. */
export const isOrdinal = (value: number): boolean => Number.isSafeInteger(value);

const SPECIAL = /["\\]/;
const INT8 = 20;
const DURABLE_COMMITS: ReadonlySet<string> = new Set(['on', 'local', 'remote_write', 'remote_apply']);
const STATEMENT_WITHIN_MS = 5000;
const CONNECT_WITHIN_MS = 5000;
const KEEP_ALIVE_MS = 5000;
const CLOSE_WITHIN_MS = 1000;
