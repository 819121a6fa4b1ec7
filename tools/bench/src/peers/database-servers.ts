/** Redis and PostgreSQL for the peers, each new in a folder of its own, durable, gone with the bench. */
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { owned, temporaryFolder } from '../cleanup.ts';

export interface DatabaseServer {
  /** A new, empty database of this server. */
  fresh(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts `redis-server`; undefined where there is none. */
export async function startRedis(): Promise<DatabaseServer | undefined> {
  const program = onPath('redis-server');
  if (program === undefined) return undefined;
  let child: ReturnType<typeof spawn> | undefined;
  const stop = async (): Promise<void> => {
    if (child) await ended(child, 'SIGKILL');
    child = undefined;
  };
  return {
    async fresh() {
      await stop();
      const port = await freePort();
      const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', temporaryFolder(), ...durable];
      child = owned(spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore'] }));
      await reached(() => pinged(port), 'Redis');
      return `redis://127.0.0.1:${port}`;
    },
    stop,
  };
}

/** Starts PostgreSQL as Debian installs it, with its own defaults: fsync and synchronous_commit are on. Undefined where there is none. */
export async function startPostgres(): Promise<DatabaseServer | undefined> {
  const initdb = onPath('initdb') ?? newest('/usr/lib/postgresql', 'bin/initdb');
  if (initdb === undefined) return undefined;
  const programs = dirname(initdb);
  const folder = temporaryFolder();
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  // It refuses to be root.
  const as = process.getuid?.() === 0 ? accountOf('postgres') : {};
  if (as.uid !== undefined) for (const path of [folder, data]) chownSync(path, as.uid, as.gid!);
  execFileSync(initdb, ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--no-locale'], { stdio: 'ignore', cwd: folder, ...as });
  const port = await freePort();
  const args = ['-D', data, '-p', String(port), '-k', '', '-c', 'listen_addresses=127.0.0.1', '-c', 'max_connections=200'];
  const child = owned(spawn(join(programs, 'postgres'), args, { stdio: 'ignore', cwd: folder, ...as }));
  const urlOf = (name: string): string => `postgres://bench@127.0.0.1:${port}/${name}`;
  const query = async (text: string): Promise<void> => {
    const client = new pg.Client(urlOf('postgres'));
    await client.connect();
    await client.query(text);
    await client.end();
  };
  await reached(() => query('SELECT 1'), 'PostgreSQL');
  let count = 0;
  return {
    async fresh() {
      count += 1;
      await query(`CREATE DATABASE bench${count}`);
      return urlOf(`bench${count}`);
    },
    stop: () => ended(child, 'SIGINT'),
  };
}

async function pinged(port: number): Promise<void> {
  const redis = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => {
    /* ignored: `connect` rejects with it. */
  });
  try {
    await redis.connect();
    await redis.ping();
  } finally {
    redis.disconnect();
  }
}

function onPath(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin'];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

function newest(folder: string, program: string): string | undefined {
  const versions = existsSync(folder) ? readdirSync(folder).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(folder, version, program)).find((path) => existsSync(path));
}

const accountOf = (user: string): { readonly uid?: number; readonly gid?: number } => {
  const ask = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: ask('-u'), gid: ask('-g') };
};

async function reached(attempt: () => Promise<void>, what: string): Promise<void> {
  const deadline = performance.now() + START_WITHIN_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw new Error(`${what} did not answer within ${START_WITHIN_MS / 1000} s`, { cause: error });
      await new Promise((next) => setTimeout(next, 50));
    }
  }
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function ended(child: ReturnType<typeof spawn>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  return gone;
}

const START_WITHIN_MS = 30_000;
