import { createHash } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { digestOf } from '@holdfast/model';
import { expect, test } from 'vitest';
import { api, eventually, exchange, rawRequest, startOne, type Started, statusOf } from './harness.ts';

const digest = (bytes: Uint8Array | string) => digestOf(createHash('sha256').update(bytes).digest('hex'));
const bytesOf = (length: number): Buffer => Buffer.alloc(length, 'holdfast');
async function* source(bytes: Uint8Array) {
  yield bytes;
}
const put = (started: Started, bytes: Buffer | string, headers: Readonly<Record<string, string>> = {}, name = digest(bytes)) =>
  rawRequest('PUT', `/api/v1/blobs/${name}`, { host: '127.0.0.1', authorization: `Bearer ${started.coordinator.adminToken}`, ...headers });
const read = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
};
const parts = (started: Started): string[] => readdirSync(join(started.dataFolder, 'blobs', 'part'));

test('blobs: put, asked for, read whole, in ranges and by HEAD -> the same bytes, never to be run by a browser', async () => {
  const started = await startOne();
  const { client } = started;
  const bytes = bytesOf(1_000_000);
  const ref = { digest: digest(bytes), size: bytes.length };
  const other = digest('other');
  expect(await client.missingBlobs([ref.digest, other, other])).toEqual([ref.digest, other]);
  await Promise.all([1, 2].map(() => client.putBlob(ref, () => source(bytes))));
  await client.putBlob(ref, () => source(bytes));
  expect(await client.missingBlobs([other, ref.digest])).toEqual([other]);
  expect((await read(await client.openBlob(ref.digest))).equals(bytes)).toBe(true);
  const get = (headers: Record<string, string>, method = 'GET') =>
    fetch(`${started.coordinator.url}/api/v1/blobs/${ref.digest}`, {
      method,
      headers: { authorization: `Bearer ${started.coordinator.adminToken}`, ...headers },
    });
  const head = await get({}, 'HEAD');
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '1000000', '']);
  expect(head.headers.get('content-type')).toBe('application/octet-stream');
  expect(head.headers.get('content-disposition')).toContain('attachment;');
  expect(head.headers.get('content-security-policy')).toContain('sandbox');
  expect(head.headers.get('x-content-type-options')).toBe('nosniff');
  const part = await get({ range: 'bytes=10-19' });
  expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
    206,
    'bytes 10-19/1000000',
    bytes.toString('utf8', 10, 20),
  ]);
  expect(await (await get({ range: 'bytes=-3' })).text()).toBe(bytes.toString('utf8', 999_997));
  expect((await get({ range: 'bytes=1000000-' })).status).toBe(416);
  expect((await api(started, 'GET', `/api/v1/blobs/${other}`)).status).toBe(404);
  expect((await api(started, 'GET', '/api/v1/blobs/sha256-..%2f..%2fadmin.token')).status).toBe(404);
  expect(parts(started)).toEqual([]);
});

test('blobs: another hash, no length, too large, a quota, a full disk -> 422, 411, 413, 413, 507, nothing is kept', async () => {
  const started = await startOne({ limits: { blobBytesMax: 1000, blobBytesPerPrincipalMax: 1200 } });
  const { port, client } = started;
  const raw = async (text: string): Promise<number> => statusOf(await exchange(port, text));
  expect(await raw(`${put(started, 'x', { 'content-length': '1' })}y`)).toBe(422);
  expect(await raw(put(started, 'x', { 'transfer-encoding': 'chunked' }))).toBe(411);
  expect(await raw(put(started, 'x', { 'content-length': '1001' }))).toBe(413);
  const first = bytesOf(800);
  await client.putBlob({ digest: digest(first), size: 800 }, () => source(first));
  const second = bytesOf(801);
  await expect(client.putBlob({ digest: digest(second), size: 801 }, () => source(second))).rejects.toMatchObject({
    details: { status: 413, code: 'quota' },
  });
  expect(await client.missingBlobs([digest(second), digest('x'), digest(first)])).toEqual([digest(second), digest('x')]);
  expect(parts(started)).toEqual([]);
  const full = await startOne({ limits: { diskFreeMin: Number.MAX_SAFE_INTEGER } });
  expect(statusOf(await exchange(full.port, `${put(full, 'x', { 'content-length': '1' })}x`))).toBe(507);
});

