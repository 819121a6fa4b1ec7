import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseBytes } from '../src/kinds.ts';
import { editDistance, nearest } from '../src/nearest.ts';

test('nearest: swapped, dropped and doubled letters, other case -> the key that was meant', () => {
  const keys = ['workers', 'retries', 'timeout', 'logLevel'];
  expect(['wrokers', 'workes', 'workerss', 'loglevel', 'timout'].map((name) => nearest(name, keys))).toEqual([
    'workers',
    'workers',
    'workers',
    'logLevel',
    'timeout',
  ]);
  expect(nearest('dashboard', keys)).toBeUndefined();
});

test('distance: a metric on random words -> zero only for equals, symmetric, at most the longer length', () => {
  const word = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(word, word, (one, other) => {
      const distance = editDistance(one, other);
      expect(distance === 0).toBe(one === other);
      expect(distance).toBe(editDistance(other, one));
      expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length));
    }),
  );
});

test('bytes: units, plain numbers, and what is neither', () => {
  expect(['4096', '64KiB', '512 MiB', '16GiB', '1B'].map(parseBytes)).toEqual([4096, 65_536, 536_870_912, 17_179_869_184, 1]);
  expect(['', '-1', '1.5GiB', '1GB', '9007199254740992', '9999999TiB'].map(parseBytes)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
