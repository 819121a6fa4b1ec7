/**
 * Slows down guessing: counts failed authentications by address and by key id.
 *
 * F1 Only failures are counted and only failures are refused: a right token always passes, so nobody can lock its owner out.
 * F2 After `failuresMax` failures in a window further ones are refused for `blockMs`, doubling at every refusal up to `blockMaxMs`.
 * F3 At most `keysMax` keys are remembered; the one that failed longest ago is forgotten first.
 */
import { durationMs, type DurationMs, elapsed, type MonoMs } from '@holdfast/kernel';

export interface FailureLimiterOptions {
  /** Length of a window, and of the silence after which a key is forgotten. Default 60,000 ms. */
  readonly windowMs: number;
  /** Failures of one address in a window. Default 5. */
  readonly addressMax: number;
  /** Failures on one key id in a window. Default 20. */
  readonly keyIdMax: number;
  /** First refusal. Default 1,000 ms. */
  readonly blockMs: number;
  /** Longest refusal. Default 300,000 ms. */
  readonly blockMaxMs: number;
  /** Remembered addresses and key ids. Default 10,000. */
  readonly keysMax: number;
}

export const DEFAULT_FAILURE_LIMITER: FailureLimiterOptions = {
  windowMs: 60_000,
  addressMax: 5,
  keyIdMax: 20,
  blockMs: 1000,
  blockMaxMs: 300_000,
  keysMax: 10_000,
};

export interface FailureLimiter {
  /**
   * Takes one failure. Returns 0 when it is answered as what it is (401), or the time after which to try again (429).
   * `keyId`: the one that was named, if any.
   */
  failed(address: string, keyId: string | undefined, now: MonoMs): DurationMs;
  /** Remembered keys, 0..`keysMax`. */
  readonly size: number;
}

interface Bucket {
  windowFrom: MonoMs;
  failures: number;
  refusals: number;
  blockedUntil: MonoMs;
}

/** Creates a limiter that has seen nothing. */
export function createFailureLimiter(options: FailureLimiterOptions = DEFAULT_FAILURE_LIMITER): FailureLimiter {
  const buckets = new Map<string, Bucket>();

  const bucketOf = (key: string, now: MonoMs): Bucket => {
    const known = buckets.get(key);
    // Re-inserted at the end, so that the Map's order is the order of the last failure (F3).
    buckets.delete(key);
    const bucket = known ?? { windowFrom: now, failures: 0, refusals: 0, blockedUntil: now };
    // A key that was refused starts anew only after a whole window of peace; until then each further failure doubles its block.
    const quietFrom = bucket.refusals > 0 ? bucket.blockedUntil : bucket.windowFrom;
    if (elapsed(quietFrom, now) >= options.windowMs)
      Object.assign(bucket, { windowFrom: now, failures: 0, refusals: 0, blockedUntil: now });
    buckets.set(key, bucket);
    if (buckets.size > options.keysMax) buckets.delete(buckets.keys().next().value!);
    return bucket;
  };

  const take = (key: string, failuresMax: number, now: MonoMs): number => {
    const bucket = bucketOf(key, now);
    bucket.failures += 1;
    if (now < bucket.blockedUntil) return elapsed(now, bucket.blockedUntil);
    if (bucket.failures <= failuresMax) return 0;
    const block = Math.min(options.blockMaxMs, options.blockMs * 2 ** Math.min(bucket.refusals, 30));
    bucket.refusals += 1;
    bucket.blockedUntil = (now + block) as MonoMs;
    return block;
  };

  return {
    failed(address, keyId, now) {
      const byAddress = take(`address ${address}`, options.addressMax, now);
      const byKeyId = keyId === undefined ? 0 : take(`key ${keyId}`, options.keyIdMax, now);
      return durationMs(Math.max(byAddress, byKeyId));
    },
    get size() {
      return buckets.size;
    },
  };
}
