import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareVersions, formatQuantity, parseQuantity, parseVersion, roughQuantity } from '../src/index.ts';

test.each([
  ['16GiB', 'bytes', 16 * 2 ** 30],
  ['16gib', 'bytes', 16 * 2 ** 30],
  ['1.5 GB', 'bytes', 1.5e9],
  ['300W', 'milliwatts', 300_000],
  ['2.4GHz', 'hertz', 2.4e9],
  ['12', 'count', 12],
  ['16Gb', 'bytes', undefined],
  ['12 apples', 'count', undefined],
  ['9999999999TiB', 'bytes', undefined],
  ['', 'bytes', undefined],
  ['-1', 'count', undefined],
] as const)('quantity: %s of %s', (text, unit, value) => {
  expect(parseQuantity(text, unit)).toBe(value);
});

test('quantity: any amount -> its text reads back', () => {
  const units = fc.constantFrom('bytes' as const, 'hertz' as const, 'milliwatts' as const, 'count' as const);
  fc.assert(fc.property(fc.nat(2 ** 31 - 1), units, (value, unit) => parseQuantity(formatQuantity(value, unit), unit) === value));
  expect(formatQuantity(16 * 2 ** 30, 'bytes')).toBe('16GiB');
  expect(roughQuantity(12_582_912_001, 'bytes')).toBe('11.7GiB');
});

test('version: dotted numbers -> compared part by part', () => {
  expect(parseVersion('v156.0.8078.73 (Debian)')).toEqual([156, 0, 8078, 73]);
  expect(parseVersion('none')).toBeUndefined();
  expect(compareVersions([8], [8, 0])).toBe(0);
  expect(compareVersions([550, 54], [550, 9]) > 0).toBe(true);
});
