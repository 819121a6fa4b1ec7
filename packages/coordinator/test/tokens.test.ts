import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@holdfast/client';
import { readEndpoint } from '@holdfast/coordinator';
import { expect, test } from 'vitest';
import { api, eventually, newFolder, startOne } from './harness.ts';
import { handWorker } from './hand-worker.ts';

const run = JSON.stringify({ name: 'r' });

test('start: admin token and endpoint are files that only their owner reads, and outlive a restart', async () => {
  const dataFolder = newFolder();
  const first = await startOne({ dataFolder });
  expect(readFileSync(join(dataFolder, 'admin.token'), 'utf8').trim()).toBe(first.coordinator.adminToken);
  expect(readEndpoint(dataFolder)).toEqual({ url: first.coordinator.url, pid: process.pid });
  for (const file of ['admin.token', 'endpoint.json']) expect(statSync(join(dataFolder, file)).mode & 0o777).toBe(0o600);
  await first.coordinator.close();
  expect(readEndpoint(dataFolder)).toBeUndefined();
  const second = await startOne({ dataFolder });
  expect(second.coordinator.adminToken).toBe(first.coordinator.adminToken);
  expect((await second.client.tokens()).length).toBe(1);
});

test('tokens: missing, malformed, unknown and in the query string -> 401, nothing about which', async () => {
  const started = await startOne();
  const secret = started.coordinator.adminToken;
  const none = await fetch(`${started.coordinator.url}/api/v1/runs`);
  expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  expect((await fetch(`${started.coordinator.url}/api/v1/runs?token=${secret}&access_token=${secret}`)).status).toBe(401);
  const wrong = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`;
  const bodies = [];
  for (const token of ['x', wrong, `hf_0000000000000000_${'A'.repeat(43)}`]) {
    const answer = await api(started, 'GET', '/api/v1/runs', { token });
    expect(answer.status).toBe(401);
    bodies.push(answer.body.error?.message);
  }
  expect(new Set(bodies).size).toBe(1);
});

test('tokens: scopes are kept apart -> 403 and no change', async () => {
  const started = await startOne();
  const { coordinator, client } = started;
  const read = await coordinator.mintToken(['read'], 'viewer');
  const worker = await coordinator.mintToken(['worker:register'], 'w');
  const submit = await coordinator.mintToken(['submit'], 'ci');
  const { id } = await client.submit({ name: 'r', tasks: [{ name: 'a', body: { kind: 'noop' } }] });
  const status = async (token: string, method: string, path: string, body?: string): Promise<number> =>
    (await api(started, method, path, { token, ...(body === undefined ? {} : { body }) })).status;
  expect(await status(read, 'POST', '/api/v1/runs', run)).toBe(403);
  expect(await status(read, 'GET', '/metrics')).toBe(403);
  expect(await status(read, 'POST', '/api/v1/tokens', JSON.stringify({ name: 'x', scopes: ['admin'] }))).toBe(403);
  expect(await status(worker, 'POST', `/api/v1/runs/${id}/cancel`)).toBe(403);
  expect(await status(submit, 'POST', `/api/v1/runs/${id}/cancel`)).toBe(403);
  expect(await status(submit, 'GET', `/api/v1/runs/${id}`)).toBe(403);
  expect(await status(submit, 'POST', '/api/v1/workers/death', JSON.stringify({ worker: 'w', incarnation: 'i', reason: '' }))).toBe(403);
  expect(await status(read, 'GET', `/api/v1/runs/${id}`)).toBe(200);
  expect((await client.run(id)).state).toBe('open');
});

test('tokens: minted, rotated, revoked; the old one ends, the new one goes on, after a restart too', async () => {
  const started = await startOne();
  const { client } = started;
  const minted = await client.mintToken('ci', ['read'], 60_000);
  expect(minted.facts).not.toHaveProperty('hash');
  const rotated = await client.rotateToken(minted.facts.keyId);
  expect(rotated.facts.scopes).toEqual(['read']);
  const may = async (token: string): Promise<number> => (await api(started, 'GET', '/api/v1/status', { token })).status;
  expect([await may(minted.token), await may(rotated.token)]).toEqual([200, 200]);
  await client.revokeToken(minted.facts.keyId);
  expect([await may(minted.token), await may(rotated.token)]).toEqual([401, 200]);
  expect((await api(started, 'DELETE', '/api/v1/tokens/0000000000000000')).status).toBe(404);
  expect((await api(started, 'POST', `/api/v1/tokens/${minted.facts.keyId}/rotate`)).status).toBe(404);
  await started.coordinator.close();
  const again = await startOne({ dataFolder: started.dataFolder });
  expect((await api(again, 'GET', '/api/v1/status', { token: minted.token })).status).toBe(401);
  expect((await api(again, 'GET', '/api/v1/status', { token: rotated.token })).status).toBe(200);
});

test('tokens: an unlimited or overlong life -> 422', async () => {
  const started = await startOne();
  const mint = async (lifeMs: unknown): Promise<number> =>
    (await api(started, 'POST', '/api/v1/tokens', { body: JSON.stringify({ name: 'x', scopes: ['read'], lifeMs }) })).status;
  for (const lifeMs of [0, -1, 1e15, null]) expect(await mint(lifeMs), String(lifeMs)).toBe(422);
});

test('tokens: guessing -> 429 with Retry-After, while the owner is served and its worker stays', async () => {
  const started = await startOne();
  const { coordinator } = started;
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const answer = await api(started, 'GET', '/api/v1/status', { token: `hf_0000000000000000_${'A'.repeat(43)}` });
    statuses.push(answer.status);
    if (answer.status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
  expect(new Set(statuses.slice(5))).toEqual(new Set([429]));
  expect((await api(started, 'GET', '/api/v1/status')).status).toBe(200);
  expect(worker.socket.readyState).toBe(worker.socket.OPEN);
});

test('tokens: revoked or expired under a live link and a live stream -> 4401 and resync within a second', async () => {
  const started = await startOne();
  const { client, coordinator } = started;
  const { id } = await client.submit({ name: 'r' });
  const forWorker = await client.mintToken('w', ['worker:register', 'read']);
  const expiring = await client.mintToken('x', ['worker:register'], 1500);
  const worker = await handWorker(coordinator.url, forWorker.token);
  const other = await handWorker(coordinator.url, expiring.token, { worker: 'w2' });
  const stream = await fetch(`${coordinator.url}/api/v1/runs/${id}/events`, { headers: { authorization: `Bearer ${forWorker.token}` } });
  const from = performance.now();
  await client.revokeToken(forWorker.facts.keyId);
  expect(await worker.closed).toBe(4401);
  const lines = (await stream.text()).trim().split('\n');
  expect(performance.now() - from).toBeLessThan(1000);
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ e: 'resync' });
  expect(await other.closed).toBe(4401);
});

test('tokens: neither their text nor their secret is in the log, the answers or the metrics', async () => {
  const started = await startOne();
  const { client, coordinator, dataFolder } = started;
  const minted = await client.mintToken('ci', ['submit']);
  const secrets = [coordinator.adminToken, minted.token].map((token) => token.slice(-43));
  await api(started, 'GET', `/api/v1/status?token=${minted.token}`, { token: minted.token });
  const log = await eventually('the log of a refused token', () => {
    const text = readFileSync(join(dataFolder, 'logs', 'coordinator.log'), 'utf8');
    return text.includes('token.minted') ? text : undefined;
  });
  const told = log + (await client.metrics()) + JSON.stringify([await client.tokens(), await client.status()]);
  for (const secret of secrets) expect(told).not.toContain(secret);
});

test('client: a refused token -> AUTH_REFUSED at once, tried once', async () => {
  const { coordinator } = await startOne();
  const client = createClient({ url: coordinator.url, token: 'hf_0000000000000000_' });
  await expect(client.runs()).rejects.toMatchObject({ code: 'AUTH_REFUSED', details: { status: 401 } });
  client.close();
});
