import { setTimeout as pause } from 'node:timers/promises';
import {
  openPostgresCommitter,
  openPostgresReader,
  openPostgresThread,
  type PostgresCommitter,
  type PostgresOptions,
  type PostgresTrouble,
  publicAddress,
} from '@holdfast/committer/postgres';
import { openTestPostgres } from '@holdfast/test-postgres';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { openCuttingProxy } from './fixtures/cutting-proxy.ts';
import { add } from './fixtures/modules.ts';
import { postgresNumbers } from './fixtures/postgres-modules.ts';

const postgres = await openTestPostgres();
afterAll(() => postgres.close());
let url: string;
let troubles: PostgresTrouble[];
beforeEach(async () => {
  url = await postgres.fresh();
  troubles = [];
});

const moduleUrl = new URL('./fixtures/postgres-modules.ts', import.meta.url).href;
const open = (more: Partial<PostgresOptions> = {}): Promise<PostgresCommitter> =>
  openPostgresCommitter({ url, coordinator: 'main', modules: [postgresNumbers], trouble: (one) => void troubles.push(one), ...more });
const schema = (): string => /search_path%3D(\w+)/.exec(url)![1]!;
const stored = async (): Promise<number[]> =>
  (await postgres.query(`SELECT value::int AS value FROM ${schema()}.numbers ORDER BY value`)).map(({ value }) => value as number);
/** Makes the first `times` inserts fail with this SQLSTATE. */
async function failing(sqlState: string, times: number): Promise<void> {
  await postgres.query(`CREATE SEQUENCE ${schema()}.tries`);
  await postgres.query(`CREATE FUNCTION ${schema()}.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('${schema()}.tries') <= ${times} THEN RAISE EXCEPTION 'planted' USING ERRCODE = '${sqlState}'; END IF; RETURN NEW; END $$`);
  await postgres.query(`CREATE TRIGGER fail BEFORE INSERT ON ${schema()}.numbers FOR EACH STATEMENT EXECUTE FUNCTION ${schema()}.fail()`);
}

test('C1 C2 postgres: ops apply in one transaction, refusals are verdicts, a throw takes the whole batch back', async () => {
  const committer = await open();
  expect((await committer.commit([add(1), add(1), add(2)])).map((verdict) => verdict.kind)).toEqual(['applied', 'refused', 'applied']);
  await expect(committer.commit([add(3), add(-1)])).rejects.toMatchObject({ code: 'STORE_IN_DOUBT' });
  await expect(committer.commit([add(4)])).rejects.toMatchObject({ code: 'STORE_IN_DOUBT' });
  await committer.close();
  expect(await stored()).toEqual([1, 2]);
});

test('P1 postgres: batches asked for at once are committed in order, each seeing the one before', async () => {
  const committer = await open();
  const verdicts = await Promise.all([committer.commit([add(1)]), committer.commit([]), committer.commit([add(1), add(2)])]);
  expect(verdicts.map((list) => list.map((verdict) => verdict.kind))).toEqual([['applied'], [], ['refused', 'applied']]);
  await committer.close();
  await expect(committer.commit([add(3)])).rejects.toMatchObject({ code: 'STORE_CLOSED' });
});

test('D1 postgres: a server or session that may lose what it acknowledged is refused, unless that is wanted', async () => {
  const careless = { url: url.replace('search_path', 'synchronous_commit%3Doff%20-c%20search_path') };
  await expect(open(careless)).rejects.toMatchObject({ code: 'STORE_UNSAFE', details: { setting: 'synchronous_commit' } });
  const committer = await open({ ...careless, notDurable: true });
  await committer.commit([add(1)]);
  await committer.close();
  const other = await openTestPostgres(['fsync=off', 'full_page_writes=on']);
  try {
    await expect(open({ url: await other.fresh() })).rejects.toMatchObject({ code: 'STORE_UNSAFE', details: { setting: 'fsync' } });
  } finally {
    await other.close();
  }
});

