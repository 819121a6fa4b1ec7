import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  chooseStragglers,
  createDurations,
  feasibility,
  forecast,
  learn,
  lowerBoundMs,
  NO_HISTORY,
  PRIOR_MS,
  speedOf,
  splitEvenly,
  suitability,
  type SplitItem,
} from '../src/index.ts';

const items = (...lengths: number[]): SplitItem[] => lengths.map((durationMs, n) => ({ id: `t${n}`, durationMs }));
const itemsArbitrary = (maxLength: number): fc.Arbitrary<SplitItem[]> =>
  fc.array(fc.integer({ min: 0, max: 100 }), { maxLength }).map((lengths) => items(...lengths));

/** The shortest makespan on `parts` machines, by trying everything. */
function optimum(work: readonly SplitItem[], parts: number): number {
  const sums = Array.from({ length: parts }, () => 0);
  let best = Infinity;
  const place = (index: number): void => {
    if (index === work.length) best = Math.min(best, Math.max(...sums));
    else
      for (let part = 0; part < parts; part += 1) {
        sums[part]! += work[index]!.durationMs;
        place(index + 1);
        sums[part]! -= work[index]!.durationMs;
      }
  };
  place(0);
  return best;
}

test('split: any items -> each in one part, none empty without need, within 4/3 of the best there is', () => {
  fc.assert(
    fc.property(itemsArbitrary(7), fc.integer({ min: 1, max: 3 }), (work, parts) => {
      const made = splitEvenly(work, parts);
      expect(made.flatMap((part) => part.ids).sort()).toEqual(work.map((item) => item.id).sort());
      expect(made.filter((part) => part.ids.length === 0)).toHaveLength(Math.max(0, parts - work.length));
      const longest = Math.max(...made.map((part) => part.durationMs));
      const best = optimum(work, parts);
      expect(
        longest <= (4 / 3) * best &&
          lowerBoundMs(
            work,
            Array.from({ length: parts }, () => 1000),
          ) <= best,
      ).toBe(true);
      expect(splitEvenly([...work].reverse(), parts)).toEqual(made);
    }),
  );
});

test('forecast: any items and workers -> no slot does two things, and never below the bound', () => {
  fc.assert(
    fc.property(
      itemsArbitrary(30),
      fc.array(fc.record({ slots: fc.integer({ min: 1, max: 3 }), speed: fc.constantFrom(500, 1000, 2000) }), {
        minLength: 1,
        maxLength: 4,
      }),
      (work, given) => {
        const workers = given.map((one, n) => ({ ...one, id: `w${n}` }));
        const { steps, makespanMs, lowerBoundMs: bound, efficiency } = forecast(work, workers);
        expect(steps.map((step) => step.task).sort()).toEqual(work.map((item) => item.id).sort());
        for (const a of steps)
          for (const b of steps)
            if (a !== b && a.worker === b.worker && a.slot === b.slot) expect(a.endMs <= b.startMs || b.endMs <= a.startMs).toBe(true);
        expect(makespanMs + work.length >= bound).toBe(true);
        expect(efficiency >= 0 && efficiency <= 1000).toBe(true);
      },
    ),
  );
  expect(forecast(items(1), []).makespanMs).toBe(Infinity);
  expect(forecast(items(4, 3, 3), [{ id: 'a', slots: 2 }], { overheadMs: 1 })).toMatchObject({ makespanMs: 8, lowerBoundMs: 6.5 });
});

test('feasibility: too little time -> how many more slots it takes, or that none help', () => {
  const one = [{ id: 'a', slots: 1 }];
  expect(feasibility(items(10, 10, 10, 10), one, 40)).toEqual({ kind: 'feasible', endMs: 40 });
  expect(feasibility(items(10, 10, 10, 10), one, 20)).toEqual({ kind: 'infeasible', endMs: 40, moreSlots: 1 });
  expect(feasibility(items(10, 10, 10, 10), [], 10)).toEqual({ kind: 'infeasible', endMs: Infinity, moreSlots: 4 });
  expect(feasibility(items(50, 10), one, 20)).toEqual({ kind: 'infeasible', endMs: 60, moreSlots: undefined });
});

