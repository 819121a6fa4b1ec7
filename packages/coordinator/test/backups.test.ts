import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backUp, migrateStore, restore, startCoordinator } from '@holdfast/coordinator';
import { WORKER_PATH, SUBPROTOCOL } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { newFolder, startOne, type Started } from './harness.ts';
import { handWorker } from './hand-worker.ts';

const loopback = { host: '127.0.0.1', port: 0 };
const noop = { name: 'a', body: { kind: 'noop' as const } };
const submit = (client: Started['client'], name: string) => client.submit({ name, tasks: [noop], seal: true });
const refusedOlder = { code: 'STORE_OLDER', details: { exitCode: 78 } };

/** Dials as a worker does that shows `mark`; resolves when it is open. */
function show(url: string, mark: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace(/^http/, 'ws') + WORKER_PATH, SUBPROTOCOL, { headers: { 'holdfast-store': mark } });
    socket.once('open', () => {
      socket.terminate();
      resolve();
    });
    socket.once('error', reject);
  });
}

/** The first `count` marks that a worker is given. */
async function marksGiven(socket: WebSocket, count: number): Promise<string[]> {
  const marks: string[] = [];
  while (marks.length < count)
    marks.push(await new Promise<string>((resolve) => socket.once('ping', (payload: Buffer) => resolve(payload.toString()))));
  return marks;
}

test('U1 backup: taken while runs are submitted -> restored elsewhere it has every run that was accepted before, and serves', async () => {
  const { client, dataFolder } = await startOne();
  const before = [];
  for (let index = 0; index < 20; index += 1) before.push((await submit(client, `before ${index}`)).id);
  let going = true;
  const more = (async () => {
    // oxlint-disable-next-line no-unmodified-loop-condition -- changed below, while a request is under way.
    for (let index = 0; going; index += 1) await submit(client, `during ${index}`);
  })();
  const backup = join(newFolder(), 'backup');
  const manifest = await backUp(dataFolder, backup);
  going = false;
  await more;
  expect(manifest.bytes).toBe(statSync(join(backup, 'holdfast.db')).size);
  expect(statSync(backup).mode & 0o077).toBe(0);
  const restored = join(newFolder(), 'data');
  await restore(backup, restored);
  const other = await startOne({ dataFolder: restored });
  const found = (await other.client.runs({ limit: 1000 })).map((run) => run.id);
  expect(found).toEqual(expect.arrayContaining(before));
  await submit(other.client, 'goes on');
});

