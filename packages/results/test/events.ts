/** Short ways to write events. */
import { monoMs, type MonoMs } from '@holdfast/kernel';
import type { AttemptResult, CaseResult } from '@holdfast/model';
import type { RunCounts } from '@holdfast/model';
import { createRunFold, type FoldOptions, type RunEvent, type RunFold } from '../src/index.ts';

export const at = (ms: number): MonoMs => monoMs(ms);

export const countsOf = (total: number, remaining = 0): RunCounts => ({
  total,
  remaining,
  passed: 0,
  failed: 0,
  errored: 0,
  timedOut: 0,
  cancelled: 0,
  deadLetter: 0,
  lostAttempts: 0,
});

export const listed = (n: number, more: Partial<Extract<RunEvent, { e: 'task' }>> = {}): RunEvent => ({
  e: 'task',
  n,
  name: `test/${n}.test.ts`,
  state: 'queued',
  kind: 'test',
  ...more,
});

/** `a+ b- c~ d0`: case a passed, b failed, c was flaky in the runner, d was skipped. */
export function casesOf(text: string, file = 'test/1.test.ts'): CaseResult[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const grade = ({ '+': 'passed', '-': 'failed', '~': 'flaky', '0': 'skipped' } as const)[word.at(-1) as '+' | '-' | '~' | '0'];
      const failure = grade === 'failed' || grade === 'flaky' ? { failure: { message: `${word.slice(0, -1)} broke` } } : {};
      return { path: [word.slice(0, -1)], file, line: 3, grade, durationMs: 5, attempts: grade === 'flaky' ? 2 : 1, ...failure };
    });
}

/** An attempt's end. `cases` as in `casesOf`; `outcome` follows from them unless given. */
export function finished(
  n: number,
  epoch: number,
  cases: string,
  more: Partial<AttemptResult> & { final?: boolean; worker?: string } = {},
): RunEvent {
  const { final = true, worker = 'w1', ...result } = more;
  const list = casesOf(cases, `test/${n}.test.ts`);
  const outcome = list.some(({ grade }) => grade === 'failed') ? 'failed' : 'passed';
  return { e: 'finished', n, epoch, worker, final, result: { outcome, durationMs: 100, cases: list, ...result } };
}

export const lost = (n: number, epoch: number, reason = 'no heartbeat'): RunEvent => ({ e: 'lost', n, epoch, worker: 'w1', reason });
export const ended = (total: number, state: 'finished' | 'interrupted' | 'cancelled' = 'finished'): RunEvent => ({
  e: 'ended',
  state,
  counts: countsOf(total),
});

/** Folds `events`, 10 ms apart. */
export function folded(events: readonly RunEvent[], options: FoldOptions = {}): RunFold {
  const fold = createRunFold(options);
  for (const [index, event] of events.entries()) fold.apply(event, at(index * 10));
  return fold;
}
