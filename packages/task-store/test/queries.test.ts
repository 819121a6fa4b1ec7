import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Op } from '@holdfast/committer';
import { openSqliteReader, openSqliteThread } from '@holdfast/committer/sqlite';
import { DEFAULT_POLICY, type TaskSpec } from '@holdfast/model';
import { SQLITE_STORE_URL } from '@holdfast/task-store/sqlite';
import { expect, test } from 'vitest';

const wall = 1000;
const task = (name: string, retries: number, after?: number[]): TaskSpec => ({
  name,
  body: { kind: 'noop' },
  policy: { ...DEFAULT_POLICY, retries },
  predictedMs: 3,
  ...(after ? { after } : {}),
});
const finished = (n: number, epoch: number, outcome: string): Op =>
  ({
    op: 'task.finished',
    worker: 1,
    run: 1,
    n,
    epoch,
    result: { outcome, reason: `it ${outcome}`, durationMs: 20, cases: [] },
    wall,
  }) as Op;
const claim = { op: 'task.claim', worker: 1, sessionEpoch: 1, classes: ['c'], credits: 9, wall } as Op;
const OPS: Op[] = [
  { op: 'task.openRun', id: 'r1', name: 'suite', principal: 'ada', spec: { cwd: 'web' }, class: 'c', wall, client: { argv: ['x'] } } as Op,
  { op: 'task.openRun', id: 'r2', name: 'other', principal: 'ada', spec: {}, class: 'c', wall } as Op,
  { op: 'task.addTasks', run: 1, tasks: [task('flaky', 1), task('bad', 0), task('waits', 0, [1]), task('never', 0, [2])], wall } as Op,
  { op: 'task.sealRun', run: 1, wall } as Op,
  {
    op: 'task.hello',
    worker: 'w1',
    principal: 'ada',
    incarnation: 'i1',
    coordinator: 'k',
    name: 'box',
    registration: { cpus: 2 },
    wall,
  } as Op,
  claim,
  finished(1, 1, 'failed'),
  finished(2, 1, 'errored'),
  claim,
  finished(1, 2, 'passed'),
  claim,
];

test('reader: runs, tasks, results with history, events and workers, through both threads', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-queries-'));
  const path = join(folder, 'store.db');
  const store = await openSqliteThread({ path, modules: [SQLITE_STORE_URL] });
  const reader = await openSqliteReader({ path, queries: [SQLITE_STORE_URL] });
  try {
    expect((await store.commit(OPS)).filter((verdict) => verdict.kind === 'refused')).toEqual([]);

    const listed = (await reader.query('listRuns', { limit: 1 })) as { run: number }[];
    expect(listed.map((run) => run.run)).toEqual([2]);
    expect(await reader.query('listRuns', { limit: 9, before: 2 })).toMatchObject([
      { id: 'r1', name: 'suite', class: 'c', state: 'sealed', createdWall: wall, endedWall: null },
    ]);
    expect(await reader.query('run', { id: 'r1' })).toMatchObject({
      run: 1,
      sealed: true,
      spec: { cwd: 'web' },
      client: { argv: ['x'] },
      counts: { total: 4, remaining: 1, passed: 1, errored: 1, cancelled: 1 },
    });
    expect(await reader.query('run', { id: 'nobody' })).toBeUndefined();

    expect(await reader.query('tasks', { run: 1, limit: 2 })).toMatchObject([
      { n: 1, name: 'flaky', state: 'passed', epoch: 2, attempts: 2, outcome: 'passed', durationMs: 20, worker: 'box', predictedMs: 3 },
      { n: 2, name: 'bad', state: 'errored', outcome: 'errored', reason: 'it errored' },
    ]);
    expect(await reader.query('tasks', { run: 1, afterN: 2, limit: 9, state: 'leased' })).toMatchObject([
      { n: 3, outcome: null, worker: 'box' },
    ]);

    const results = (await reader.query('results', { run: 1, limit: 9 })) as { n: number; attempts: { result: { outcome: string } }[] }[];
    expect(results.map((row) => [row.n, row.attempts.map((attempt) => attempt.result.outcome)])).toEqual([
      [1, ['failed', 'passed']],
      [2, ['errored']],
      [4, []],
    ]);
    expect(results[2]).toMatchObject({ state: 'cancelled', reason: 'task 2 did not pass', finalEpoch: 0 });

    const detail = (await reader.query('task', { run: 1, n: 3 })) as { events: { kind: string }[] };
    expect(detail).toMatchObject({ n: 3, after: [1], body: { kind: 'noop' }, state: 'leased', attempts: [{ epoch: 1, state: 'leased' }] });
    expect(detail.events.map((event) => event.kind)).toEqual(['tasks.added', 'task.granted']);
    expect(await reader.query('task', { run: 1, n: 9 })).toBeUndefined();

    const events = (await reader.query('events', { run: 1, limit: 3 })) as { seq: number; kind: string }[];
    expect(events.map((event) => event.kind)).toEqual(['run.opened', 'tasks.added', 'run.sealed']);
    expect(await reader.query('events', { run: 1, afterSeq: events[2]!.seq, limit: 1 })).toMatchObject([
      { kind: 'task.granted', n: 1, worker: 1 },
    ]);
    expect(await reader.query('workers', {})).toMatchObject([{ id: 'w1', name: 'box', registration: { cpus: 2 }, leases: 1 }]);
  } finally {
    await reader.close();
    await store.close();
    await rm(folder, { recursive: true });
  }
});
