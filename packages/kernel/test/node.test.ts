import { durationMs } from '@holdfast/kernel';
import { nodeClock, nodeEntropy, nodeTimers } from '@holdfast/kernel/node';
import { expect, test } from 'vitest';

test('nodeClock: mono never goes back, wall is the date', () => {
  const first = nodeClock.mono();
  expect(nodeClock.mono()).toBeGreaterThanOrEqual(first);
  expect(Math.abs(nodeClock.wall() - Date.now())).toBeLessThan(5000);
});

test('nodeTimers: a timer comes once, in a later turn; a cancelled one and one of a month do not', async () => {
  const calls: string[] = [];
  nodeTimers.set(durationMs(0), () => calls.push('cancelled'))();
  const forget = nodeTimers.set(durationMs(2_678_400_000), () => calls.push('a month'));
  await new Promise<void>((resolve) => {
    nodeTimers.soon(() => calls.push('soon'));
    nodeTimers.set(durationMs(0.5), () => {
      calls.push('timer');
      resolve();
    });
    expect(calls).toEqual([]);
  });
  // Another turn of the loop, in which a delay that overflowed would have come.
  await new Promise<void>((resolve) => void nodeTimers.set(durationMs(5), resolve));
  forget();
  expect(calls.toSorted()).toEqual(['soon', 'timer']);
});

test('nodeEntropy: as many bytes as asked, and never the same', () => {
  expect(nodeEntropy.bytes(16)).toHaveLength(16);
  expect(nodeEntropy.bytes(0)).toHaveLength(0);
  expect(Buffer.from(nodeEntropy.bytes(16)).equals(nodeEntropy.bytes(16))).toBe(false);
});
