import { compareTasks, leaseText, parseLease, taskText, unitText } from '@holdfast/model';
import { expect, test } from 'vitest';

test.each([
  [{ run: 1, n: 1, epoch: 1 }, '1.1.1'],
  [{ run: 12, n: 345, epoch: 6 }, '12.345.6'],
  [{ run: 0, n: 0, epoch: 0 }, '0.0.0'],
  [{ run: 999_999_999_999_999, n: 2, epoch: 3 }, '999999999999999.2.3'],
])('lease %o <-> %s', (key, text) => {
  expect(leaseText(key)).toBe(text);
  expect(parseLease(text)).toEqual(key);
  expect(taskText(key)).toBe(`${key.run}.${key.n}`);
});

test.each(['', '1.1', '1.1.1.1', '1.1.x', '-1.1.1', '01.1.1', '1.1.1 ', '1.1.1\n', '1e3.1.1', '1..1', '1234567890123456.1.1', '٣.1.1'])(
  'parseLease %j -> undefined',
  (text) => {
    expect(parseLease(text)).toBeUndefined();
  },
);

test('compareTasks orders by run, then by number, as numbers', () => {
  const keys = ['10.1', '2.10', '2.9', '1.100'].map((text) => ({ run: Number(text.split('.')[0]), n: Number(text.split('.')[1]) }));
  expect(keys.toSorted(compareTasks).map(taskText)).toEqual(['1.100', '2.9', '2.10', '10.1']);
  expect(compareTasks({ run: 1, n: 1 }, { run: 1, n: 1 })).toBe(0);
});

test.each([
  [{ file: 'a.test.ts' }, 'a.test.ts'],
  [{ file: 'a.test.ts', project: 'web' }, 'web | a.test.ts'],
  [{ file: 'a.test.ts', project: 'web', pool: 'typescript' }, 'web | typescript | a.test.ts'],
  [{ file: 'a.test.ts', pool: 'typescript' }, '- | typescript | a.test.ts'],
  [{ file: 'a.test.ts', project: '', pool: '' }, 'a.test.ts'],
])('unitText of %o -> %s', (unit, text) => {
  expect(unitText(unit)).toBe(text);
});

test('unitText: units that differ in project, pool or file have different texts', () => {
  const units = ['', 'x', 'y'].flatMap((project) =>
    ['', 'x', 'y'].flatMap((pool) => ['x', 'x/y'].map((file) => ({ file, ...(project && { project }), ...(pool && { pool }) }))),
  );
  expect(new Set(units.map(unitText)).size).toBe(units.length);
});
