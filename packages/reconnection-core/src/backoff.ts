/**
 * How long to wait before the next dial.
 *
 * B1 Full jitter over the capped bound: `random(0, min(cap, base * 2^n))`. Jitter after the cap, so that a herd never waits exactly the cap.
 * B2 The exponent is bounded, so that any number of failures gives a finite delay.
 * Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
import { type DurationMs, durationMs, type Random } from '@holdfast/kernel';

export interface BackoffOptions {
  /** Upper bound of the first wait. Default 250 ms. */
  readonly base: DurationMs;
  /** Upper bound of any wait. Default 30 s. */
  readonly cap: DurationMs;
  /** Upper bound while leases are held or messages wait, so that a cut is not longer than their lives. Default 5 s. */
  readonly leasedCap: DurationMs;
}

/** The defaults. */
export const BACKOFF: BackoffOptions = { base: durationMs(250), cap: durationMs(30_000), leasedCap: durationMs(5000) };

/** The wait after `failures` failed dials (1-based), in whole milliseconds, 0..cap. */
export function backoffDelay(failures: number, options: BackoffOptions, leased: boolean, random: Random): DurationMs {
  const cap = leased ? Math.min(options.cap, options.leasedCap) : options.cap;
  const exponent = Math.min(Math.max(failures - 1, 0), EXPONENT_MAX);
  const bound = Math.min(cap, options.base * 2 ** exponent);
  return durationMs(random.below(Math.floor(bound) + 1));
}

const EXPONENT_MAX = 20;
