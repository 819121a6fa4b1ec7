import { type Clock, monoMs, type Timers, wallMs } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import { createOverseer, type Signal } from '../src/overseer.ts';

/** An overseer under a clock that moves by hand; timers fire early by up to `earlyMs`. */
function oversee(timeoutMs: number, earlyMs = 0) {
  let now = 0;
  let timers: { readonly at: number; readonly run: () => void }[] = [];
  const seen: string[] = [];
  const clock: Clock = { mono: () => monoMs(now), wall: () => wallMs(0) };
  const ports: Timers = {
    set(delay, run) {
      const timer = { at: now + Math.max(1, delay - earlyMs), run };
      timers.push(timer);
      return () => void (timers = timers.filter((one) => one !== timer));
    },
    soon: (run) => run(),
  };
  const signal = (name: Signal): boolean => seen.push(`${now} ${name}`) > 0;
  const overseer = createOverseer(
    { timeoutMs, graceMs: 50 },
    { clock, timers: ports, signal, paused: (paused) => seen.push(`${now} paused ${paused}`) },
  );
  const move = (ms: number): void => {
    for (const until = now + ms; now < until;) {
      now += 1;
      const due = timers.filter((timer) => timer.at <= now);
      timers = timers.filter((timer) => timer.at > now);
      for (const timer of due) timer.run();
    }
  };
  return { overseer, seen, move, pending: () => timers.length };
}

test('overseer: its time is up -> SIGTERM at the timeout, SIGKILL after the grace, also with timers that fire early', () => {
  for (const earlyMs of [0, 1, 30]) {
    const { seen, move, overseer } = oversee(100, earlyMs);
    move(99);
    expect(seen).toEqual([]);
    move(1);
    expect(seen).toEqual(['100 SIGTERM']);
    move(60);
    expect(seen.at(-1)).toMatch(/SIGKILL$/);
    expect(overseer.cause()).toBe('timeout');
  }
});

test('O1 overseer: paused twice -> only the time between counts', () => {
  const { overseer, seen, move, pending } = oversee(100);
  move(60);
  overseer.pause(true);
  overseer.pause(true);
  move(1000);
  expect(pending()).toBe(0);
  overseer.pause(false);
  move(30);
  overseer.pause(true);
  move(1000);
  overseer.pause(false);
  move(10);
  expect(seen.filter((line) => line.includes('paused'))).toHaveLength(4);
  expect(seen.at(-1)).toBe('2100 SIGTERM');
  expect(overseer.elapsedMs()).toBe(100);
});

test('O2 overseer: stopped while paused -> SIGTERM, then SIGCONT; later reasons and pauses change nothing', () => {
  const { overseer, seen, move } = oversee(100);
  overseer.pause(true);
  overseer.stop();
  overseer.pause(false);
  expect(seen).toEqual(['0 SIGSTOP', '0 paused true', '0 SIGTERM', '0 SIGCONT']);
  move(200);
  expect(seen.at(-1)).toBe('50 SIGKILL');
  expect(overseer.cause()).toBe('stop');
});

test('overseer: it ended by itself -> no signal after it, no timer left', () => {
  const { overseer, seen, move, pending } = oversee(100);
  move(40);
  overseer.done();
  overseer.stop();
  overseer.pause(true);
  move(500);
  expect(seen).toEqual([]);
  expect(pending()).toBe(0);
  expect(overseer.elapsedMs()).toBe(40);
  expect(overseer.cause()).toBe('itself');
});
