import { after, durationMs, elapsed, formatDuration, monoMs, parseDuration } from '@holdfast/kernel';
import { expect, test } from 'vitest';

test.each([
  ['250ms', 250],
  ['30s', 30_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['1', 1000],
  ['0', 0],
  ['1.5s', 1500],
  ['0.125h', 450_000],
  ['0.4ms', 0],
  [' 7s\n', 7000],
  ['999999999h', 3_599_999_996_400_000],
])('parseDuration %j -> %d ms, and a safe integer', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
  expect(Number.isSafeInteger(parseDuration(text))).toBe(true);
});

test.each(['', ' ', 's', '-1s', '+1s', '1 s', '1d', '1e3', '1.s', '.5s', '1.2345s', '1234567890', 'Infinity', 'NaN', '1s1s', '1S', '٣s'])(
  'parseDuration %j -> undefined',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  [0, '0.0 s'],
  [-5, '0.0 s'],
  [400, '0.4 s'],
  [12_340, '12.3 s'],
  [59_940, '59.9 s'],
  [59_960, '1 m 00 s'],
  [59_999.9, '1 m 00 s'],
  [60_000, '1 m 00 s'],
  [125_499, '2 m 05 s'],
  [3_599_400, '59 m 59 s'],
  [3_599_600, '1 h 00 m'],
  [3_720_000, '1 h 02 m'],
  [360_000_000, '100 h 00 m'],
])('formatDuration %d ms -> %s', (duration, expected) => {
  expect(formatDuration(duration)).toBe(expected);
});

test('after and elapsed undo each other', () => {
  const from = monoMs(1000);
  expect(after(from, durationMs(250))).toBe(1250);
  expect(elapsed(from, after(from, durationMs(250)))).toBe(250);
  expect(elapsed(monoMs(1250), from)).toBe(-250);
});
