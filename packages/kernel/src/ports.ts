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

/** Keyed digests, for proofs of possession and for what nothing else protects. Keys and digests are lower-case hex. */
export interface Mac {
  /** HMAC-SHA-256 of `text` as UTF-8 under `key` (hex); 64 hex digits. */
  hmac(key: string, text: string): string;
  /** SHA-256 of the bytes that `hex` names; 64 hex digits. */
  sha256(hex: string): string;
  /** Whether two digests are equal, in a time that does not depend on where they differ. False for other lengths than 64 digits. */
  equal(one: string, other: string): boolean;
}
