import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createClient } from '@holdfast/client';
import { startCoordinator } from '@holdfast/coordinator';
import { expect, test } from 'vitest';
import { api, eventually, exchange, newFolder, rawRequest, startOne, statusOf } from './harness.ts';
import { handWorker } from './hand-worker.ts';

const loopback = { host: '127.0.0.1', port: 0 };
const fixture = (name: string): string => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
const tls = { cert: fixture('tls.crt'), key: fixture('tls.key') };

test('start: off loopback without TLS -> LISTEN_INSECURE, exit code 78', async () => {
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'fleet.example']) {
    const starting = startCoordinator({ dataFolder: newFolder(), listen: { host, port: 0 } });
    await expect(starting, host).rejects.toMatchObject({ code: 'LISTEN_INSECURE', details: { exitCode: 78 } });
  }
});

test('start: a port in use -> LISTEN_IN_USE, and the folder is free again', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const dataFolder = newFolder();
  const listen = { host: '127.0.0.1', port: (other.address() as AddressInfo).port };
  await expect(startCoordinator({ dataFolder, listen })).rejects.toMatchObject({ code: 'LISTEN_IN_USE', details: { exitCode: 78 } });
  other.close();
  await startOne({ dataFolder });
});

test('start: a folder that another coordinator holds -> STORE_LOCKED, exit code 75', async () => {
  const { dataFolder } = await startOne();
  await expect(startCoordinator({ dataFolder, listen: loopback })).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    details: { exitCode: 75 },
  });
});

test('start: a folder that cannot be one -> DATA_NOT_WRITABLE, exit code 78', async () => {
  const file = join(newFolder(), 'file');
  writeFileSync(file, '');
  await expect(startCoordinator({ dataFolder: file, listen: loopback })).rejects.toMatchObject({
    code: 'DATA_NOT_WRITABLE',
    details: { exitCode: 78 },
  });
});

test('start: a database of a newer version, or of something else -> refused, exit code 78', async () => {
  const { coordinator, dataFolder } = await startOne();
  await coordinator.close();
  const db = new DatabaseSync(join(dataFolder, 'holdfast.db'));
  db.exec("INSERT INTO migrations_auth (name, timestamp) VALUES ('9999_later', '')");
  db.close();
  await expect(startCoordinator({ dataFolder, listen: loopback })).rejects.toMatchObject({
    code: 'STORE_TOO_NEW',
    details: { exitCode: 78 },
  });
  const other = newFolder();
  mkdirSync(other, { recursive: true });
  writeFileSync(join(other, 'holdfast.db'), 'not a database, but long enough to be read as a header of one '.repeat(20));
  await expect(startCoordinator({ dataFolder: other, listen: loopback })).rejects.toMatchObject({
    code: 'STORE_CORRUPT',
    details: { exitCode: 78 },
  });
});

test('tls: served on any address, clients that trust the authority get through, plain HTTP does not', async () => {
  const { coordinator, port } = await startOne({ tls, listen: { host: '0.0.0.0', port: 0 } });
  expect(coordinator.url).toBe(`https://127.0.0.1:${port}`);
  const client = createClient({ url: coordinator.url, token: coordinator.adminToken, ca: tls.cert });
  expect((await client.status()).workers).toEqual([]);
  expect(statusOf(await exchange(port, rawRequest('GET', '/livez', { host: '127.0.0.1' })))).not.toBe(200);
  const stranger = createClient({ url: coordinator.url, token: coordinator.adminToken, attemptsMax: 1 });
  await expect(stranger.status()).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
  expect((await client.status()).workers).toEqual([]);
  client.close();
});

test('N3 a full disk: submits are refused 507 and nothing of them is kept; it goes on by itself', async () => {
  const started = await startOne({ storeBytesMax: 600_000 });
  const { client } = started;
  const kept = await client.submit({ name: 'kept', tasks: [{ name: 'a', body: { kind: 'noop' } }], seal: true });
  const body = JSON.stringify({ name: 'large', client: 'x'.repeat(60_000) });
  let accepted = 1;
  const refused = await eventually('a full store', async () => {
    const answer = await api(started, 'POST', '/api/v1/runs', { body });
    if (answer.status === 201) accepted += 1;
    return answer.status === 201 ? undefined : answer;
  });
  expect([refused.status, refused.body.error?.code, refused.headers.get('retry-after')]).toEqual([507, 'storage_full', '1']);
  await eventually('the next node', async () => ((await client.isReady()) ? true : undefined));
  expect((await client.runs({ limit: 1000 })).length).toBe(accepted);
  expect(await client.run(kept.id)).toMatchObject({ state: 'sealed', counts: { remaining: 1 } });
  expect((await client.status()).coordinator.epoch).toBeGreaterThan(1);
}, 20_000);

test('N2 a store in doubt: `fenced` rejects with exit code 75, links are closed, nothing more is accepted', async () => {
  const started = await startOne();
  const { client, coordinator, dataFolder } = started;
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  await eventually('the worker', async () => (await client.status()).workers[0]);
  const db = new DatabaseSync(join(dataFolder, 'holdfast.db'));
  db.exec('DROP TABLE run_specs');
  db.close();
  const refused = await api(started, 'POST', '/api/v1/runs', { body: JSON.stringify({ name: 'r' }) });
  expect(refused.status).toBe(503);
  await expect(coordinator.fenced).rejects.toMatchObject({ code: 'STORE_IN_DOUBT', details: { exitCode: 75 } });
  expect(await worker.closed).toBe(1012);
  expect(await client.isReady()).toBe(false);
});

test('drain: workers are told, nothing is granted any more, `drained` resolves', async () => {
  const started = await startOne();
  const { client, coordinator } = started;
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  await eventually('the worker', async () => (await client.status()).workers[0]);
  await coordinator.drain('upgrade');
  await coordinator.drained;
  expect([1012, 4503]).toContain(await worker.closed);
  const late = await api(started, 'POST', '/api/v1/runs', { body: JSON.stringify({ name: 'late' }) });
  expect([late.status, late.body.error?.code]).toEqual([503, 'draining']);
});

test('S1 strangers: beyond the bound the oldest is closed, whoever showed a token stays', async () => {
  const { port, coordinator } = await startOne({ limits: { strangersMax: 3, strangersGraceMs: 0 } });
  const trusted = connect(port, '127.0.0.1');
  trusted.write(`GET /api/v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${coordinator.adminToken}\r\n\r\n`);
  await once(trusted, 'data');
  const closed: number[] = [];
  for (let index = 0; index < 5; index += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('close', () => closed.push(index));
    await once(socket, 'connect');
    // Its head arrives before the next one connects: the order of arrival is the order of age.
    socket.write('GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
    await once(socket, 'data');
  }
  await eventually('the two oldest to be closed', () => (closed.length >= 2 ? true : undefined));
  expect(closed).toEqual([0, 1]);
  expect(trusted.destroyed).toBe(false);
  trusted.destroy();
});
