import { openPostgresCommitter, openPostgresPool } from '@holdfast/committer/postgres';
import { openSqliteCommitter } from '@holdfast/committer/sqlite';
import type { Op, Verdict } from '@holdfast/committer';
import { DEFAULT_POLICY, type TaskSpec } from '@holdfast/model';
import type { TaskRows } from '@holdfast/task-store';
import { checkRows } from '@holdfast/task-store/conformance';
import { createMemoryStore } from '@holdfast/task-store/memory';
import { readPostgresRows, storeModules } from '@holdfast/task-store/postgres';
import { createStoreModules } from '@holdfast/task-store/sqlite';
import { openTestPostgres } from '@holdfast/test-postgres';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyStore } from './fixtures/empty-store.ts';

const seed = process.env['FC_SEED'] === undefined ? Date.now() % 2 ** 31 : Number(process.env['FC_SEED']);
const path = process.env['FC_PATH'];
const runs = Number(process.env['FC_RUNS'] ?? 60);

test(
  `memory and sqlite: the same ops -> the same verdicts and rows, every invariant holds (FC_SEED=${seed})`,
  async () => {
    await compare({ seed, numRuns: runs, ...(path === undefined ? {} : { path }) });
  },
  60_000 + runs * 100,
);

test(
  `memory, sqlite and postgres: the same ops -> the same verdicts and rows, every invariant holds (FC_SEED=${seed})`,
  async () => {
    const postgres = await openTestPostgres();
    const url = await postgres.fresh();
    const committer = await openPostgresCommitter({ url, coordinator: 'main', modules: storeModules });
    const db = openPostgresPool<never>({ url }, 1);
    try {
      const third: ThirdStore = {
        commit: (ops) => committer.commit(ops),
        rows: async () => numbered(await readPostgresRows(db)),
        empty: () => emptyStore(db, 'main'),
      };
      await compare({ seed, numRuns: Math.ceil(runs / 4), ...(path === undefined ? {} : { path }) }, third);
    } finally {
      await committer.close();
      await db.destroy();
      await postgres.close();
    }
  },
  60_000 + runs * 1000,
);

// A generator that reaches nothing proves nothing. The seed is fixed: what is rare must not be a matter of luck.
test('memory and sqlite: the drawn ops -> reach every verdict that matters', async () => {
  const reached = await compare({ seed: REACHING_SEED, numRuns: 60 });
  expect(MUST_REACH.filter((verdict) => !reached.has(verdict))).toEqual([]);
});

interface ThirdStore {
  commit(ops: readonly Op[]): Promise<Verdict[]>;
  rows(): Promise<TaskRows>;
  empty(): Promise<void>;
}

/** Applies drawn batches to all adapters; resolves with the verdicts that came, by op and reason. */
async function compare(
  parameters: { readonly seed: number; readonly numRuns: number; readonly path?: string },
  third?: ThirdStore,
): Promise<ReadonlySet<string>> {
  const reached = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.tuple(anyOp, fc.nat(99)), { minLength: 1, maxLength: 4 }), { minLength: 20, maxLength: 60 }),
      async (batches) => {
        await third?.empty();
        const memory = createMemoryStore();
        const { modules, rows } = createStoreModules();
        const sqlite = await openSqliteCommitter({ path: ':memory:', modules });
        try {
          for (const drawn of [OPENING.map((op) => [op, 0] as const), ...batches]) {
            const batch = drawn.map(([op, aim]) => aimed(op, aim, memory.rows()));
            const verdicts = memory.committer.commit(batch);
            expect(sqlite.commit(batch)).toEqual(verdicts);
            if (third) expect(await third.commit(batch)).toEqual(verdicts);
            for (const [index, op] of batch.entries()) {
              const verdict = verdicts[index]!;
              reached.add(`${op.op} ${verdict.kind === 'refused' ? verdict.reason : 'applied'}`);
            }
          }
          expect(rows()).toEqual(memory.rows());
          if (third) expect(await third.rows()).toEqual(memory.rows());
          expect(checkRows(rows())).toEqual([]);
        } finally {
          sqlite.close();
        }
      },
    ),
    parameters,
  );
  return reached;
}

