/** The suite must notice: each planted bug makes at least one story fail. */
import type { Op, Verdict } from '@holdfast/committer';
import type { TaskRows } from '@holdfast/task-store';
import { conformance, type StoreUnderTest } from '@holdfast/task-store/conformance';
import { createMemoryStore } from '@holdfast/task-store/memory';
import { expect, test } from 'vitest';

interface Bug {
  readonly name: string;
  readonly commit?: (op: Op, verdict: Verdict) => Verdict;
  readonly rows?: (rows: TaskRows) => TaskRows;
}

const BUGS: readonly Bug[] = [
  { name: 'an event is missing', rows: (rows) => ({ ...rows, events: rows.events.filter((event) => event.kind !== 'task.started') }) },
  { name: 'an event has no version', rows: (rows) => ({ ...rows, events: rows.events.map((event) => ({ ...event, version: 1 })) }) },
  { name: 'a ready row stays behind', rows: (rows) => ({ ...rows, ready: [...rows.ready, ...rows.attempts.map((row) => ({ class: 'c', rank: 0, run: row.run, n: row.n }))] }) }, // prettier-ignore
  { name: 'a ready row is lost', rows: (rows) => ({ ...rows, ready: rows.ready.slice(1) }) },
  { name: 'a counter is off by one', rows: (rows) => ({ ...rows, runs: rows.runs.map((run) => ({ ...run, counts: { ...run.counts, passed: run.counts.passed + 1 } })) }) }, // prettier-ignore
  { name: 'the fence does not rise', rows: (rows) => ({ ...rows, tasks: rows.tasks.map((task) => ({ ...task, fence: 1 })) }) },
  {
    name: 'an attempt is counted twice',
    rows: (rows) => ({ ...rows, tasks: rows.tasks.map((task) => ({ ...task, attempts: task.attempts * 2 })) }),
  },
  {
    name: 'an earlier result is forgotten',
    rows: (rows) => ({ ...rows, attempts: rows.attempts.map((row) => ({ ...row, result: null })) }),
  },
  { name: 'a duplicate is called stale', commit: (_op, verdict) => (verdict.kind === 'refused' && verdict.reason === 'duplicate' ? { ...verdict, reason: 'stale_lease' } : verdict) }, // prettier-ignore
  { name: 'a checkpoint is not offered', commit: (op, verdict) => (op.op === 'task.claim' && verdict.kind === 'applied' ? { ...verdict, value: withoutResume(verdict.value) } : verdict) }, // prettier-ignore
];

for (const bug of BUGS) {
  test(`conformance: ${bug.name} -> a story fails`, async () => {
    const failed: string[] = [];
    const stories: (() => Promise<void>)[] = [];
    conformance(
      (name, run) => stories.push(() => run().catch((error: unknown) => void failed.push(`${name}: ${String(error)}`))),
      () => Promise.resolve(planted(bug)),
    );
    for (const story of stories) await story();
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.every((text) => text.includes('conform: '))).toBe(true);
  });
}

function planted(bug: Bug): StoreUnderTest {
  const { committer, rows } = createMemoryStore();
  return {
    commit: (ops) => committer.commit(ops).map((verdict, index) => bug.commit?.(ops[index]!, verdict) ?? verdict),
    rows: () => bug.rows?.(rows()) ?? rows(),
    close: committer.close,
  };
}

function withoutResume(value: unknown): unknown {
  const { grants } = value as { grants: { resumeFrom?: unknown }[] };
  return { grants: grants.map((grant) => ({ ...grant, resumeFrom: undefined })) };
}
