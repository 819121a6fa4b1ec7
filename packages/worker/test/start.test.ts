import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Client, createClient } from '@holdfast/client';
import { type RunningCoordinator, startCoordinator } from '@holdfast/coordinator';
import { DEFAULT_POLICY, workerId } from '@holdfast/model';
import {
  keptWorkerId,
  prepareWorker,
  readFingerprint,
  readFingerprintAside,
  type RunningWorker,
  startWorker,
  type StartWorkerSettings,
} from '@holdfast/worker';
import { expect, onTestFinished, test } from 'vitest';
import { newCheckout, newFolder } from './checkout.ts';

interface Rig {
  readonly coordinator: RunningCoordinator;
  readonly client: Client;
  readonly dataFolder: string;
}

async function startRig(dataFolder = join(newFolder(), 'data')): Promise<Rig> {
  const coordinator = await startCoordinator({ dataFolder, listen: { host: '127.0.0.1', port: 0 }, logLevel: 'silent' });
  const client = createClient({ url: coordinator.url, token: coordinator.adminToken });
  onTestFinished(async () => {
    client.close();
    await coordinator.close();
  });
  return { coordinator, client, dataFolder };
}

interface Heard {
  readonly worker: RunningWorker;
  /** Resolves when the worker's log tells of `event`. */
  told(event: string): Promise<void>;
}

function startOne(settings: Pick<StartWorkerSettings, 'url' | 'token'> & Partial<StartWorkerSettings>): Heard {
  const events: string[] = [];
  const waiting = new Map<string, () => void>();
  const worker = startWorker({
    id: workerId('w_test'),
    name: 'test',
    slots: 2,
    labels: {},
    root: newFolder(),
    policy: { commands: [process.execPath] },
    log: (_level, event) => {
      events.push(event);
      waiting.get(event)?.();
    },
    ...settings,
  });
  onTestFinished(async () => {
    worker.stop('the test ended');
    await worker.ended;
  });
  return {
    worker,
    told: (event) => (events.includes(event) ? Promise.resolve() : new Promise((resolve) => waiting.set(event, resolve))),
  };
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {
    /* ignored: the worker hangs up once it has the answer. */
  });
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
}

async function passes(client: Client, fingerprint: object = {}): Promise<string> {
  const { id } = await client.submit({
    name: 'one command',
    spec: {},
    tasks: [
      { name: 'says hello', body: { kind: 'command', argv: [process.execPath, '-e', 'console.log("hello")'] }, policy: DEFAULT_POLICY },
    ],
    seal: true,
    ...fingerprint,
  });
  await client.watchRun(id, { onEvent: () => {} });
  const run = await client.run(id);
  let printed = '';
  for await (const chunk of client.logs(id, { n: 1 })) printed += chunk.text;
  return `${run.state} ${run.counts.passed} ${printed.trim()}`;
}

test('a worker registers, runs a command, and says goodbye with code 0', async () => {
  const { coordinator, client } = await startRig();
  const { worker, told } = startOne({
    url: coordinator.url,
    token: await coordinator.mintToken(['worker:register'], 'w'),
    firstSlot: 3,
    labels: { room: 'lab' },
  });
  await told('session.opened');
  expect((await client.status()).workers).toMatchObject([{ id: 'w_test', name: 'test', slots: 2, state: 'connected', pid: process.pid }]);
  expect(await passes(client)).toBe('finished 1 hello');
  worker.drain('enough');
  expect(await worker.ended).toMatchObject({ code: 0 });
});

test('a worker and a coordinator that share one data folder, by ws://, in a checkout -> both work, the checkout stays clean', async () => {
  const checkout = newCheckout();
  const data = join(checkout.root, '.state');
  const id = keptWorkerId(data);
  const { coordinator, client } = await startRig(data);
  const { fingerprint } = readFingerprint(checkout.root);
  expect(fingerprint.dirty).toBe('clean');
  const token = await coordinator.mintToken(['worker:register'], 'w');
  const { worker } = startOne({ url: `${coordinator.url.replace('http', 'ws')}/`, token, id, root: checkout.root, fingerprint });
  expect(await passes(client, { fingerprint })).toBe('finished 1 hello');
  expect(keptWorkerId(data)).toBe(id);
  expect(readdirSync(data)).toEqual(expect.arrayContaining(['.gitignore', 'admin.token', 'endpoint.json', 'holdfast.db', 'worker.id']));
  expect(readFingerprint(checkout.root).fingerprint).toEqual(fingerprint);
  worker.stop('enough');
  expect(await worker.ended).toMatchObject({ code: 0 });
});

