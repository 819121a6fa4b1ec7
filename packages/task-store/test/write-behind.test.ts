import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Op } from '@holdfast/committer';
import { openSqliteCommitter } from '@holdfast/committer/sqlite';
import { DEFAULT_POLICY, type TaskSpec } from '@holdfast/model';
import { type Claimed } from '@holdfast/task-store';
import { checkRows } from '@holdfast/task-store/conformance';
import { createStoreModules } from '@holdfast/task-store/sqlite';
import { expect, test } from 'vitest';

const wall = 1000;
const noop = (name: string): TaskSpec => ({ name, body: { kind: 'noop' }, policy: { ...DEFAULT_POLICY }, predictedMs: 1 });
const SETUP = [
  { op: 'task.openRun', id: 'r1', name: 'r', principal: 'ada', spec: {}, class: 'c', wall },
  { op: 'task.hello', worker: 'w', principal: 'ada', incarnation: 'i', coordinator: 'k', name: 'w', registration: {}, wall },
  { op: 'task.addTasks', run: 1, tasks: Array.from({ length: 60 }, () => noop('t')), wall },
  { op: 'task.claim', worker: 1, sessionEpoch: 1, classes: ['c'], credits: 9, wall },
] as unknown as Op[];
const finish = (n: number, bytes: number): Op[] =>
  [
    { op: 'task.started', worker: 1, run: 1, n, epoch: 1, wall },
    {
      op: 'task.finished',
      worker: 1,
      run: 1,
      n,
      epoch: 1,
      result: { outcome: 'passed', reason: 'x'.repeat(bytes), durationMs: 1, cases: [] },
      wall,
    },
  ] as unknown as Op[];

test('sqlite: a batch that found the disk full -> rolled back in memory too, and the next ones decide on what is in the file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-full-'));
  const path = join(folder, 'store.db');
  try {
    const store = createStoreModules();
    const committer = await openSqliteCommitter({ path, modules: store.modules, bytesMax: 512 * 1024 });
    committer.commit(SETUP);
    const before = store.rows();
    // Ends four tasks, claims four more and does not fit.
    const claim = { op: 'task.claim', worker: 1, sessionEpoch: 1, classes: ['c'], credits: 4, wall } as unknown as Op;
    const large = [1, 2, 3, 4].flatMap((n) => finish(n, 400_000));
    expect(() => committer.commit([...large, claim])).toThrow(expect.objectContaining({ code: 'STORE_FULL' }));
    expect(store.rows()).toEqual(before);

    const verdicts = committer.commit([...[1, 2, 3, 4].flatMap((n) => finish(n, 10)), claim]);
    expect(verdicts.map((verdict) => verdict.kind)).toEqual(Array.from({ length: 9 }, () => 'applied'));
    expect((verdicts[8] as unknown as { value: Claimed }).value.grants.map((grant) => grant.n)).toEqual([10, 11, 12, 13]);
    const after = store.rows();
    expect(checkRows(after)).toEqual([]);
    committer.close();

    // What memory holds is what the file holds.
    const again = createStoreModules();
    const reopened = await openSqliteCommitter({ path, modules: again.modules });
    expect(again.rows()).toEqual(after);
    reopened.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});
