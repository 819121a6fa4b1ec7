import { once } from 'node:events';
import { connect } from 'node:net';
import { WORKER_PATH } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { api, eventually, exchange, rawRequest, startOne, statusOf } from './harness.ts';
import { handWorker, openLink } from './hand-worker.ts';

const upgrade = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

test('upgrade: refused before 101 -> a token in the query 401, 404, 421, 403 of an origin, 400', async () => {
  const { coordinator, port } = await startOne();
  const host = { host: '127.0.0.1' };
  const ask = async (target: string, headers: Record<string, string>): Promise<number> =>
    statusOf(await exchange(port, rawRequest('GET', target, { ...upgrade, ...headers })));
  expect(await ask(`${WORKER_PATH}?token=${coordinator.adminToken}`, host)).toBe(401);
  expect(await ask('/elsewhere', host)).toBe(404);
  expect(await ask(WORKER_PATH, { host: 'evil.example' })).toBe(421);
  for (const origin of ['https://evil', 'null', 'http://localhost.evil']) {
    expect(await ask(WORKER_PATH, { ...host, origin }), origin).toBe(403);
  }
  expect(await ask(WORKER_PATH, { ...host, 'sec-websocket-key': 'short' })).toBe(400);
  const spaces = `a,${' '.repeat(7000)}b`;
  expect(await ask(WORKER_PATH, { ...host, 'sec-websocket-protocol': `${spaces},,` })).toBe(400);
  expect(await ask(WORKER_PATH, { ...host, 'sec-websocket-protocol': ' '.repeat(61_440) })).toBe(400);
});

test('links: another protocol, or none -> 4426', async () => {
  const { coordinator } = await startOne();
  for (const protocols of [['holdfast.v0'], []]) {
    const socket = openLink(coordinator.url, protocols);
    expect(await new Promise((resolve) => socket.once('close', resolve)), String(protocols)).toBe(4426);
  }
});

test('links: no hello in time -> 4408; more connections than may be -> refused, links stay', async () => {
  const { coordinator, port } = await startOne({ limits: { helloWithinMs: 100, connectionsMax: 3 } });
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  const silent = openLink(coordinator.url);
  expect(await new Promise((resolve) => silent.once('close', resolve))).toBe(4408);
  const idle = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'));
  const closes = idle.map((socket) => once(socket.on('error', () => undefined).resume(), 'close'));
  await Promise.race(closes);
  expect(worker.socket.readyState).toBe(worker.socket.OPEN);
  for (const socket of idle) socket.destroy();
});

test('workers: assigned, reported dead by its own principal alone, then gone', async () => {
  const started = await startOne();
  const { client, coordinator } = started;
  const token = await coordinator.mintToken(['worker:register'], 'w');
  const stranger = await coordinator.mintToken(['worker:register'], 'other');
  const { id } = await client.submit({ name: 'r', tasks: [{ name: 'a', body: { kind: 'noop' } }], seal: true });
  const worker = await handWorker(coordinator.url, token);
  expect(await worker.assigned(1)).toMatchObject({ n: 1, epoch: 1 });
  const body = JSON.stringify({ worker: 'w1', incarnation: 'i1', reason: 'killed' });
  expect((await api(started, 'POST', '/api/v1/workers/death', { token: stranger, body })).status).toBe(403);
  expect((await client.task(id, 1)).lost).toBe(0);
  worker.socket.terminate();
  expect((await api(started, 'POST', '/api/v1/workers/death', { token, body })).status).toBe(202);
  await eventually('the attempt to be lost', async () => ((await client.task(id, 1)).lost === 1 ? true : undefined));
  const metrics = await client.metrics();
  expect(metrics).toMatch(/^holdfast_workers\{state="connected"\} 0$/m);
  expect(metrics).toMatch(/^holdfast_commit_seconds_count [1-9]/m);
  expect(metrics.endsWith('# EOF\n')).toBe(true);
});

test('workers: drained -> no more work', async () => {
  const { client, coordinator } = await startOne();
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  const found = await eventually('the worker', async () => (await client.status()).workers[0]);
  await client.drainWorker(found.id as never);
  expect((await client.status()).workers[0]).toMatchObject({ draining: true });
  await expect(client.drainWorker('nobody' as never)).rejects.toMatchObject({ code: 'API_REFUSED', details: { status: 404 } });
  worker.socket.terminate();
});
