import { expect, test } from 'vitest';
import { type RunEvent, verdict, type VerdictOptions } from '../src/index.ts';
import { ended, finished, folded, listed, lost } from './events.ts';

const pass = finished(1, 1, 'a+');
const fail = finished(2, 1, 'a-');
const flaky = finished(3, 1, 'a~');
const gone = lost(4, 1);
const missing = listed(5);
const command = { ...finished(6, 1, ''), result: { outcome: 'passed', durationMs: 5, cases: [] } } as RunEvent;

const table: readonly (readonly [string, readonly RunEvent[], number, string, VerdictOptions?])[] = [
  ['all passed', [pass], 0, '1 test passed'],
  ['flaky', [pass, flaky], 0, '2 tests passed'],
  ['flaky, which is not allowed', [pass, flaky], 1, '1 test flaky, which fails this run', { failOnFlaky: true }],
  ['a command passed', [listed(6, { kind: 'command' }), command], 0, '1 task passed'],
  ['failed', [pass, fail], 1, '1 test failed in 1 file'],
  ['failed beats not proven', [pass, fail, missing], 1, '1 test failed in 1 file'],
  ['failed beats lost', [fail, gone], 1, '1 test failed in 1 file'],
  ['errors of a file', [finished(2, 1, 'a+', { errors: [{ message: 'x' }] })], 1, '1 file failed outside of any test'],
  ['lost', [pass, gone], 3, 'no test failed, but 1 file was lost with its machine'],
  ['lost and nothing else', [gone], 3, 'no test failed'],
  ['not proven', [pass, missing], 4, 'no test failed, but 1 file has no proven result'],
  ['not proven beats lost', [pass, gone, missing], 4, '1 file has no proven result'],
  ['machines broke down', [pass, missing], 3, 'no test failed, but 1 file was lost with its machine', { brokeDown: true }],
  ['machines broke down after a failure', [fail, missing], 1, 'failed', { brokeDown: true }],
  ['machines broke down after the last file', [pass], 3, 'broke down before the run was over', { brokeDown: true }],
  ['a global teardown failed', [pass], 1, "no test failed, but the suite's global teardown did", { teardownErrors: ['x'] }],
  ['a global teardown failed after a test', [pass, fail], 1, '1 test failed in 1 file', { teardownErrors: ['x'] }],
  ['a global teardown failed, a file is missing', [pass, missing], 1, 'global teardown', { teardownErrors: ['x'] }],
  ['no global teardown failed', [pass], 0, '1 test passed', { teardownErrors: [] }],
  ['nothing at all', [], 5, 'nothing to run'],
  ['nothing, which is allowed', [], 0, 'nothing ran, which you allowed', { passWithNoTests: true }],
  ['all skipped', [finished(1, 1, 'a0 b0')], 5, 'nothing ran: all 2 tests were skipped'],
  ['a test file without tests', [listed(1), finished(1, 1, '')], 5, 'nothing ran: 1 file without a test'],
];

for (const [name, events, exitCode, headline, options] of table) {
  test(`verdict: ${name}`, () => {
    const fold = folded([...events, ended(0)]);
    expect(verdict(fold, options)).toMatchObject({ exitCode, headline: expect.stringContaining(headline) });
  });
}

test('verdict: interrupted -> 130, even with failures', () => {
  const fold = folded([fail, missing, ended(2, 'interrupted')]);
  expect(verdict(fold)).toEqual({ kind: 'interrupted', exitCode: 130, headline: 'interrupted with 1 file to go' });
});

test('verdict: the reader was interrupted before it was told so -> 130', () => {
  expect(verdict(folded([pass, missing]), { interrupted: true }).exitCode).toBe(130);
});

test('verdict: asked before the end -> what is pending is not proven', () => {
  expect(verdict(folded([pass, missing])).exitCode).toBe(4);
});

test('verdict: the stream broke after a run that counted more tasks -> not proven', () => {
  expect(verdict(folded([pass, ended(2)])).exitCode).toBe(4);
});
