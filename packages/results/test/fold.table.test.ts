import { expect, test } from 'vitest';
import type { RunEvent } from '../src/index.ts';
import { ended, finished, folded, listed, lost } from './events.ts';

/** Events of one task -> grade of the file, grades of its cases as `name:grade`, and what its reason says. */
const table: readonly (readonly [string, readonly RunEvent[], string, string, string?])[] = [
  ['all pass', [finished(1, 1, 'a+ b+')], 'passed', 'a:passed b:passed'],
  ['one fails', [finished(1, 1, 'a+ b-')], 'failed', 'a:passed b:failed'],
  ['failed, then passed', [finished(1, 1, 'a- b+', { final: false }), finished(1, 2, 'a+ b+')], 'flaky', 'a:flaky b:passed'],
  ['passed, then failed in the retry', [finished(1, 1, 'a- b+', { final: false }), finished(1, 2, 'a+ b-')], 'failed', 'a:flaky b:failed'],
  ['failed twice', [finished(1, 1, 'a-', { final: false }), finished(1, 2, 'a-')], 'failed', 'a:failed'],
  ['the runner retried it itself', [finished(1, 1, 'a~')], 'flaky', 'a:flaky'],
  ['a skip does not clear a failure', [finished(1, 1, 'a-', { final: false }), finished(1, 2, 'a0')], 'failed', 'a:failed'],
  ['a failure that the retry did not run', [finished(1, 1, 'a-', { final: false }), finished(1, 2, 'b+')], 'failed', 'a:failed b:passed'],
  ['skipped, then run', [finished(1, 1, 'a0 b-', { final: false }), finished(1, 2, 'a+ b+')], 'flaky', 'a:passed b:flaky'],
  ['all skipped', [finished(1, 1, 'a0 b0')], 'skipped', 'a:skipped b:skipped'],
  [
    'green cases, runner said no',
    [finished(1, 1, 'a+', { outcome: 'failed', reason: 'exit code 1' })],
    'failed',
    'a:passed',
    'exit code 1',
  ],
  ['green cases, runner crashed', [finished(1, 1, 'a+', { outcome: 'errored' })], 'failed', 'a:passed', 'did not finish'],
  [
    'green cases, unhandled error',
    [finished(1, 1, 'a+', { errors: [{ message: 'late throw' }] })],
    'failed',
    'a:passed',
    '1 error outside',
  ],
  ['red case, runner said yes', [finished(1, 1, 'a-', { outcome: 'passed' })], 'failed', 'a:failed'],
  ['timed out', [finished(1, 1, '', { outcome: 'timed_out' })], 'failed', '', 'time was up'],
  ['cancelled while it ran', [finished(1, 1, 'a+', { outcome: 'cancelled' })], 'not_proven', 'a:passed', 'cancelled'],
  ['crashed, then passed', [finished(1, 1, '', { outcome: 'errored', final: false }), finished(1, 2, 'a+')], 'flaky', 'a:passed'],
  ['lost, then passed', [lost(1, 1), finished(1, 2, 'a+')], 'passed', 'a:passed'],
  ['failed, then every retry lost', [finished(1, 1, 'a-', { final: false }), lost(1, 2), lost(1, 3)], 'failed', 'a:failed'],
  ['every attempt lost', [lost(1, 1), lost(1, 2, 'power cut')], 'infra_lost', '', 'power cut'],
  ['lost with a case told', [told(1, 1), lost(1, 1)], 'infra_lost', 'a:infra_lost', 'no heartbeat'],
  ['told passed, lost, then failed', [told(1, 1), lost(1, 1), finished(1, 2, 'a-')], 'failed', 'a:failed'],
  ['never started', [], 'not_proven', '', 'never started'],
  ['started, no end', [listed(1, { state: 'running', epoch: 1, worker: 'w2' })], 'not_proven', '', 'started on w2, no end'],
  ['lost, started again, no end', [lost(1, 1), listed(1, { state: 'running', epoch: 2, worker: 'w2' })], 'not_proven', '', 'started on w2'],
  ['cancelled in the queue', [listed(1, { state: 'cancelled', reason: 'asked by ann' })], 'not_proven', '', 'asked by ann'],
  ['lost, then cancelled', [lost(1, 1), listed(1, { state: 'cancelled' })], 'not_proven', '', 'cancelled'],
  ['called passed, no result came', [listed(1, { state: 'passed' })], 'not_proven', '', 'its result did not arrive'],
  ['a retry was due when the run ended', [finished(1, 1, 'a-', { final: false })], 'failed', 'a:failed'],
  ['one title used twice', [finished(1, 1, 'a+ a-')], 'failed', 'a:passed a:failed'],
];

