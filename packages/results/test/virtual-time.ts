/** A clock that moves only when told, and its timers. */
import { type Clock, monoMs, type Timers, wallMs } from '@holdfast/kernel';

export interface VirtualTime {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Moves on by `ms`, running what becomes due, in order. */
  pass(ms: number): void;
  /** Timers that wait. */
  waiting(): number;
}

export function createVirtualTime(): VirtualTime {
  let now = 0;
  let timers: { at: number; run: () => void }[] = [];
  const set = (delay: number, run: () => void): (() => void) => {
    const timer = { at: now + delay, run };
    timers.push(timer);
    return () => {
      timers = timers.filter((other) => other !== timer);
    };
  };
  return {
    clock: { mono: () => monoMs(now), wall: () => wallMs(now) },
    timers: { set, soon: (run) => void set(0, run) },
    pass(ms) {
      const end = now + ms;
      for (;;) {
        const next = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        now = Math.max(now, next.at);
        timers = timers.filter((other) => other !== next);
        next.run();
      }
      now = end;
    },
    waiting: () => timers.length,
  };
}