/** A transaction that was begun again leaves a gap in the numbers of PostgreSQL's log; their order is what counts. */
const numbered = (rows: TaskRows): TaskRows => ({ ...rows, events: rows.events.map((event, index) => ({ ...event, seq: index + 1 })) });

/** Two of three ops that name a lease or a delayed task are aimed at one that exists, or hardly any would meet. */
function aimed(op: Op, aim: number, rows: TaskRows): Op {
  if (aim % 3 === 0) return op;
  const active = rows.attempts.filter((row) => row.ended === null);
  const delayed = rows.tasks.filter((task) => task.delayMs > 0);
  const target =
    op.op === 'task.makeReady' ? delayed[aim % (delayed.length || 1)] : 'epoch' in op ? active[aim % (active.length || 1)] : undefined;
  if (!target) return op;
  const { run, n, epoch } = target;
  const holder = 'worker' in op && 'worker' in target ? rows.workers[target.worker - 1] : undefined;
  return {
    ...op,
    run,
    n,
    ...('epoch' in op ? { epoch } : {}),
    // One of seven comes from whatever worker was drawn (G21).
    ...(holder && aim % 7 > 0 ? { worker: holder.worker } : {}),
    ...(holder && 'sessionEpoch' in op ? { sessionEpoch: holder.sessionEpoch } : {}),
  } as Op;
}

const REACHING_SEED = 1;
const MUST_REACH = [
  'task.hello applied',
  'task.hello other_principal',
  'task.hello superseded',
  'task.claim applied',
  'task.finished applied',
  'task.finished duplicate',
  'task.finished stale_lease',
  'task.lost applied',
  'task.released applied',
  'task.hedge applied',
  'task.unhedge applied',
  'task.makeReady applied',
  'task.cancel applied',
  'task.cancelRun applied',
  'task.interruptRun applied',
  'task.resumeRun applied',
  'task.addTasks already_added',
  'checkpoint.save applied',
  'checkpoint.save lower_seq',
];

const wall = 5;
const run = fc.integer({ min: 1, max: 3 });
const lease = {
  run,
  n: fc.integer({ min: 1, max: 6 }),
  epoch: fc.integer({ min: 1, max: 4 }),
  worker: fc.integer({ min: 1, max: 3 }),
  wall: fc.constant(wall),
};
const worker = fc.integer({ min: 1, max: 3 });
const sessionEpoch = fc.constantFrom(1, 1, 1, 2, 3);
const policy = fc.record({
  priority: fc.integer({ min: 0, max: 9 }),
  timeoutMs: fc.constant(0),
  graceMs: fc.constant(5000),
  retries: fc.integer({ min: 0, max: 2 }),
  retryDelayMs: fc.constantFrom(0, 250),
  maxLost: fc.integer({ min: 1, max: 3 }),
  onDisconnect: fc.constantFrom('hedge' as const, 'wait' as const, 'replace' as const),
});
const spec: fc.Arbitrary<TaskSpec> = fc
  .record({ policy, after: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 2 }) })
  .map((parts) => ({ name: 't', body: { kind: 'noop' }, predictedMs: 1, ...parts }));

const op = <Name extends string, Fields extends object>(name: Name, fields: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> }) =>
  fc.record({ op: fc.constant(name), ...fields }) as unknown as fc.Arbitrary<Op>;

const result = fc.record({
  outcome: fc.constantFrom(
    'passed' as const,
    'passed' as const,
    'failed' as const,
    'errored' as const,
    'timed_out' as const,
    'cancelled' as const,
  ),
  durationMs: fc.integer({ min: 0, max: 9 }),
  cases: fc.constant([]),
});
const principal = fc.constant('ada');