test('postgres: a schema that a newer version has migrated is refused; a wrong password and no server are told apart', async () => {
  await (await open()).close();
  const older = { ...postgresNumbers, migrations: {} };
  await expect(open({ modules: [older] })).rejects.toMatchObject({ code: 'STORE_TOO_NEW' });
  await expect(open({ url: url.replace('postgres://holdfast:holdfast', 'postgres://holdfast:secret') })).rejects.toMatchObject({
    code: 'STORE_FORBIDDEN',
  });
  const nobody = open({ url: 'postgres://holdfast:secret@127.0.0.1:1/postgres' });
  await expect(nobody).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true });
  await expect(nobody).rejects.not.toThrow(/secret/);
  expect(publicAddress('postgres://ada:secret@db:5433/farm?sslmode=require')).toBe('postgres://db:5433/farm');
  expect(publicAddress('ada:secret@db')).not.toContain('secret');
});

test.each(['before', 'after'] as const)(
  'P2 postgres: the connection is cut %s a COMMIT -> its outcome is resolved, the batch is there once',
  async (when) => {
    const proxy = await openCuttingProxy(Number(new URL(postgres.url).port));
    const committer = await open({ url: url.replace(new URL(postgres.url).port, String(proxy.port)) });
    try {
      await committer.commit([add(1)]);
      for (const value of [2, 3, 4]) {
        proxy.cutNext(when);
        expect(await committer.commit([add(value)])).toEqual([{ kind: 'applied', value }]);
      }
      expect(await committer.commit([add(5)])).toEqual([{ kind: 'applied', value: 5 }]);
      expect(await stored()).toEqual([1, 2, 3, 4, 5]);
      const resolved = troubles.filter(({ what }) => what === 'outcome resolved').length;
      expect(resolved).toBe(when === 'after' ? 3 : 0);
      expect(troubles.filter(({ what }) => what === 'reconnected').length).toBe(3);
    } finally {
      await committer.close();
      await proxy.close();
    }
  },
);

test.each(['40001', '40P01'])('postgres: %s -> the batch runs again after a random delay, and is there once', async (sqlState) => {
  const committer = await open();
  await failing(sqlState, 3);
  expect(await committer.commit([add(1)])).toEqual([{ kind: 'applied', value: 1 }]);
  await committer.close();
  expect(await stored()).toEqual([1]);
  expect(troubles).toMatchObject(
    [1, 2, 3].map((attempt) => ({ what: 'rerun', attempt, code: sqlState, statement: 'values.insert', batch: 1 })),
  );
});

test('postgres: it never succeeds -> given up, told as nothing committed', async () => {
  const committer = await open();
  await failing('40001', 1000);
  await expect(committer.commit([add(1)])).rejects.toMatchObject({ code: 'STORE_CONTENDED', retryable: true });
  await committer.close();
  expect(await stored()).toEqual([]);
});

test('postgres: its disk is full -> STORE_FULL, and the same committer goes on once there is space', async () => {
  const committer = await open();
  await failing('53100', 1);
  await expect(committer.commit([add(1)])).rejects.toMatchObject({ code: 'STORE_FULL', retryable: true });
  expect(await committer.commit([add(2)])).toEqual([{ kind: 'applied', value: 2 }]);
  await committer.close();
  expect(await stored()).toEqual([2]);
});

test('postgres: a statement waits for a lock for too long -> cancelled by the server, and run again', async () => {
  const committer = await open({ statementWithinMs: 200 });
  await postgres.query(
    `CREATE FUNCTION ${schema()}.hold() RETURNS void LANGUAGE plpgsql AS $$ BEGIN LOCK TABLE ${schema()}.numbers; PERFORM pg_sleep(1); END $$`,
  );
  const holding = postgres.query(`SELECT ${schema()}.hold()`);
  while ((await postgres.query(`SELECT 1 FROM pg_locks WHERE relation = '${schema()}.numbers'::regclass AND granted`)).length === 0)
    await pause(10);
  expect(await committer.commit([add(1)])).toEqual([{ kind: 'applied', value: 1 }]);
  await holding;
  await committer.close();
  expect(troubles.some(({ what, code }) => what === 'rerun' && code === '57014')).toBe(true);
  expect(await stored()).toEqual([1]);
});

