/** A coordinator and workers as the processes that operators start. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Client, createClient } from '@holdfast/client';
import { owned } from './cleanup.ts';
import { PROGRAM } from './places.ts';

export interface CoordinatorProcess {
  readonly pid: number;
  readonly url: string;
  readonly client: Client;
  stop(): Promise<void>;
}

/** Starts `holdfast coordinator` on a free port; resolves when it listens. `store`: a PostgreSQL instead of a file. */
export async function startCoordinator(folder: string, store?: string): Promise<CoordinatorProcess> {
  const data = join(folder, 'coordinator');
  const args = ['coordinator', '--listen', '127.0.0.1:0', '--data', data, '--json', ...(store === undefined ? [] : ['--store', store])];
  const child = owned(
    spawn(process.execPath, [...flagsOf('COORDINATOR'), PROGRAM, ...args], {
      cwd: folder,
      env: plainEnv(),
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  const said = tailOf(child);
  const line = await firstLine(child, () => `the coordinator did not start: ${said()}`);
  const { url, pid } = JSON.parse(line) as { url: string; pid: number };
  const client = createClient({ url, token: readFileSync(join(data, 'admin.token'), 'utf8').trim() });
  return {
    pid,
    url,
    client,
    async stop() {
      client.close();
      await end(child);
    },
  };
}

export interface WorkerProcess {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts `holdfast worker` in `folder`; resolves when the coordinator knows it. */
export async function startWorker(folder: string, coordinator: CoordinatorProcess, slots: number): Promise<WorkerProcess> {
  const { token } = await coordinator.client.mintToken('bench', ['worker:register']);
  const args = ['worker', '--connect', coordinator.url, '--slots', String(slots), '--data', join(folder, 'worker')];
  const env = { ...plainEnv(), HOLDFAST_TOKEN: token };
  const child = owned(
    spawn(process.execPath, [...flagsOf('WORKER'), PROGRAM, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  const said = tailOf(child);
  child.stdout!.resume();
  const deadline = performance.now() + START_WITHIN_MS;
  for (;;) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`the worker did not connect: ${said()}`);
    const { workers } = await coordinator.client.status();
    if (workers.some((worker) => worker.state === 'connected')) break;
    await new Promise((next) => setTimeout(next, 20));
  }
  return { pid: child.pid!, stop: () => end(child) };
}

/** The environment without what would configure holdfast or Node from outside. */
export function plainEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(HOLDFAST_|VITEST|NODE_OPTIONS$|NODE_ENV$|TEST$)/.test(name)),
  );
}

/** Flags of Node for one of the processes, for profiling: HOLDFAST_BENCH_COORDINATOR_FLAGS='--cpu-prof --cpu-prof-dir=/tmp/profile'. */
const flagsOf = (who: 'COORDINATOR' | 'WORKER'): string[] => process.env[`HOLDFAST_BENCH_${who}_FLAGS`]?.split(' ').filter(Boolean) ?? [];

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  return gone.then(() => clearTimeout(timer));
}

function tailOf(child: ChildProcess): () => string {
  let tail = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-4096);
  });
  return () => tail.trim();
}

function firstLine(child: ChildProcess, problem: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(problem())));
  });
}

const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 10_000;