const anyOp: fc.Arbitrary<Op> = fc.oneof(
  { weight: 12, arbitrary: op('task.claim', { worker, sessionEpoch, classes: fc.constantFrom(['c'], ['c', 'd']), credits: fc.integer({ min: 0, max: 4 }), wall: fc.constant(wall) }) }, // prettier-ignore
  { weight: 12, arbitrary: op('task.finished', { ...lease, result }) },
  { weight: 6, arbitrary: op('task.started', lease) },
  { weight: 4, arbitrary: op('task.paused', { ...lease, paused: fc.boolean() }) },
  { weight: 6, arbitrary: op('task.lost', { ...lease, reason: fc.constant('died') }) },
  { weight: 4, arbitrary: op('task.released', lease) },
  { weight: 6, arbitrary: op('task.hedge', lease) },
  { weight: 4, arbitrary: op('task.unhedge', { ...lease, worker, sessionEpoch }) },
  { weight: 4, arbitrary: op('task.makeReady', { run, n: lease.n }) },
  { weight: 4, arbitrary: op('checkpoint.save', { ...lease, seq: fc.integer({ min: 1, max: 5 }), data: fc.constantFrom({ at: 1 }, [1, 'ä'], null) }) }, // prettier-ignore
  { weight: 3, arbitrary: op('task.hello', { worker: fc.constantFrom('w1', 'w2', 'w3'), principal: fc.constantFrom('ada', 'ada', 'ada', 'eve'), incarnation: fc.constantFrom('i1', 'i2', 'i3', 'i4', 'i5'), coordinator: fc.constant('k'), name: fc.constant('w'), registration: fc.constant({ cpus: 1 }), wall: fc.constant(wall) }) }, // prettier-ignore
  { weight: 3, arbitrary: op('task.addTasks', { run, tasks: fc.array(spec, { maxLength: 3 }), expect: fc.constantFrom(0, 2, 4), wall: fc.constant(wall) }) }, // prettier-ignore
  { weight: 3, arbitrary: op('task.addTasks', { run, tasks: fc.array(spec, { maxLength: 3 }), wall: fc.constant(wall) }) },
  { weight: 2, arbitrary: op('task.openRun', { id: fc.constantFrom('r1', 'r2', 'r3'), name: fc.constant('r'), principal, spec: fc.constant({ cwd: '.' }), class: fc.constantFrom('c', 'd'), key: fc.constantFrom('k1', 'k2'), keyHash: fc.constantFrom('h1', 'h2'), wall: fc.constant(wall) }) }, // prettier-ignore
  { weight: 1, arbitrary: op('task.sealRun', { run, wall: fc.constant(wall) }) },
  { weight: 2, arbitrary: op('task.cancel', { run, n: lease.n, principal, wall: fc.constant(wall) }) },
  { weight: 1, arbitrary: op('task.cancelRun', { run, principal, wall: fc.constant(wall) }) },
  { weight: 1, arbitrary: op('task.interruptRun', { run, principal, wall: fc.constant(wall) }) },
  { weight: 2, arbitrary: op('task.resumeRun', { run, principal, wall: fc.constant(wall) }) },
  { weight: 1, arbitrary: op('task.startCoordinator', { coordinator: fc.constantFrom('k', 'l'), wall: fc.constant(wall) }) },
);

/** Most ops need something to act on: two runs, five tasks, two workers. */
const opened = (id: string, className: string): Op =>
  ({ op: 'task.openRun', id, name: id, principal: 'ada', spec: {}, class: className, wall }) as Op;
const plain = (retries: number, after?: number[]): TaskSpec => ({
  name: 't',
  body: { kind: 'noop' },
  policy: { ...DEFAULT_POLICY, retries, retryDelayMs: retries === 2 ? 100 : 0 },
  predictedMs: 1,
  ...(after ? { after } : {}),
});
const greeted = (name: string): Op =>
  ({ op: 'task.hello', worker: name, principal: 'ada', incarnation: 'i1', coordinator: 'k', name: 'w', registration: null, wall }) as Op;
const OPENING: Op[] = [
  opened('r1', 'c'),
  opened('r2', 'd'),
  { op: 'task.addTasks', run: 1, tasks: [plain(0), plain(1), plain(2), plain(0, [1])], wall } as Op,
  { op: 'task.addTasks', run: 2, tasks: [plain(1)], wall } as Op,
  greeted('w1'),
  greeted('w2'),
];
