import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient } from '@holdfast/client';
import { startCoordinator } from '@holdfast/coordinator';
import { expect, onTestFinished, test } from 'vitest';
import { startWorkerPool, type WorkerPool } from '../src/local/worker-pool.ts';
import { newPlace } from './place.ts';

/** Children start as this process did; test runners start theirs with other arguments. */
function startChildrenWith(...args: string[]): void {
  const before = process.execArgv;
  process.execArgv = ['--conditions=@holdfast/source', ...args];
  onTestFinished(() => void (process.execArgv = before));
}

const endAfterTest = (pool: WorkerPool): WorkerPool => {
  onTestFinished(() => pool.close());
  return pool;
};

async function connectedPid(client: Client, other: number): Promise<number> {
  const from = performance.now();
  for (;;) {
    const worker = (await client.status()).workers.find((each) => each.state === 'connected' && each.pid !== other);
    if (worker) return worker.pid;
    if (performance.now() - from > 20_000) throw new Error('no worker connected within 20 s');
    await new Promise((next) => setTimeout(next, 10));
  }
}

const lives = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

test.skipIf(process.platform !== 'linux')(
  'P1 P2 a worker is killed -> told with its incarnation, another one takes its place; close ends it',
  async () => {
    startChildrenWith();
    const place = newPlace({ 'logs/keep': '' });
    const coordinator = await startCoordinator({
      dataFolder: join(place, 'data'),
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    });
    const client = createClient({ url: coordinator.url, token: coordinator.adminToken });
    onTestFinished(async () => {
      client.close();
      await coordinator.close();
    });
    const died = Promise.withResolvers<unknown>();
    const pool = endAfterTest(
      startWorkerPool(
        { count: 1, cwd: place, logs: join(place, 'logs'), logLevel: 'info' },
        {
          died(worker, reason, again) {
            coordinator.reportDeath(worker.id, worker.incarnation, reason);
            died.resolve({ name: worker.name, incarnation: worker.incarnation, reason, again });
          },
          teardownFailed: () => undefined,
          exhausted: (reason) => died.reject(new Error(reason)),
        },
      ),
    );
    pool.connect(coordinator.url, await coordinator.mintToken(['worker:register'], 'pool'));
    const first = await connectedPid(client, 0);
    process.kill(first, 'SIGKILL');
    expect(await died.promise).toEqual({
      name: 'w1',
      incarnation: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      reason: 'its process was ended by SIGKILL',
      again: true,
    });
    const second = await connectedPid(client, first);
    expect(lives(second)).toBe(true);
    await pool.close();
    expect(lives(second)).toBe(false);
    expect(readdirSync(join(place, 'logs'))).toEqual(expect.arrayContaining(['w1.stderr.log', 'worker-1.log']));
  },
  60_000,
);

test('P2 no worker ever begins -> exhausted after a few tries, with the reason; its last words are in the logs', async () => {
  startChildrenWith('--require', '/nowhere/at-all.cjs');
  const place = newPlace({ 'logs/keep': '' });
  const deaths: unknown[] = [];
  const reason = await new Promise<string>((exhausted) => {
    endAfterTest(
      startWorkerPool(
        { count: 1, cwd: place, logs: join(place, 'logs'), logLevel: 'info' },
        { died: (...all) => void deaths.push(all), exhausted, teardownFailed: () => undefined },
      ),
    );
  });
  expect(reason).toBe('its process ended with code 1');
  expect(deaths).toEqual([]);
  expect(readFileSync(join(place, 'logs/w1.stderr.log'), 'utf8')).toContain('/nowhere/at-all.cjs');
}, 60_000);
