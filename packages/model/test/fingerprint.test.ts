import { CODE_FIELDS, type Fingerprint, fingerprintClass, fingerprintDifferences, fingerprintOfClass } from '@holdfast/model';
import { expect, test } from 'vitest';

const PRINT: Fingerprint = {
  repository: 'github.com/a/b',
  commit: 'c1',
  dirty: 'clean',
  lockfile: 'l1',
  platform: 'linux-x64',
  node: 'v26.10.0',
};

test('the same state on another platform and Node runs the same code', () => {
  const found = { ...PRINT, platform: 'darwin-arm64', node: 'v22.18.0' };
  expect(fingerprintDifferences(PRINT, found)).toEqual([]);
  expect(fingerprintClass(found)).toBe(fingerprintClass(PRINT));
});

test.each(CODE_FIELDS)('another %s -> one sentence that names both, and another class', (field) => {
  const found = { ...PRINT, [field]: 'other' };
  expect(fingerprintDifferences(PRINT, found)).toEqual([`${field}: the run has ${PRINT[field]}, the worker has other`]);
  expect(fingerprintClass(found)).not.toBe(fingerprintClass(PRINT));
});

test('several differences -> in the order of the fields', () => {
  const found = { ...PRINT, lockfile: 'l2', commit: 'c2' };
  expect(fingerprintDifferences(PRINT, found).map((line) => line.split(':')[0])).toEqual(['commit', 'lockfile']);
});

test('classes are equal exactly when there is no difference', () => {
  const prints = ['c1', 'c2'].flatMap((commit) => ['clean', 'd1'].map((dirty) => ({ ...PRINT, commit, dirty })));
  for (const one of prints) {
    for (const other of prints) {
      expect(fingerprintClass(one) === fingerprintClass(other)).toBe(fingerprintDifferences(one, other).length === 0);
    }
  }
});

test('a class tells its state again, also of a repository with spaces in its name', () => {
  for (const repository of ['github.com/a/b', 'my old project', '']) {
    const { commit, dirty, lockfile } = PRINT;
    expect(fingerprintOfClass(fingerprintClass({ ...PRINT, repository }))).toEqual({ repository, commit, dirty, lockfile });
  }
});