test('blobs: cut at half, slower than the least rate -> nothing is kept, 408, the other one is not disturbed', async () => {
  const started = await startOne({ limits: { uploadWindowMs: 300, uploadBytesPerWindowMin: 100, requestWithinMs: 600 } });
  const bytes = bytesOf(100_000);
  const cut = connect(started.port, '127.0.0.1');
  cut.write(`${put(started, bytes, { 'content-length': '100000' })}${bytes.toString('latin1', 0, 50_000)}`);
  await eventually('a part of the upload', () => parts(started)[0]);
  cut.destroy();
  await eventually('the part to be gone', () => (parts(started).length === 0 ? true : undefined));
  expect(
    statusOf(await exchange(started.port, `${put(started, bytes, { 'content-length': '100000' })}${bytes.toString('latin1', 0, 50)}`)),
  ).toBe(408);
  expect(parts(started)).toEqual([]);
  expect(await started.client.missingBlobs([digest(bytes)])).toEqual([digest(bytes)]);
  await started.client.putBlob({ digest: digest(bytes), size: 100_000 }, async function* slowly() {
    // Longer in all than any other request may take.
    for (let at = 0; at < 100_000; at += 10_000) {
      yield bytes.subarray(at, at + 10_000);
      await new Promise((next) => setTimeout(next, 100));
    }
  });
  expect(await started.client.missingBlobs([digest(bytes)])).toEqual([]);
});

test('blobs: who may -> workers and holders of artifact scopes; others 403', async () => {
  const started = await startOne();
  const path = `/api/v1/blobs/${digest('x')}`;
  const statuses = async (scope: 'worker:register' | 'read' | 'artifact:read' | 'artifact:write') => {
    const token = await started.coordinator.mintToken([scope], scope.replace(':', '-'));
    const ask = async (method: string, at: string, body?: string) =>
      (await api(started, method, at, { token, ...(body === undefined ? {} : { body }) })).status;
    return [await ask('PUT', path, 'x'), await ask('GET', path), await ask('POST', '/api/v1/blobs/missing', '{"digests":[]}')];
  };
  expect(await statuses('worker:register')).toEqual([201, 200, 200]);
  expect(await statuses('artifact:write')).toEqual([200, 403, 200]);
  expect(await statuses('artifact:read')).toEqual([403, 200, 403]);
  expect(await statuses('read')).toEqual([403, 403, 403]);
});

test('blobs: nothing refers to them and the grace is over -> collected; damaged on disk -> its reader is told by the length, then it is missing', async () => {
  const started = await startOne({ limits: { blobGraceMs: 1, blobSweepEveryMs: 50 } });
  const old = { digest: digest('old'), size: 3 };
  await started.client.putBlob(old, () => source(Buffer.from('old')));
  const file = join(started.dataFolder, 'blobs', old.digest.slice(7, 9));
  await eventually('the blob to be collected', () => (readdirSync(file).length === 0 ? true : undefined));
  const kept = await startOne();
  const bytes = bytesOf(200_000);
  const ref = { digest: digest(bytes), size: bytes.length };
  await kept.client.putBlob(ref, () => source(bytes));
  const path = join(kept.dataFolder, 'blobs', ref.digest.slice(7, 9), ref.digest.slice(7));
  writeFileSync(path, Buffer.alloc(200_000, 'x'));
  await expect(kept.client.openBlob(ref.digest).then(read)).rejects.toThrow();
  expect(await eventually('the damage to be known', async () => (await kept.client.missingBlobs([ref.digest]))[0])).toBe(ref.digest);
});
