import { durationMs } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../src/index.ts';

test('V1 V2 clock: turns and timers of one time -> turns first, timers in order of setting, each sees its own time', () => {
  const clock = createVirtualClock();
  const log: string[] = [];
  const note = (name: string) => (): void => void log.push(`${name}@${clock.mono()}`);
  clock.set(durationMs(20), note('late'));
  clock.set(durationMs(10), () => {
    note('first')();
    clock.soon(note('turn of first'));
    clock.set(durationMs(0), note('nested'));
  });
  clock.set(durationMs(10), note('second'));
  const cancel = clock.set(durationMs(15), note('cancelled'));
  clock.soon(note('turn'));
  cancel();
  clock.advance(100);
  expect(log).toEqual(['turn@0', 'first@10', 'second@10', 'turn of first@10', 'nested@10', 'late@20']);
  expect(clock.mono()).toBe(100);
  expect(clock.planned).toBe(0);
  expect(clock.next()).toBe(false);
});

test('V3 clock: the wall jumps by years -> monotonic time does not', () => {
  const clock = createVirtualClock();
  const before = clock.wall();
  clock.jumpWall(-10 * 365 * 86_400_000);
  clock.advance(5);
  expect(clock.mono()).toBe(5);
  expect(clock.wall() - before).toBe(5 - 10 * 365 * 86_400_000);
});

test('clock: something that never comes -> an error that names it', () => {
  const clock = createVirtualClock();
  expect(() => clock.runUntil('answer', () => false)).toThrow('no answer, and nothing is planned, at 0 ms');
  const again = (): void => void clock.set(durationMs(1), again);
  again();
  expect(() => clock.runUntil('answer', () => false, 10)).toThrow('no answer after 10 steps');
});
