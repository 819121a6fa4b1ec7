import { expect, test } from 'vitest';
import { simulateCopy } from './copy.ts';
import { PLANTED_BUGS } from './planted.ts';

const SEEDS = 80;

for (const bug of PLANTED_BUGS) {
  test(`planted: ${bug.name} -> found by ${bug.foundBy.join(' or ')}`, { timeout: 60_000 }, () => {
    const { failures, runs } = simulateCopy(bug.patches, SEEDS);
    expect(failures, `not found in ${runs} seeds`).not.toHaveLength(0);
    expect(bug.foundBy).toContain(failures[0]!.checker);
  });
}

test('planted: nothing, the copy as it is -> green on the same seeds', { timeout: 60_000 }, () => {
  expect(simulateCopy([], SEEDS).failures).toEqual([]);
});

test('planted: a patch that matches nothing -> is refused', () => {
  const patch = { file: 'packages/kernel/src/assert.ts', find: 'no such code', replace: '' };
  expect(() => simulateCopy([patch], 1)).toThrow('matches 0 times');
});