function told(n: number, epoch: number): RunEvent {
  const event = finished(n, epoch, 'a+');
  return event.e === 'finished' ? { e: 'cases', n, epoch, worker: 'w1', cases: event.result.cases } : event;
}

for (const [name, events, grade, cases, reason] of table) {
  test(`R grade: ${name}`, () => {
    const fold = folded([listed(1), ...events, ended(1)]);
    const file = fold.file(1)!;
    expect(file.grade).toBe(grade);
    expect(file.cases.map((one) => `${one.path.join('.')}:${one.grade}`).join(' ')).toBe(cases);
    if (reason !== undefined) expect(file.reason).toContain(reason);
    expect(fold.totals().files.total).toBe(1);
    expect(fold.totals().files[file.grade]).toBe(1);
  });
}

test('R grade: a known failure -> quarantined, unless something else is wrong', () => {
  const isQuarantined = ({ path }: { path: readonly string[] }): boolean => path[0] === 'known';
  const grade = (event: RunEvent): string | undefined => folded([listed(1), event], { isQuarantined }).file(1)?.grade;
  expect(grade(finished(1, 1, 'known- a+'))).toBe('quarantined');
  expect(grade(finished(1, 1, 'known- a-'))).toBe('failed');
  expect(grade(finished(1, 1, 'known- a+', { errors: [{ message: 'x' }] }))).toBe('failed');
  expect(grade(finished(1, 1, 'known-', { outcome: 'timed_out' }))).toBe('failed');
});

test('F4 fold: the run counted a task that was never listed, then ended -> not proven', () => {
  const fold = folded([listed(1), finished(1, 1, 'a+'), ended(3)]);
  expect(fold.totals().files).toMatchObject({ total: 3, passed: 1, not_proven: 2, pending: 0 });
});

test('fold: while a retry is due -> pending, its cases are not counted yet', () => {
  const fold = folded([listed(1), finished(1, 1, 'a- b+', { final: false })]);
  expect(fold.totals().files).toMatchObject({ pending: 1, failed: 0 });
  expect(fold.totals().tests.total).toBe(0);
});

test('fold: losses, retries and durations -> counted, recovered where a result came', () => {
  const fold = folded([
    lost(1, 1),
    finished(1, 2, 'a-', { final: false }),
    finished(1, 3, 'a+'),
    lost(2, 1),
    { ...ended(2), wallMs: 50 } as RunEvent,
  ]);
  expect(fold.totals()).toMatchObject({ lostAttempts: 2, recoveredAttempts: 1, retries: 1, summedMs: 200 });
  expect(fold.wallMs(0 as never)).toBe(50);
  expect(fold.speedUp(0 as never)).toBe(4);
});

test('F5 fold: failures beyond the limit -> first lines only, counted', () => {
  const failure = { message: `first\n${'x'.repeat(90)}`, stack: 'y'.repeat(100) };
  const big = (n: number): RunEvent => finished(n, 1, '', { outcome: 'errored', errors: [failure] });
  const fold = folded([big(1), big(2)], { failureCharsMax: 250 });
  expect(fold.file(1)!.errors[0]).toEqual(failure);
  expect(fold.file(2)!.errors[0]).toEqual({ message: 'first' });
  expect(fold.totals().failuresCut).toBe(1);
});
