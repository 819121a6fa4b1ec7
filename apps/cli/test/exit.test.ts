import { CodedError } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import { table } from '../src/console.ts';
import { exitCodeOf, explainError, usageError } from '../src/exit.ts';

test.each([
  [new CodedError('ANY', 'x', { details: { exitCode: 78 } }), 78],
  [new CodedError('STORE_LOCKED', 'x', { details: { exitCode: 78 } }), 78],
  [new CodedError('CONFIG_INVALID', 'x'), 16],
  [new CodedError('COORDINATOR_UNREACHABLE', 'x'), 69],
  [new CodedError('AUTH_REFUSED', 'x'), 77],
  [new CodedError('STORE_LOCKED', 'x'), 75],
  [new CodedError('ADAPTER_UNUSABLE', 'x'), 2],
  [usageError('x'), 2],
  [new CodedError('NEVER_HEARD_OF', 'x'), 1],
  [new Error('x'), 1],
  [Object.assign(new Error('x'), { code: 'ENOENT' }), 1],
  ['x', 1],
  [undefined, 1],
])('%o -> exit code %d', (error, code) => {
  expect(exitCodeOf(error)).toBe(code);
});

test('a coded error -> one sentence with its code, no stack', () => {
  expect(explainError(usageError('read --results xml: expected junit:PATH'))).toBe(
    'holdfast: failed to read --results xml: expected junit:PATH [CLI_USAGE]',
  );
});

test('an error of the system, which has a code too -> its own words and its stack', () => {
  const error = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
  const text = explainError(error);
  expect(text).toMatch(/^holdfast: Error: ENOENT: no such file\n/);
  expect(text).not.toContain('failed to');
});

test('anything thrown is told', () => {
  expect(explainError('x')).toBe('holdfast: x');
  expect(explainError(null)).toBe('holdfast: null');
});

test('table: columns as wide as their widest cell, two spaces apart, no spaces at the end', () => {
  expect(
    table([
      ['RUN', 'STATE', 'NAME'],
      ['r1', 'finished', ''],
      ['longer', 'open'],
    ]),
  ).toEqual(['RUN     STATE     NAME', 'r1      finished', 'longer  open']);
  expect(table([])).toEqual([]);
});
