/**
 * When turned-away workers may call again: one after another, so that a fleet that was cut off does not come back in one moment.
 *
 * Q1 No two slots are closer than `apart`; slots that have passed are not given any more.
 */
import { after, type DurationMs, durationMs, elapsed, type MonoMs } from '@holdfast/kernel';

export interface Slots {
  /** The wait of the next one, for `retryAfterMs` of a goaway. Whole milliseconds. */
  take(now: MonoMs): DurationMs;
}

/** Creates slots from `first` after now on, `apart` from each other; both may be fractions. */
export function createSlots(first: DurationMs, apart: DurationMs): Slots {
  let next: MonoMs | undefined;
  return {
    take(now) {
      const soonest = after(now, first);
      const at = next === undefined || next < soonest ? soonest : next;
      next = after(at, apart);
      return durationMs(Math.round(elapsed(now, at)));
    },
  };
}
