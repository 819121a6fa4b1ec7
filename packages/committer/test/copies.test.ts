import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkSqlite,
  copySqlite,
  openSqliteCommitter,
  openSqliteThread,
  planSqliteMigrations,
  type SqliteModule,
} from '@holdfast/committer/sqlite';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { add, numbers } from './fixtures/modules.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-copies-'));
  path = join(folder, 'store.db');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const moduleUrl = new URL('./fixtures/modules.ts', import.meta.url).href;
const valuesOf = (file: string): number[] => {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare('SELECT value FROM numbers ORDER BY value').pluck().all() as number[];
  } finally {
    db.close();
  }
};

test('B1 copy: a writer commits all the while -> each copy is one prefix of its commits, and nothing is left beside it', async () => {
  const store = await openSqliteThread({ path, modules: [moduleUrl] });
  let next = 1;
  let done = false;
  const writing = (async () => {
    // oxlint-disable-next-line no-unmodified-loop-condition -- changed below, while a commit is under way.
    while (!done) {
      await store.commit([add(next), add(next + 1)]);
      next += 2;
    }
  })();
  for (let index = 0; index < 5; index += 1) {
    await new Promise((later) => setTimeout(later, 20));
    const known = next - 1;
    copySqlite(path, join(folder, `copy-${index}.db`));
    const values = valuesOf(join(folder, `copy-${index}.db`));
    expect(values).toEqual(values.map((_, at) => at + 1));
    expect(values.length % 2).toBe(0);
    expect(values.length).toBeGreaterThanOrEqual(known - 1);
  }
  done = true;
  await writing;
  await store.close();
  expect((await readdir(folder)).filter((name) => name.startsWith('copy') && !name.endsWith('.db'))).toEqual([]);
});

test('B2 copy: of a file that is damaged, or none -> refused, and no copy is left', async () => {
  const committer = await openSqliteCommitter({ path, modules: [numbers] });
  for (let from = 0; from < 4000; from += 500) committer.commit(Array.from({ length: 500 }, (_, index) => add(from + index + 1)));
  committer.close();
  const { size } = await stat(path);
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(4096, 0xa5), 0, 4096, Math.floor(size / 8192) * 4096);
  await file.close();
  expect(() => checkSqlite(path)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  expect(() => copySqlite(path, join(folder, 'copy.db'))).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  expect(() => copySqlite(join(folder, 'none.db'), join(folder, 'copy.db'))).toThrow(expect.objectContaining({ code: 'STORE_UNWRITABLE' }));
  expect(await readdir(folder)).not.toContain('copy.db');
});

test('migrations: what a file still needs is listed and not done; a newer file is refused', async () => {
  const later: SqliteModule = { ...numbers, migrations: { ...numbers.migrations, '0002_later': { up: () => Promise.resolve() } } };
  expect(planSqliteMigrations({ path, modules: [later] })).toEqual([
    { module: 'number', pending: [...Object.keys(numbers.migrations), '0002_later'] },
  ]);
  expect(await readdir(folder)).toEqual([]);
  (await openSqliteCommitter({ path, modules: [numbers] })).close();
  expect(planSqliteMigrations({ path, modules: [later] })).toEqual([{ module: 'number', pending: ['0002_later'] }]);
  (await openSqliteCommitter({ path, modules: [later] })).close();
  expect(planSqliteMigrations({ path, modules: [later] })).toEqual([{ module: 'number', pending: [] }]);
  expect(() => planSqliteMigrations({ path, modules: [numbers] })).toThrow(expect.objectContaining({ code: 'STORE_TOO_NEW' }));
});

test('migrations: interrupted at every statement -> the next opening goes on from there, and ends with the same schema', async () => {
  const statements = [
    'CREATE TABLE one (a)',
    'CREATE TABLE two (b)',
    'CREATE INDEX two_b ON two (b)',
    'INSERT INTO two VALUES (1)',
    'DROP TABLE one',
  ];
  const module = (failAt: number): SqliteModule => ({
    ...numbers,
    migrations: {
      ...numbers.migrations,
      '0002_steps': {
        up: async (db) => {
          for (const [index, text] of statements.entries()) {
            if (index === failAt) throw new Error('interrupted');
            await sql.raw(text).execute(db);
          }
        },
      },
    },
  });
  const schemaOf = (file: string): unknown => {
    const db = new Database(file, { readonly: true });
    const found = db.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
    const rows = db.prepare('SELECT b FROM two').all();
    db.close();
    return [found, rows];
  };
  (await openSqliteCommitter({ path, modules: [module(-1)] })).close();
  const wanted = schemaOf(path);
  for (let failAt = 0; failAt <= statements.length; failAt += 1) {
    const file = join(folder, `interrupted-${failAt}.db`);
    if (failAt < statements.length)
      await expect(openSqliteCommitter({ path: file, modules: [module(failAt)] })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    (await openSqliteCommitter({ path: file, modules: [module(-1)] })).close();
    expect(schemaOf(file)).toEqual(wanted);
  }
});
