import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type DurationHistory,
  EMPTY_HISTORY,
  lastFailed,
  orderLongestFirst,
  parseHistory,
  predict,
  runDurations,
  SAMPLES_MAX,
  updateHistory,
} from '../src/index.ts';
import { ended, finished, folded, listed, lost } from './events.ts';

const a = { file: 'a.test.ts' };
const runs = (...durations: number[]): DurationHistory =>
  durations.reduce(
    (history, durationMs, index) => updateHistory(history, { id: `r${index}`, units: [{ unit: a, grade: 'passed', durationMs }] }),
    EMPTY_HISTORY,
  );

test('H2 history: one overloaded run among three -> the median ignores it', () => {
  expect(predict(runs(100, 900, 110), a)).toBe(110);
  expect(predict(runs(100, 201), a)).toBe(151);
  expect(predict(EMPTY_HISTORY, a)).toBeUndefined();
});

test('H2 history: a file told in two pieces of one run -> one sample, their sum', () => {
  const pieces = [60, 40].map((durationMs) => ({ unit: a, grade: 'passed' as const, durationMs }));
  const history = updateHistory(runs(100), { id: 'split', units: pieces });
  expect(history.units['a.test.ts']!.samples).toEqual([
    [1, 100],
    [2, 100],
  ]);
});

test('H2 history: the same run again (resumed) -> replaces its sample', () => {
  const again = updateHistory(runs(100, 200), { id: 'r1', units: [{ unit: a, grade: 'failed', durationMs: 300 }] });
  expect(again.units['a.test.ts']).toEqual({
    samples: [
      [1, 100],
      [2, 300],
    ],
    last: 'failed',
    seen: 2,
  });
  expect(again.serial).toBe(2);
});

test('H1 history: units of projects and pools -> kept apart by their text', () => {
  const history = updateHistory(EMPTY_HISTORY, {
    id: 'r',
    units: [
      { unit: { file: 'a.test.ts', project: 'web' }, grade: 'passed', durationMs: 7 },
      { unit: { file: 'a.test.ts', project: 'node' }, grade: 'passed', durationMs: 9 },
    ],
  });
  expect(Object.keys(history.units)).toEqual(['node | a.test.ts', 'web | a.test.ts']);
  expect(predict(history, { file: 'a.test.ts', project: 'web' })).toBe(7);
  expect(predict(history, 'constructor')).toBeUndefined();
});

test('H4 history: more runs than are kept -> the oldest samples go', () => {
  const history = runs(...Array.from({ length: SAMPLES_MAX + 5 }, (_, index) => index));
  expect(history.units['a.test.ts']!.samples.map(([, ms]) => ms)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  expect(history.runs).toHaveLength(SAMPLES_MAX);
});

test('history: last failed -> failed, lost and unproven units, those of partial runs kept', () => {
  const first = updateHistory(EMPTY_HISTORY, {
    id: '1',
    units: [
      { unit: 'z', grade: 'failed' },
      { unit: 'b', grade: 'failed' },
      { unit: 'c', grade: 'infra_lost' },
      { unit: 'd', grade: 'not_proven' },
      { unit: 'e', grade: 'flaky' },
      { unit: 'f', grade: 'quarantined' },
    ],
  });
  expect(lastFailed(first)).toEqual(['b', 'c', 'd', 'z']);
  expect(lastFailed(updateHistory(first, { id: '2', units: [{ unit: 'b', grade: 'passed' }] }))).toEqual(['c', 'd', 'z']);
});

test('history: order -> longest first, unknown in the middle, ties by text', () => {
  const times = new Map([
    ['slow', 900],
    ['mid', 100],
    ['fast', 10],
  ]);
  const units = ['fast', 'new', 'slow', 'mid'].map((file) => ({ file }));
  expect(orderLongestFirst(units, ({ file }) => times.get(file)).map(({ file }) => file)).toEqual(['slow', 'mid', 'new', 'fast']);
  expect(orderLongestFirst([{ file: 'b' }, { file: 'a' }], () => undefined).map(({ file }) => file)).toEqual(['a', 'b']);
});

test('H3 history: from a fold -> only what ran to its end is a sample', () => {
  const fold = folded([
    listed(1),
    finished(1, 1, 'a+', { durationMs: 80 }),
    listed(2),
    finished(2, 1, 'a-', { durationMs: 90 }),
    listed(3),
    finished(3, 1, '', { outcome: 'timed_out', durationMs: 60_000 }),
    listed(4),
    lost(4, 1),
    ended(4),
  ]);
  expect(runDurations('r', fold).units).toEqual([
    { unit: 'test/1.test.ts', grade: 'passed', durationMs: 80 },
    { unit: 'test/2.test.ts', grade: 'failed', durationMs: 90 },
    { unit: 'test/3.test.ts', grade: 'failed' },
    { unit: 'test/4.test.ts', grade: 'infra_lost' },
  ]);
});

test('history: written and read -> the same, whatever the names', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ unit: fc.string(), grade: fc.constantFrom('passed', 'failed'), durationMs: fc.nat() })), (units) => {
      const history = updateHistory(runs(5), { id: 'x', units: units as never });
      expect(parseHistory(JSON.stringify(history))).toEqual({ ok: true, value: history });
    }),
  );
});

test.each([
  ['', 'it is not JSON'],
  ['{"version":1,', 'it is not JSON'],
  ['[]', 'it is not an object'],
  ['{"version":2}', 'its version is 2, not 1'],
  ['{}', 'its version is missing, not 1'],
  ['{"version":1,"serial":1,"runs":[],"units":[]}', 'its shape is not that of version 1'],
  ['{"version":1,"serial":1,"runs":[1],"units":{}}', 'its runs are malformed'],
  ['{"version":1,"serial":1,"runs":[],"units":{"a":{"samples":[[1,-5]],"last":"passed","seen":1}}}', 'its unit "a" is malformed'],
  ['{"version":1,"serial":1,"runs":[],"units":{"a":{"samples":[],"last":"toString","seen":1}}}', 'its unit "a" is malformed'],
])('history: corrupt text %j -> a problem', (text, problem) => {
  expect(parseHistory(text)).toEqual({ ok: false, problem });
});
