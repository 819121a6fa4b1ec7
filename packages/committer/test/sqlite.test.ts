import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openSqliteCommitter, openSqliteReader, openSqliteThread, siblingUrl } from '@holdfast/committer/sqlite';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { add, numbers } from './fixtures/modules.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-committer-'));
  path = join(folder, 'store.db');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const modules = [numbers];
const moduleUrl = new URL('./fixtures/modules.ts', import.meta.url).href;
const stored = (): number[] => {
  const db = new Database(path, { readonly: true });
  const values = db.prepare('SELECT value FROM numbers ORDER BY value').pluck().all() as number[];
  db.close();
  return values;
};

test('C1 C2 sqlite: ops apply in one transaction, refusals are verdicts, a throw takes the whole batch back', async () => {
  const committer = await openSqliteCommitter({ path, modules });
  expect(committer.commit([add(1), add(1), add(2)]).map((verdict) => verdict.kind)).toEqual(['applied', 'refused', 'applied']);
  expect(() => committer.commit([add(3), add(-1)])).toThrow(expect.objectContaining({ code: 'STORE_IN_DOUBT' }));
  expect(() => committer.commit([add(4)])).toThrow(expect.objectContaining({ code: 'STORE_IN_DOUBT' }));
  committer.close();
  expect(stored()).toEqual([1, 2]);
});

test('F1 sqlite: a connection runs WAL with synchronous FULL', async () => {
  let found: unknown[] = [];
  const asking = {
    ...numbers,
    open: (tx: Parameters<typeof numbers.open>[0]) => {
      found = ['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout'].map((name) => tx.prepare(`PRAGMA ${name}`).pluck().get());
      return numbers.open(tx);
    },
  };
  (await openSqliteCommitter({ path, modules: [asking] })).close();
  expect(found).toEqual(['wal', 2, 1, 5000]);
});

test('F2 sqlite: a second writer is refused in this process, in a thread and after close no longer; a reader is not', async () => {
  const first = await openSqliteCommitter({ path, modules });
  await expect(openSqliteCommitter({ path, modules })).rejects.toMatchObject({ code: 'STORE_LOCKED', retryable: true });
  await expect(openSqliteThread({ path, modules: [moduleUrl] })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  await expect(openSqliteCommitter({ path: join(folder, '..', folder.split('/').at(-1)!, 'store.db'), modules })).rejects.toMatchObject({ code: 'STORE_LOCKED' }); // prettier-ignore
  first.commit([add(1)]);
  expect(stored()).toEqual([1]);
  first.close();
  (await openSqliteCommitter({ path, modules })).close();
});

test('sqlite: a schema from the future -> refused; the same file with the newer module opens', async () => {
  const newer = { ...numbers, migrations: { ...numbers.migrations, '0002_later': { up: () => Promise.resolve() } } };
  (await openSqliteCommitter({ path, modules: [newer] })).close();
  await expect(openSqliteCommitter({ path, modules })).rejects.toMatchObject({
    code: 'STORE_TOO_NEW',
    details: { unknown: ['0002_later'] },
  });
  (await openSqliteCommitter({ path, modules: [newer] })).close();
});

test('sqlite: a place that cannot be written -> refused', async () => {
  await writeFile(join(folder, 'file'), '');
  for (const place of [join(folder, 'file', 'store.db'), join(folder, 'missing', 'store.db'), join(folder, 'file', 'below', 'store.db')]) {
    await expect(openSqliteCommitter({ path: place, modules })).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
  }
});

test('sqlite: a read-only folder -> refused', async (context) => {
  if (process.getuid?.() === 0) {
    console.warn('NOT RUN: root may write anywhere, so a read-only folder cannot be shown');
    context.skip();
  }
  await mkdir(join(folder, 'locked'));
  await chmod(join(folder, 'locked'), 0o500);
  await expect(openSqliteCommitter({ path: join(folder, 'locked', 'store.db'), modules })).rejects.toMatchObject({
    code: 'STORE_UNWRITABLE',
  });
});

test('sqlite: no database, a damaged one, or one of something else -> refused and left as it is', async () => {
  await writeFile(path, 'this is a letter, not a database. '.repeat(100));
  await expect(openSqliteCommitter({ path, modules })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  const other = join(folder, 'other.db');
  const db = new Database(other);
  db.exec('CREATE TABLE letters (text TEXT)');
  db.close();
  await expect(openSqliteCommitter({ path: other, modules })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
});

test('sqlite: no space left -> nothing of the batch is committed, the same committer goes on with less', async () => {
  const committer = await openSqliteCommitter({ path, modules, bytesMax: 256 * 1024 });
  expect(() => committer.commit([add(1), add(2, 1024 * 1024)])).toThrow(expect.objectContaining({ code: 'STORE_FULL', retryable: true }));
  expect(committer.commit([add(1)])[0]!.kind).toBe('applied');
  committer.close();
  expect(stored()).toEqual([1]);
});

test('sqlite: maintained between batches -> the WAL stays small however much is written', async () => {
  const committer = await openSqliteCommitter({ path, modules });
  for (let value = 1; value <= 200; value += 1) {
    committer.commit([add(value, 100_000)]);
    committer.maintain();
  }
  expect((await stat(`${path}-wal`)).size).toBeLessThan(8_000_000);
  expect((await stat(path)).size).toBeGreaterThan(12_000_000);
  committer.close();
  expect(stored().length).toBe(200);
});

test('G1 writer thread: killed with SIGKILL in the middle -> all acknowledged numbers are there, and the file opens', async () => {
  const script = new URL('./fixtures/committing-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=@holdfast/source', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let acknowledged = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Number(line);
    if (acknowledged >= 200) child.kill('SIGKILL');
  }
  if (child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  expect(acknowledged).toBeGreaterThanOrEqual(200);
  const committer = await openSqliteCommitter({ path, modules });
  committer.close();
  const values = stored();
  expect(values.slice(0, acknowledged)).toEqual(Array.from({ length: acknowledged }, (_, index) => index + 1));
  // At most the one batch in flight was committed without its answer.
  expect(values.length - acknowledged).toBeLessThanOrEqual(1);
});

test('reader thread: a query asked after a commit resolved sees it; it cannot write; unknown names are refused', async () => {
  const store = await openSqliteThread({ path, modules: [moduleUrl] });
  const reader = await openSqliteReader({ path, queries: [moduleUrl] });
  for (let value = 1; value <= 20; value += 1) {
    await store.commit([add(value)]);
    expect(((await reader.query('values', null)) as number[]).at(-1)).toBe(value);
  }
  await expect(reader.query('write', null)).rejects.toMatchObject({ code: 'STORE_QUERY_FAILED' });
  await expect(reader.query('nothing', null)).rejects.toMatchObject({ code: 'STORE_UNKNOWN_QUERY' });
  await expect(store.commit([{ op: 'other.thing' }])).rejects.toMatchObject({ code: 'STORE_UNKNOWN_OP' });
  await expect(store.commit([add(-1)])).rejects.toMatchObject({ code: 'STORE_IN_DOUBT' });
  await reader.close();
  await store.close();
  await expect(store.commit([add(50)])).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  (await openSqliteCommitter({ path, modules })).close();
});

test('siblingUrl: sources, built files and chunks find the same entry', () => {
  expect(siblingUrl('file:///src/a/packages/x/src/io/sqlite.ts?v=1', 'io/thread')).toBe('file:///src/a/packages/x/src/io/thread.ts');
  expect(siblingUrl('file:///src/a/node_modules/x/dist/chunk-AB.js', 'io/thread')).toBe('file:///src/a/node_modules/x/dist/io/thread.js');
});
