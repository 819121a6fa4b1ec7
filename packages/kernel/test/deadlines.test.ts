import { createDeadlines, monoMs } from '@holdfast/kernel';
import { fastCheckParameters } from '@holdfast/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';

type Step =
  | { readonly do: 'set'; readonly key: number; readonly at: number }
  | { readonly do: 'clear'; readonly key: number }
  | { readonly do: 'due'; readonly now: number }
  | { readonly do: 'shift'; readonly by: number };

/** The same, as a list that is sorted whenever somebody asks. */
function createNaive() {
  let entries: { key: number; at: number; order: number }[] = [];
  let order = 0;
  const sorted = () => entries.toSorted((a, b) => a.at - b.at || a.order - b.order);
  return {
    set(key: number, at: number) {
      if (entries.some((entry) => entry.key === key && entry.at === at)) return;
      entries = [...entries.filter((entry) => entry.key !== key), { key, at, order: order++ }];
    },
    clear: (key: number) => void (entries = entries.filter((entry) => entry.key !== key)),
    at: (key: number) => entries.find((entry) => entry.key === key)?.at,
    next: () => sorted()[0]?.at,
    due(now: number) {
      const due = sorted().filter((entry) => entry.at <= now);
      entries = entries.filter((entry) => entry.at > now);
      return due.map((entry) => entry.key);
    },
    shift: (by: number) => void (entries = entries.map((entry) => ({ ...entry, at: entry.at + by }))),
    size: () => entries.length,
  };
}

/** All that can be asked, as one text. */
const look = (one: { next(): number | undefined; at(key: number): number | undefined }, size: number): string =>
  JSON.stringify([one.next(), size, Array.from({ length: KEYS }, (_, index) => one.at(index))]);

const KEYS = 12;
const key = fc.nat({ max: KEYS - 1 });
const time = fc.nat({ max: 60 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key, at: time }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('clear' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('due' as const), now: time }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('shift' as const), by: fc.nat({ max: 20 }) }) },
);

test('T1 T2 deadlines: any calls -> what a sorted list would say', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const real = createDeadlines<number>();
      const naive = createNaive();
      for (const each of steps) {
        switch (each.do) {
          case 'set':
            real.set(each.key, monoMs(each.at));
            naive.set(each.key, each.at);
            break;
          case 'clear':
            real.clear(each.key);
            naive.clear(each.key);
            break;
          case 'shift':
            real.shift(each.by);
            naive.shift(each.by);
            break;
          case 'due':
            expect(real.due(monoMs(each.now))).toEqual(naive.due(each.now));
        }
        expect(look(real, real.size)).toBe(look(naive, naive.size()));
      }
    }),
    { numRuns: 100, ...(fastCheckParameters(process.env) as fc.Parameters<[Step[]]>) },
  );
});

test('T2 deadlines: equal times -> in the order of setting, also through a heap of many', () => {
  const deadlines = createDeadlines<number>();
  const keys = Array.from({ length: 500 }, (_, index) => (index * 7919) % 500);
  for (const one of keys) deadlines.set(one, monoMs(5));
  expect(deadlines.due(monoMs(4))).toEqual([]);
  expect(deadlines.due(monoMs(5))).toEqual(keys);
  expect(deadlines.next()).toBeUndefined();
});

test('deadlines: many keys set and cleared beneath others -> the rest comes in order', () => {
  const deadlines = createDeadlines<number>();
  deadlines.set(-1, monoMs(0));
  for (let index = 0; index < 2000; index += 1) deadlines.set(index, monoMs(5000 - index));
  for (let index = 0; index < 2000; index += 1) if (index % 100 !== 0) deadlines.clear(index);
  expect(deadlines.size).toBe(21);
  expect(deadlines.next()).toBe(0);
  deadlines.shift(10);
  expect(deadlines.due(monoMs(10_000))).toEqual([-1, ...Array.from({ length: 20 }, (_, index) => 1900 - index * 100)]);
  expect(deadlines.size).toBe(0);
});