test('U2 backup and restore: over something, of something damaged, of nothing -> refused 78, and nothing is touched', async () => {
  const { coordinator, client, dataFolder } = await startOne();
  await submit(client, 'a');
  const backup = join(newFolder(), 'backup');
  await backUp(dataFolder, backup);
  await expect(backUp(dataFolder, backup)).rejects.toMatchObject({ code: 'BACKUP_EXISTS', details: { exitCode: 78 } });
  const database = readFileSync(join(dataFolder, 'holdfast.db'));
  await expect(restore(backup, dataFolder)).rejects.toMatchObject({ code: 'DATA_NOT_EMPTY', details: { exitCode: 78 } });
  await coordinator.close();
  await expect(restore(backup, dataFolder)).rejects.toMatchObject({ code: 'DATA_NOT_EMPTY' });
  expect(readFileSync(join(dataFolder, 'holdfast.db')).length).toBeGreaterThanOrEqual(database.length);

  const damaged = newFolder();
  cpSync(backup, damaged, { recursive: true });
  const bytes = readFileSync(join(damaged, 'holdfast.db'));
  bytes[bytes.length - 7]! ^= 1;
  writeFileSync(join(damaged, 'holdfast.db'), bytes);
  const target = join(newFolder(), 'data');
  await expect(restore(damaged, target)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', details: { exitCode: 78 } });
  rmSync(join(damaged, 'backup.json'));
  await expect(restore(damaged, target)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
  await expect(restore(join(target, 'none'), target)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
  expect(existsSync(join(target, 'holdfast.db'))).toBe(false);
  await expect(backUp(target, join(newFolder(), 'of nothing'))).rejects.toMatchObject({ details: { exitCode: 78 } });
});

test('W1 an older file in the same folder -> STORE_OLDER, one line, 78; acceptOlder takes it, once', async () => {
  const first = await startOne();
  await submit(first.client, 'old');
  const backup = join(newFolder(), 'backup');
  await backUp(first.dataFolder, backup);
  await submit(first.client, 'new');
  await first.coordinator.close();
  for (const name of ['holdfast.db-wal', 'holdfast.db-shm']) rmSync(join(first.dataFolder, name), { force: true });
  copyFileSync(join(backup, 'holdfast.db'), join(first.dataFolder, 'holdfast.db'));
  const starting = startCoordinator({ dataFolder: first.dataFolder, listen: loopback });
  await expect(starting).rejects.toMatchObject(refusedOlder);
  await expect(starting).rejects.toThrow(/^[^\n]*--accept-older$/);
  const taken = await startOne({ dataFolder: first.dataFolder, acceptOlder: true });
  expect((await taken.client.runs({ limit: 10 })).map((run) => run.name)).toEqual(['old']);
  await taken.coordinator.close();
  await (await startOne({ dataFolder: first.dataFolder })).coordinator.close();
});

test('W1 another store in the folder -> STORE_OLDER', async () => {
  const [one, other] = [await startOne(), await startOne()];
  await one.coordinator.close();
  await other.coordinator.close();
  copyFileSync(join(other.dataFolder, 'holdfast.db'), join(one.dataFolder, 'holdfast.db'));
  await expect(startCoordinator({ dataFolder: one.dataFolder, listen: loopback })).rejects.toMatchObject(refusedOlder);
});

test('W3 a restored backup and a worker that was given more -> the coordinator ends with STORE_OLDER; forged and foreign marks do nothing', async () => {
  const first = await startOne();
  const token = await first.coordinator.mintToken(['worker:register'], 'w');
  await submit(first.client, 'old');
  const backup = join(newFolder(), 'backup');
  await backUp(first.dataFolder, backup);
  const worker = await handWorker(first.coordinator.url, token);
  const [early] = await marksGiven(worker.socket, 1);
  const next = marksGiven(worker.socket, 1);
  await submit(first.client, 'new');
  const late = (await next)[0]!;
  expect(late).not.toBe(early);
  await first.coordinator.close();

  const data = join(newFolder(), 'data');
  await restore(backup, data);
  const second = await startOne({ dataFolder: data });
  const [id, life, generation, signature] = late.split('.');
  for (const forged of [
    '',
    'x',
    `${id}.${life}.${Number(generation) + 5}.${signature}`,
    `${id}.${'1'.repeat(16)}.${generation}.${signature}`,
    `${'0'.repeat(16)}.${life}.${generation}.${signature}`,
    `${id}.${life}.${generation}.${'0'.repeat(64)}`,
    early!,
  ]) {
    await show(second.coordinator.url, forged);
  }
  expect(await second.client.isReady()).toBe(true);
  await show(second.coordinator.url, late).catch(() => undefined);
  await expect(second.coordinator.fenced).rejects.toMatchObject(refusedOlder);
  await second.coordinator.close();

  const third = await startOne({ dataFolder: data, acceptOlder: true });
  await show(third.coordinator.url, late);
  expect(await third.client.isReady()).toBe(true);
});

test('migrate: a dry run lists and changes nothing; then nothing is pending', async () => {
  const folder = join(newFolder(), 'data');
  const plan = await migrateStore(folder, true);
  expect(plan.flatMap((module) => module.pending).length).toBeGreaterThan(2);
  expect(existsSync(folder)).toBe(false);
  expect(await migrateStore(folder, false)).toEqual(plan);
  expect((await migrateStore(folder, true)).flatMap((module) => module.pending)).toEqual([]);
  await startOne({ dataFolder: folder });
  await expect(migrateStore(folder, false)).rejects.toMatchObject({ code: 'STORE_LOCKED', details: { exitCode: 75 } });
});

test('bad files: truncated, bit-flipped in its first page, empty of tables but not of bytes -> 78 in one line, and the file is as it was', async () => {
  const { coordinator, client, dataFolder } = await startOne();
  for (let index = 0; index < 30; index += 1) await submit(client, `run ${index} ${'x'.repeat(400)}`);
  await coordinator.close();
  const good = readFileSync(join(dataFolder, 'holdfast.db'));
  const flipped = Buffer.from(good);
  for (let at = 100; at < 160; at += 1) flipped[at]! ^= 0xff;
  for (const [name, bytes] of [
    ['truncated', good.subarray(0, 3000)],
    ['half', good.subarray(0, Math.floor(good.length / 8192) * 4096)],
    ['flipped', flipped],
  ] as const) {
    const folder = join(newFolder(), name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'holdfast.db'), bytes);
    const starting = startCoordinator({ dataFolder: folder, listen: loopback });
    await expect(starting, name).rejects.toMatchObject({ code: 'STORE_CORRUPT', details: { exitCode: 78 } });
    await expect(starting, name).rejects.toThrow(/^[^\n]+$/);
    expect(readFileSync(join(folder, 'holdfast.db')).equals(bytes), name).toBe(true);
  }
});
