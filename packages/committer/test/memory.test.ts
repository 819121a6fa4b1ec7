import { createMemoryCommitter } from '@holdfast/committer/memory';
import { hasCode } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import { add, memoryNumbers } from './fixtures/modules.ts';

const codeOf = (run: () => unknown): unknown => {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

test('C4 memory: an op throws in the middle of a batch -> nothing of the batch stays', () => {
  const committer = createMemoryCommitter([memoryNumbers]);
  committer.commit([add(1)]);
  expect(codeOf(() => committer.commit([add(2), add(1), add(-1)]))).toBe('STORE_IN_DOUBT');
  expect(committer.commit([add(1), add(2)]).map((verdict) => verdict.kind)).toEqual(['refused', 'applied']);
});

test('memory: an op of no module -> nothing of the batch is applied', () => {
  const committer = createMemoryCommitter([memoryNumbers]);
  expect(codeOf(() => committer.commit([add(1), { op: 'other.thing' }]))).toBe('STORE_UNKNOWN_OP');
  expect(committer.commit([add(1)])[0]!.kind).toBe('applied');
});

test('memory: two modules of one name -> refused', () => {
  expect(hasCode({ code: codeOf(() => createMemoryCommitter([memoryNumbers, memoryNumbers])) }, 'STORE_DUPLICATE_MODULE')).toBe(true);
});
