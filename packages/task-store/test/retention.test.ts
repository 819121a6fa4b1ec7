import type { Op, Verdict } from '@holdfast/committer';
import { openSqliteCommitter, type SqliteTx } from '@holdfast/committer/sqlite';
import { coordinatorId, DEFAULT_POLICY, incarnation, runId, workerId } from '@holdfast/model';
import { checkRows } from '@holdfast/task-store/conformance';
import { createStoreModules, type PrunedRuns } from '@holdfast/task-store/sqlite';
import { expect, test } from 'vitest';

const TABLES = ['runs', 'run_specs', 'tasks', 'descriptions', 'dependencies', 'attempts', 'checkpoints', 'events', 'ready'] as const;

async function open() {
  const { modules, rows } = createStoreModules();
  let shared: SqliteTx | undefined;
  const observer = {
    name: 'observer',
    migrations: {},
    open: (tx: SqliteTx) => ((shared = tx), (): Verdict => ({ kind: 'refused', reason: '' })),
  };
  const committer = await openSqliteCommitter({ path: ':memory:', modules: [...modules, observer] });
  const apply = <Value>(op: object): Value => {
    const [verdict] = committer.commit([op as Op]);
    if (verdict?.kind !== 'applied') throw new Error(JSON.stringify([op, verdict]));
    return verdict.value as Value;
  };
  const count = (run: number): number =>
    TABLES.reduce((sum, table) => sum + (shared!.prepare(`SELECT count(*) FROM ${table} WHERE run = ?`).pluck().get(run) as number), 0);
  apply({ op: 'task.startCoordinator', coordinator: coordinatorId('c'), wall: 1 });
  const hello = { op: 'task.hello', worker: workerId('w'), principal: 'p', incarnation: incarnation('i'), coordinator: coordinatorId('c') };
  const { worker, sessionEpoch } = apply<{ worker: number; sessionEpoch: number }>({ ...hello, name: 'w', registration: {}, wall: 1 });

  /** A run of two tasks, the second after the first, with a checkpoint; `ended`: when it ended. */
  const addRun = (name: string, ended: number | undefined): number => {
    const { run } = apply<{ run: number }>({
      op: 'task.openRun',
      id: runId(name),
      name,
      principal: 'p',
      spec: {},
      class: '',
      wall: 1,
      key: name,
      keyHash: '',
    });
    const task = { name: 'a', body: { kind: 'noop' }, policy: DEFAULT_POLICY, predictedMs: 0 };
    apply({ op: 'task.addTasks', run, tasks: [task, { ...task, after: [1] }], wall: 1 });
    apply({ op: 'task.sealRun', run, wall: 1 });
    if (ended === undefined) return run;
    for (let n = 1; n <= 2; n += 1) {
      apply({ op: 'task.claim', worker, sessionEpoch, classes: [''], credits: 100, wall: 1 });
      apply({ op: 'checkpoint.save', worker, run, n, epoch: 1, seq: 1, data: {}, wall: 1 });
      apply({ op: 'task.finished', worker, run, n, epoch: 1, result: { outcome: 'passed', durationMs: 1, cases: [] }, wall: ended });
    }
    return run;
  };
  const prune = (more: object): { forgotten: string[]; batches: number } => {
    const forgotten: string[] = [];
    for (let batches = 1; ; batches += 1) {
      const pruned = apply<PrunedRuns>({ op: 'retention.prune', limit: 3, wall: 9, ...more });
      expect(pruned.rows).toBeLessThanOrEqual(3);
      forgotten.push(...pruned.forgotten);
      if (!pruned.more) return { forgotten, batches };
    }
  };
  return { addRun, prune, count, rows, apply };
}

test('T1 T3 retention: beyond a number -> the oldest are gone with all their rows, in bounded batches; the rest is as it was', async () => {
  const { addRun, prune, count, rows } = await open();
  const ended = ['r1', 'r2', 'r3', 'r4'].map((name) => addRun(name, 100));
  const open1 = addRun('open', undefined);
  const { forgotten, batches } = prune({ keep: 2 });
  expect(forgotten).toEqual(['r1', 'r2']);
  expect(batches).toBeGreaterThan(2);
  expect(ended.map((run) => count(run) > 0)).toEqual([false, false, true, true]);
  expect(count(open1)).toBeGreaterThan(0);
  expect(checkRows(rows())).toEqual([]);
  expect(prune({ keep: 2 })).toEqual({ forgotten: [], batches: 1 });
});

test('T1 retention: by age -> only runs that ended before; an open run, the newest run and the newest event are never taken', async () => {
  const { addRun, prune, apply } = await open();
  addRun('open', undefined);
  addRun('old', 100);
  addRun('new', 5000);
  addRun('last', 100);
  expect(prune({ beforeWall: 1000 }).forgotten).toEqual(['old']);
  expect(prune({}).forgotten).toEqual([]);
  const before = apply<{ run: number }>({
    op: 'task.openRun',
    id: runId('x'),
    name: 'x',
    principal: 'p',
    spec: {},
    class: '',
    wall: 1,
  }).run;
  expect(before).toBe(5);
  expect(prune({ keep: 1 }).forgotten).toEqual(['new']);
});