test('C1 worker: the checkout changed since it registered -> a run of the former state begins nothing, one of the new state passes', async () => {
  const checkout = newCheckout();
  const { coordinator, client } = await startRig();
  const { fingerprint: former } = readFingerprint(checkout.root);
  const leased = Promise.withResolvers<void>();
  const returned = Promise.withResolvers<void>();
  const { told } = startOne({
    url: coordinator.url,
    token: await coordinator.mintToken(['worker:register'], 'w'),
    root: checkout.root,
    fingerprint: former,
    rereadFingerprint: () => leased.promise.then(() => readFingerprintAside(checkout.root)),
  });
  await told('session.opened');
  checkout.write('other.txt', 'an edit');
  const { fingerprint: present } = readFingerprint(checkout.root);
  const { id } = await client.submit({
    name: 'stale',
    spec: {},
    tasks: [{ name: 'fails', body: { kind: 'command', argv: [process.execPath, '-e', 'process.exit(1)'] }, policy: DEFAULT_POLICY }],
    seal: true,
    fingerprint: former,
  });
  const watch = new AbortController();
  let wasLeased = false;
  const watched = client.watchRun(id, {
    signal: watch.signal,
    onEvent(event) {
      if (event.e !== 'task') return;
      if (event.state === 'leased') {
        wasLeased = true;
        leased.resolve();
      } else if (event.state === 'queued' && wasLeased) returned.resolve();
    },
  });
  await told('checkout.changed');
  await returned.promise;
  watch.abort();
  await expect(watched).rejects.toThrow();
  expect(await passes(client, { fingerprint: present })).toBe('finished 1 hello');
  expect((await client.run(id)).counts).toMatchObject({ remaining: 1, failed: 0 });
});

test('a token that is none -> ended with 4401; one without the scope -> ended with 4403', async () => {
  const { coordinator } = await startRig();
  const { worker: stranger } = startOne({ url: coordinator.url, token: 'hf_none' });
  expect(await stranger.ended).toMatchObject({ code: 4401 });
  const { worker: reader } = startOne({ url: coordinator.url, token: await coordinator.mintToken(['read'], 'r') });
  expect(await reader.ended).toMatchObject({ code: 4403 });
});

test('a coordinator of another version (426) -> ended with 4426', async () => {
  const server = createServer();
  server.on('upgrade', (_request, socket) => refuse(socket, '426 Upgrade Required'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { worker } = startOne({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 't' });
  expect(await worker.ended).toMatchObject({ code: 4426, reason: expect.stringContaining('426') as string });
});

test('an address that is none -> ended, not dialled for ever', async () => {
  const { worker } = startOne({ url: 'http://not an address', token: 't' });
  expect((await worker.ended).code).not.toBe(0);
});

test('nobody answers yet -> it dials again until told to stop', async () => {
  const server = createServer((_request, response) => response.writeHead(503).end());
  let dials = 0;
  const second = new Promise<void>((resolve) => {
    server.on('upgrade', (_request, socket) => {
      refuse(socket, '503 Service Unavailable');
      if (++dials === 2) resolve();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { worker } = startOne({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 't' });
  await second;
  worker.stop('enough');
  expect(await worker.ended).toMatchObject({ code: 0 });
});

test('a second process with the id of a first one -> the first ends with 4409', async () => {
  const { coordinator } = await startRig();
  const token = await coordinator.mintToken(['worker:register'], 'w');
  const first = startOne({ url: coordinator.url, token });
  await first.told('session.opened');
  const second = startOne({ url: coordinator.url, token });
  expect(await first.worker.ended).toMatchObject({ code: 4409 });
  await second.told('session.opened');
});

test.skipIf(process.platform !== 'linux')(
  'prepared worker: its host starts before it is connected, and closing without a coordinator leaves no process',
  async () => {
    const folder = newFolder();
    const before = new Set(childrenOfThis());
    const prepared = prepareWorker({
      id: workerId('w_prepared'),
      name: 'prepared',
      slots: 1,
      labels: {},
      root: folder,
      policy: {},
      prewarm: { suite: { adapter: 'node-test', args: [] }, cwd: folder, env: {} },
      log: () => {},
    });
    const started = childrenOfThis().filter((pid) => !before.has(pid));
    expect(started.length).toBe(2);
    await prepared.close();
    expect(childrenOfThis().filter((pid) => started.includes(pid))).toEqual([]);
  },
);

/** Process ids of the children of all threads of this process. */
function childrenOfThis(): string[] {
  return readdirSync('/proc/self/task').flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  );
}
