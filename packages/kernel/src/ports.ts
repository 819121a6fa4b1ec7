/**
 * The ports through which time and chance enter: pure code receives values, never these.
 * `Random` decides (seeded, replayable); `Entropy` makes secrets. They are two types on purpose.
 */
import type { DurationMs, MonoMs, WallMs } from './units.ts';

/** Where the shell reads time. `mono` never goes back; `wall` may jump by years. */
export interface Clock {
  mono(): MonoMs;
  wall(): WallMs;
}

/** Where the shell waits. */
export interface Timers {
  /** Calls `run` once, at or after `delay`; returns what cancels it. A delay of 0 runs in a later turn. */
  set(delay: DurationMs, run: () => void): () => void;
  /** Calls `run` once in the next turn of the event loop, after waiting I/O had its chance. */
  soon(run: () => void): void;
}

/** Cryptographic bytes, for nonces, tokens and identities. */
export interface Entropy {
  /** `count` unpredictable bytes. */
  bytes(count: number): Uint8Array;
}