test('postgres: a transaction is cut when it takes too long, and is run again', async () => {
  const committer = await open({ transactionWithinMs: 300, statementWithinMs: 60_000 });
  await postgres.query(
    `CREATE FUNCTION ${schema()}.hold() RETURNS void LANGUAGE plpgsql AS $$ BEGIN LOCK TABLE ${schema()}.numbers; PERFORM pg_sleep(1); END $$`,
  );
  const holding = postgres.query(`SELECT ${schema()}.hold()`);
  while ((await postgres.query(`SELECT 1 FROM pg_locks WHERE relation = '${schema()}.numbers'::regclass AND granted`)).length === 0)
    await pause(10);
  expect(await committer.commit([add(1)])).toEqual([{ kind: 'applied', value: 1 }]);
  await holding;
  await committer.close();
  expect(troubles.some(({ what }) => what === 'transaction cut')).toBe(true);
  expect(await stored()).toEqual([1]);
});

test('G13 postgres: a standby waits while its coordinator beats, takes over when it is silent, and the former one is fenced', async () => {
  const active = await open();
  let stoodBy: PostgresCommitter | undefined;
  const standby = open({ standbyMs: 1500 }).then((committer) => (stoodBy = committer));
  // Beating for longer than the standby would wait: each batch begins its wait anew.
  for (let beat = 1; beat <= 12; beat += 1) {
    await active.commit([]);
    expect(stoodBy).toBeUndefined();
    await pause(200);
  }
  const next = await standby;
  expect(next.epoch).toBe(active.epoch + 1);
  await next.commit([add(1)]);
  await expect(active.commit([add(2)])).rejects.toMatchObject({ code: 'STORE_FENCED' });
  await Promise.all([active.close(), next.close()]);
  expect(await stored()).toEqual([1]);
});

test('postgres: through threads, a reader sees what was committed, refuses what is too much, and says when the server is gone', async () => {
  const store = await openPostgresThread({ url, coordinator: 'main', modules: [moduleUrl] });
  const reader = await openPostgresReader({ url, queries: [moduleUrl], connectionsMax: 1, waitingMax: 1, waitWithinMs: 100 });
  try {
    await store.commit([add(7)]);
    expect(await reader.query('values', {})).toEqual([7]);
    await expect(reader.query('nothing', {})).rejects.toMatchObject({ code: 'STORE_UNKNOWN_QUERY' });
    await expect(reader.query('broken', {})).rejects.toMatchObject({ code: 'STORE_QUERY_FAILED' });
    const slow = reader.query('slow', { seconds: 1 });
    const waiting = expect(reader.query('values', {})).rejects.toMatchObject({ code: 'STORE_BUSY', retryable: true });
    await expect(reader.query('values', {})).rejects.toMatchObject({ code: 'STORE_BUSY' });
    await waiting;
    await slow;
    expect(await reader.query('values', {})).toEqual([7]);
  } finally {
    await reader.close();
    await store.close();
  }
});

test.runIf(postgres.own)(
  'G1 postgres: stopped at once under commits, three times -> what was acknowledged is there, nothing twice, all go on',
  async () => {
    const store = await openPostgresThread({ url, coordinator: 'main', modules: [moduleUrl] }, (one) => void troubles.push(one));
    const reader = await openPostgresReader({ url, queries: [moduleUrl] });
    const acknowledged: number[] = [];
    let value = 0;
    const goOn = new AbortController();
    const writing = (async () => {
      while (!goOn.signal.aborted) {
        value += 1;
        const [verdict] = await store.commit([add(value)]);
        // Run again after a COMMIT that had landed would be `known`.
        expect(verdict!.kind).toBe('applied');
        acknowledged.push(value);
      }
    })();
    for (let kill = 1; kill <= 3; kill += 1) {
      const goal = acknowledged.length + 20;
      while (acknowledged.length < goal) await Promise.race([pause(5), writing]);
      await postgres.stopAtOnce();
      await expect(reader.query('values', {})).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
      await postgres.start();
    }
    const goal = acknowledged.length + 5;
    while (acknowledged.length < goal) await Promise.race([pause(5), writing]);
    goOn.abort();
    await writing;
    await store.close();
    expect(await stored()).toEqual(acknowledged);
    for (let tries = 0; ; tries += 1) {
      const answer = await reader.query('values', {}).catch((error: { code: string }) => error.code);
      if (answer !== 'STORE_UNREACHABLE') break;
      expect(tries, 'the reader finds the server again').toBeLessThan(100);
      await pause(100);
    }
    await reader.close();
    expect(troubles.filter(({ what }) => what === 'reconnected').length).toBeGreaterThanOrEqual(3);
  },
);
