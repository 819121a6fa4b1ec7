/** Two coordinators on one PostgreSQL: each fenced by its own row, none loses what the other counted. */
import type { Op, Verdict } from '@holdfast/committer';
import { openPostgresCommitter, openPostgresPool, type PostgresCommitter } from '@holdfast/committer/postgres';
import { DEFAULT_POLICY } from '@holdfast/model';
import { checkRows } from '@holdfast/task-store/conformance';
import { readPostgresRows, storeModules } from '@holdfast/task-store/postgres';
import { openTestPostgres } from '@holdfast/test-postgres';
import { afterAll, expect, test } from 'vitest';

const postgres = await openTestPostgres();
afterAll(() => postgres.close());

const wall = 5;
const op = (value: object): Op => value as Op;
const opened = (id: string, more: object = {}): Op =>
  op({ op: 'task.openRun', id, name: id, principal: 'ada', spec: {}, class: 'c', wall, ...more });
const added = (run: number, count: number): Op =>
  op({
    op: 'task.addTasks',
    run,
    wall,
    tasks: Array.from({ length: count }, () => ({ name: 't', body: { kind: 'noop' }, policy: DEFAULT_POLICY, predictedMs: 1 })),
  });
const hello = (worker: string, coordinator: string): Op =>
  op({ op: 'task.hello', worker, principal: 'ada', incarnation: worker, coordinator, name: worker, registration: null, wall });
const claim = (worker: number, credits: number): Op => op({ op: 'task.claim', worker, sessionEpoch: 1, classes: ['c'], credits, wall });
interface Key {
  readonly run: number;
  readonly n: number;
  readonly epoch: number;
}
const finished = (worker: number, { run, n, epoch }: Key): Op =>
  op({ op: 'task.finished', worker, run, n, epoch, result: { outcome: 'passed', durationMs: 1, cases: [] }, wall });
const value = <Value>(verdict: Verdict | undefined): Value => {
  expect(verdict?.kind).toBe('applied');
  return (verdict as { value: Value }).value;
};

async function openBoth(): Promise<{ url: string; a: PostgresCommitter; b: PostgresCommitter }> {
  const url = await postgres.fresh();
  const [a, b] = await Promise.all(['a', 'b'].map((coordinator) => openPostgresCommitter({ url, coordinator, modules: storeModules })));
  return { url, a: a!, b: b! };
}

test('two coordinators: both claim and finish the tasks of shared runs -> none twice, no counter lost, each run ends once', async () => {
  const { url, a, b } = await openBoth();
  const db = openPostgresPool<never>({ url }, 1);
  try {
    await a.commit([hello('w1', 'a'), opened('r1'), opened('r2'), opened('r3')]);
    await b.commit([hello('w2', 'b')]);
    await Promise.all([a.commit([added(1, 60), added(3, 20)]), b.commit([added(2, 60), added(1, 20)])]);
    await a.commit([1, 2, 3].map((run) => op({ op: 'task.sealRun', run, wall })));
    const ended: number[] = [];
    const granted: string[] = [];
    const work = async (committer: PostgresCommitter, worker: number): Promise<void> => {
      for (let idle = 0; idle < 3;) {
        const { grants } = value<{ grants: Key[] }>((await committer.commit([claim(worker, 7)]))[0]);
        idle = grants.length === 0 ? idle + 1 : 0;
        granted.push(...grants.map((grant) => `${grant.run}.${grant.n}.${grant.epoch}`));
        for (const verdict of await committer.commit(grants.map((grant) => finished(worker, grant)))) {
          const { run } = value<{ run: { run: number; ended: boolean } }>(verdict);
          if (run.ended) ended.push(run.run);
        }
      }
    };
    await Promise.all([work(a, 1), work(b, 2)]);
    const rows = await readPostgresRows(db);
    expect(checkRows(rows)).toEqual([]);
    expect(granted.length).toBe(160);
    expect(new Set(granted).size).toBe(160);
    expect(ended.sort()).toEqual([1, 2, 3]);
    expect(rows.runs.map(({ state, counts }) => [state, counts.passed, counts.remaining])).toEqual([
      ['finished', 80, 0],
      ['finished', 60, 0],
      ['finished', 20, 0],
    ]);
  } finally {
    await Promise.all([a.close(), b.close(), db.destroy()]);
  }
});

test('two coordinators: the same idempotency key at the same time -> one run', async () => {
  const { a, b } = await openBoth();
  try {
    for (let round = 1; round <= 10; round += 1) {
      const key = { key: `k${round}`, keyHash: 'h' };
      const verdicts = await Promise.all([a.commit([opened(`a${round}`, key)]), b.commit([opened(`b${round}`, key)])]);
      const runs = verdicts.map(([verdict]) => value<{ id: string; existing: boolean }>(verdict));
      expect(runs[0]!.id).toBe(runs[1]!.id);
      expect(runs.map(({ existing }) => existing).sort()).toEqual([false, true]);
    }
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
});

test('G13 coordinator: a peer raised its epoch -> its next batch writes nothing, and it is told to end with 75', async () => {
  const { url, a, b } = await openBoth();
  const db = openPostgresPool<never>({ url }, 1);
  try {
    await a.commit([opened('r1')]);
    await b.commit([op({ op: 'task.startCoordinator', coordinator: 'a', wall })]);
    const before = await readPostgresRows(db);
    await expect(a.commit([added(1, 3)])).rejects.toMatchObject({ code: 'STORE_FENCED', details: { exitCode: 75 } });
    await expect(a.commit([])).rejects.toMatchObject({ code: 'STORE_FENCED' });
    expect(await readPostgresRows(db)).toEqual(before);
    // The same id again is a new life.
    const again = await openPostgresCommitter({ url, coordinator: 'a', modules: storeModules });
    value(await again.commit([added(1, 3)]).then(([verdict]) => verdict));
    await again.close();
  } finally {
    await Promise.all([a.close(), b.close(), db.destroy()]);
  }
});

test('G13 coordinator: started twice under one id -> the first is fenced', async () => {
  const url = await postgres.fresh();
  const first = await openPostgresCommitter({ url, coordinator: 'a', modules: storeModules });
  const second = await openPostgresCommitter({ url, coordinator: 'a', modules: storeModules });
  await expect(first.commit([opened('r1')])).rejects.toMatchObject({ code: 'STORE_FENCED' });
  await second.commit([op({ op: 'task.startCoordinator', coordinator: 'a', wall }), opened('r1')]);
  await second.commit([added(1, 1)]);
  await Promise.all([first.close(), second.close()]);
});
