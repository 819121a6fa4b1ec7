import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RunEvent, RunFold } from '../src/index.ts';
import { ended, finished, folded, listed, lost } from './events.ts';

const cases = fc.array(fc.constantFrom('a+', 'a-', 'b+', 'b-', 'b~', 'c0', 'c+'), { maxLength: 4 }).map((words) => words.join(' '));
const attempt = (n: number, epoch: number): fc.Arbitrary<RunEvent> =>
  fc.oneof(
    fc.constant(lost(n, epoch)),
    fc
      .record({ cases, final: fc.boolean(), outcome: fc.constantFrom('passed', 'failed', 'errored') })
      .map(({ cases, final, outcome }) => finished(n, epoch, cases, { final, outcome } as never)),
  );
const task = (n: number): fc.Arbitrary<RunEvent[]> =>
  fc.integer({ min: 0, max: 3 }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => attempt(n, index + 1))));
const tasks = fc.tuple(task(1), task(2), task(3));

const LISTS = [1, 2, 3].map((n) => listed(n));
const digest = (fold: RunFold): unknown => ({ totals: fold.totals(), files: [...fold.files()] });

test('F1 F2 laws: attempts in any order, each told once or more -> the same verdicts and totals', () => {
  fc.assert(
    fc.property(tasks, fc.infiniteStream(fc.nat()), (lists, choices) => {
      const plain = lists.flat();
      const repeated = plain.flatMap((event) => (choices.next().value! % 2 === 0 ? [event] : [event, event]));
      const shuffled = repeated
        .map((event) => [choices.next().value!, event] as const)
        .sort(([a], [b]) => a - b)
        .map(([, event]) => event);
      expect(digest(folded([...LISTS, ...shuffled, ended(3)]))).toEqual(digest(folded([...LISTS, ...plain, ended(3)])));
    }),
  );
});

test('F3 laws: totals by difference -> equal to those counted from the files', () => {
  fc.assert(
    fc.property(tasks, fc.boolean(), (lists, close) => {
      const fold = folded([...LISTS, ...lists.flat(), ...(close ? [ended(3)] : [])]);
      const totals = fold.totals();
      const files = [...fold.files()];
      for (const grade of ['passed', 'failed', 'flaky', 'skipped', 'infra_lost', 'not_proven', 'pending'] as const)
        expect(totals.files[grade]).toBe(files.filter((file) => file.grade === grade).length);
      const settled = files.filter((file) => file.grade !== 'pending').flatMap((file) => file.cases);
      expect(totals.tests.total).toBe(settled.length);
      expect(totals.tests.failed).toBe(settled.filter((one) => one.grade === 'failed').length);
      expect(totals.files.pending === 0 || !close).toBe(true);
    }),
  );
});

test('R laws: a file with a failed case, an error or a red last attempt -> never green', () => {
  fc.assert(
    fc.property(tasks, (lists) => {
      const fold = folded([...LISTS, ...lists.flat(), ended(3)]);
      for (const file of fold.files()) {
        const green = file.grade === 'passed' || file.grade === 'flaky' || file.grade === 'skipped';
        if (file.cases.some((one) => one.grade === 'failed') || file.errors.length > 0) expect(green).toBe(false);
        if (file.outcome !== 'passed') expect(green).toBe(false);
      }
    }),
  );
});

test('F1 fold: a repeated result -> said to be repeated, a result after a loss of the same epoch wins', () => {
  const fold = folded([]);
  expect(fold.apply(finished(1, 1, 'a+'), 0 as never)).toBe('counted');
  expect(fold.apply(finished(1, 1, 'a-'), 0 as never)).toBe('repeated');
  expect(fold.apply(lost(1, 1), 0 as never)).toBe('repeated');
  expect(fold.apply(lost(2, 1), 0 as never)).toBe('counted');
  expect(fold.apply(finished(2, 1, 'a+'), 0 as never)).toBe('counted');
  expect(fold.totals()).toMatchObject({ lostAttempts: 0, files: { passed: 2 } });
});
