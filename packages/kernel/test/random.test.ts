import { createRandom, hash32 } from '@holdfast/kernel';
import { expect, test } from 'vitest';

const draw = (seed: string | number, count: number): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => random.below(2 ** 32));
};

test('R1 the same seed gives the same values for ever', () => {
  expect(draw('holdfast', 6)).toEqual([1301334209, 2878840512, 119462748, 2670243164, 2683882325, 1792014878]);
  expect(draw(1, 3)).toEqual([2787153608, 1886750481, 1620385198]);
  expect(draw('1', 3)).toEqual(draw(1, 3));
  expect(
    createRandom('holdfast')
      .fork('backoff')
      .below(2 ** 32),
  ).toBe(275961716);
});

test('R1 hash32 gives the same values for ever', () => {
  expect(hash32('')).toBe(0x811c9dc5);
  expect(hash32('a')).toBe(0xe40c292c);
  expect(hash32('foobar')).toBe(0xbf9cf968);
  expect(hash32('foobar', 1)).not.toBe(hash32('foobar'));
});

test('R2 a fork does not depend on how much its parent was used', () => {
  const fresh = createRandom(7);
  const used = createRandom(7);
  for (let index = 0; index < 100; index += 1) used.float();
  expect(used.fork('a').float()).toBe(fresh.fork('a').float());
  used.fork('b').float();
  expect(used.fork('a').float()).toBe(fresh.fork('a').float());
});

test('R2 forks by other labels, seeds and depths differ, and using one leaves its parent alone', () => {
  const parent = createRandom(7);
  const first = [parent, parent.fork('a'), parent.fork('b'), parent.fork('a').fork('a'), createRandom(8).fork('a')].map((one) =>
    one.float(),
  );
  expect(new Set(first).size).toBe(first.length);
  const alone = createRandom(7);
  alone.float();
  expect(parent.float()).toBe(alone.float());
});

test.each([1, 'x', ''])('seed %j: below is even over its range, float over [0, 1), chance near its probability', (seed) => {
  const random = createRandom(seed);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let index = 0; index < 20_000; index += 1) counts[random.below(10)]! += 1;
  // Chi-squared with 9 degrees of freedom: 33.7 is exceeded once in 10,000 sources, and these three are fixed.
  const chi = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
  expect(chi).toBeLessThan(33.7);
  let sum = 0;
  let hits = 0;
  for (let index = 0; index < 20_000; index += 1) {
    const float = random.float();
    expect(float >= 0 && float < 1).toBe(true);
    sum += float;
    if (random.chance(0.25)) hits += 1;
  }
  expect(Math.abs(sum / 20_000 - 0.5)).toBeLessThan(0.01);
  expect(Math.abs(hits / 20_000 - 0.25)).toBeLessThan(0.015);
});

test('streams of neighbouring seeds and forks are not the same stream shifted', () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 100; seed += 1) for (const value of draw(seed, 100)) seen.add(value);
  // 10,000 values of 32 bits: about 0.01 collisions are expected.
  expect(seen.size).toBeGreaterThan(9995);
});

test('chance 0 is never, chance 1 is always, below 1 is 0', () => {
  const random = createRandom('edges');
  for (let index = 0; index < 1000; index += 1) {
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
    expect(random.below(1)).toBe(0);
  }
});

test('pick takes every element and refuses an empty list', () => {
  const random = createRandom('pick');
  expect(new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b', 'c'])))).toEqual(new Set(['a', 'b', 'c']));
  expect(() => random.pick([])).toThrow(RangeError);
});
