/** The faces of a connection against a real coordinator: the manager and the plugin, and what the shipped worker has of them. */
import { join } from 'node:path';
import { createClient } from '@holdfast/client';
import { startCoordinator } from '@holdfast/coordinator';
import { DEFAULT_POLICY, type RunId, workerId } from '@holdfast/model';
import { WorkerReconnectionManager, WorkerReconnectionPlugin } from '@holdfast/reconnection-core/manager';
import { startWorker } from '@holdfast/worker';
import { expect, onTestFinished, test } from 'vitest';
import { newFolder } from './checkout.ts';

async function startRig() {
  const coordinator = await startCoordinator({
    dataFolder: join(newFolder(), 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logLevel: 'silent',
  });
  const client = createClient({ url: coordinator.url, token: coordinator.adminToken });
  onTestFinished(async () => {
    client.close();
    await coordinator.close();
  });
  const submit = async (count: number): Promise<RunId> => {
    const tasks = Array.from({ length: count }, (_, n) => ({
      name: `task ${n + 1}`,
      body: { kind: 'module' as const, path: './task.js', input: n },
      policy: DEFAULT_POLICY,
    }));
    return (await client.submit({ name: 'modules', spec: {}, tasks, seal: true })).id;
  };
  return { coordinator, client, submit, token: await coordinator.mintToken(['worker:register'], 'w') };
}

const registration = { name: 'by hand', slots: 3, labels: { room: 'lab' } };

test('manager: tasks of a real coordinator, the link renewed in the middle -> each is run once and recorded', async () => {
  const { coordinator, client, submit, token } = await startRig();
  const manager = new WorkerReconnectionManager({ urls: coordinator.url, credential: token, worker: 'w_hand', registration });
  onTestFinished(() => manager.shutdown());
  const ran: string[] = [];
  manager.handle('module', async ({ name }, { checkpoint }) => {
    ran.push(name);
    checkpoint({ name });
    if (ran.length === 2) manager.reconnect();
    return name === 'task 4' ? { outcome: 'failed', reason: 'it says so' } : {};
  });
  manager.start();
  const id = await submit(6);
  await client.watchRun(id, { onEvent: () => {} });
  expect((await client.run(id)).counts).toMatchObject({ passed: 5, failed: 1, lostAttempts: 0 });
  expect(ran.toSorted()).toEqual(['task 1', 'task 2', 'task 3', 'task 4', 'task 5', 'task 6']);
  expect((await client.status()).workers).toMatchObject([{ name: 'by hand', slots: 3, labels: { room: 'lab' } }]);
  const { connection, checkpoints, messages } = manager.stats.snapshot(performance.now() as never);
  expect(connection.reconnections).toBe(1);
  expect(checkpoints.created).toBe(6);
  expect(messages.latencyMs.count).toBeGreaterThanOrEqual(0);

  const registered = new Promise<void>((resolve) => manager.once('settled', () => resolve()));
  manager.register({ ...registration, slots: 5 });
  manager.send({ t: 'goodbye', reason: 'enough' }, { key: 'goodbye' });
  await registered;
});

test('plugin: any object with runTask -> its tasks are run, its connection is told', async () => {
  const { coordinator, client, submit, token } = await startRig();
  const states: string[] = [];
  const worker = {
    done: 0,
    runTask() {
      this.done += 1;
    },
    connectionChanged: (state: string) => void states.push(state),
  };
  const plugin = new WorkerReconnectionPlugin(worker, {
    urls: coordinator.url,
    credential: token,
    worker: 'w_plugin',
    registration,
  }).attach();
  const id = await submit(3);
  await client.watchRun(id, { onEvent: () => {} });
  expect((await client.run(id)).counts).toMatchObject({ passed: 3 });
  expect(worker.done).toBe(3);
  await plugin.detach();
  expect(states[0]).toBe('connecting');
  expect(states).toContain('connected');
  expect(states.at(-1)).toBe('shutdown');
});

test('worker: two coordinators given, nobody at the first -> it works with the second and counts both dials', async () => {
  const { coordinator, token } = await startRig();
  const opened = Promise.withResolvers<void>();
  const worker = startWorker({
    url: ['http://127.0.0.1:9', coordinator.url],
    token,
    id: workerId('w_failover'),
    name: 'failover',
    slots: 1,
    labels: {},
    root: newFolder(),
    policy: { commands: [] },
    log: (_level, event) => event === 'session.opened' && opened.resolve(),
  });
  await opened.promise;
  const stats = worker.stats();
  expect(stats).toMatchObject({ connected: true, local: false, leases: 0, unsettled: 0, spool: undefined });
  expect(stats.coordinator).toContain(new URL(coordinator.url).host);
  expect(stats.connection).toMatchObject({ attempts: 2, successes: 1, failures: 1, successRate: 0.5 });
  worker.stop('enough');
  expect(await worker.ended).toMatchObject({ code: 0 });
});

test('worker: the machine is probed after the dial -> registered anew', async () => {
  const { coordinator, client, token } = await startRig();
  const probed = Promise.withResolvers<Readonly<Record<string, string>>>();
  const events: string[] = [];
  const opened = Promise.withResolvers<void>();
  const registered = Promise.withResolvers<void>();
  const worker = startWorker({
    url: coordinator.url,
    token,
    id: workerId('w_probed'),
    name: 'probed',
    slots: 1,
    labels: {},
    root: newFolder(),
    probeMachine: () => probed.promise,
    policy: { commands: [] },
    log(_level, event) {
      events.push(event);
      if (event === 'session.opened') opened.resolve();
      if (event === 'worker.registrationChanged') registered.resolve();
    },
  });
  await opened.promise;
  probed.resolve({ os: 'linux' });
  await registered.promise;
  expect(events.filter((event) => event === 'machine.probed')).toHaveLength(1);
  expect((await client.status()).workers).toMatchObject([{ name: 'probed', state: 'connected' }]);
  worker.stop('enough');
  expect(await worker.ended).toMatchObject({ code: 0 });
});