test('D1 durations: a run with many attempts -> counts once; the median of the runs', () => {
  const durations = createDurations([
    ...[900, 900, 900, 900].map((durationMs) => ({ test: 'a/x', run: 1, durationMs })),
    { test: 'a/x', run: 2, durationMs: 100 },
    { test: 'a/x', run: 3, durationMs: 120 },
  ]);
  expect(durations.predict('a/x')).toEqual({ durationMs: 120, deviationMs: 20, from: 'history', runs: 3 });
});

test('D2 durations: a slow and crowded machine -> its values are put right, and predictions for it grow', () => {
  const durations = createDurations([{ test: 'x', run: 1, durationMs: 400, speed: 500, load: 2000 }]);
  expect(durations.predict('x').durationMs).toBe(100);
  expect([durations.predictOn('x', 500), durations.predictOn('x', 500, 2000)]).toEqual([200, 400]);
  expect(speedOf(Array.from({ length: 5 }, () => ({ hereMs: 200, referenceMs: 100 })))).toBe(500);
  expect(speedOf([{ hereMs: 1, referenceMs: 100 }])).toBeUndefined();
});

test('D3 durations: no history -> its folder, else all, else a prior, and never 0; impossible samples count for nothing', () => {
  const durations = createDurations([
    { test: 'a/x', run: 1, durationMs: 10 },
    { test: 'b/y', run: 1, durationMs: 30 },
    { test: 'b/z', run: 1, durationMs: Number.NaN },
    { test: 'b/z', run: 1, durationMs: 1, speed: 0 },
  ]);
  expect(durations.predict('a/new')).toMatchObject({ durationMs: 10, from: 'folder' });
  expect(durations.predict('b/z')).toMatchObject({ durationMs: 30, from: 'folder' });
  expect(durations.predict('c/new')).toMatchObject({ durationMs: 20, from: 'all' });
  expect(createDurations([]).predict('x')).toEqual({ durationMs: PRIOR_MS, deviationMs: 0, from: 'prior', runs: 0 });
  expect(createDurations([{ test: 'x', run: 1, durationMs: 0 }]).predict('x').durationMs).toBe(1);
});

test('stragglers: late ones at the end of a run -> the latest first, within slots and budget; none while work is queued', () => {
  const running = [
    { id: 'fine', runningMs: 9000, predictedMs: 8000, hedged: false },
    { id: 'late', runningMs: 20_000, predictedMs: 8000, hedged: false },
    { id: 'later', runningMs: 30_000, predictedMs: 8000, hedged: false },
    { id: 'short', runningMs: 100, predictedMs: 1, hedged: false },
  ];
  expect(chooseStragglers(running, 5, 0, { budget: 1000 })).toEqual(['later', 'late']);
  expect(chooseStragglers(running, 5, 0)).toEqual(['later']);
  expect(chooseStragglers(running, 0, 0)).toEqual([]);
  expect(chooseStragglers(running, 5, 1)).toEqual([]);
  expect(chooseStragglers([{ id: 'x', runningMs: 1e6, predictedMs: 0, hedged: false }], 5, 0)).toEqual([]);
});

test('suitability: passing, failing, slow -> better, worse, worse; old failures fade', () => {
  const pass = { passed: true, durationMs: 100, predictedMs: 100 };
  const fail = { passed: false, durationMs: 0, predictedMs: 0 };
  const after = (...attempts: (typeof pass)[]): number => suitability(attempts.reduce(learn, NO_HISTORY));
  expect(suitability(NO_HISTORY)).toBe(750);
  expect(after(pass, pass)).toBeGreaterThan(750);
  expect(after(fail)).toBeLessThan(750);
  expect(after({ ...pass, durationMs: 200 })).toBeLessThan(after(pass));
  expect(after(...Array.from({ length: 20 }, () => fail), ...Array.from({ length: 100 }, () => pass))).toBeGreaterThan(900);
});
