/** The real clock, timers and entropy of a Node process. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Entropy, Mac, Timers } from '../ports.ts';
import { monoMs, wallMs } from '../units.ts';

/** Monotonic and wall time of this process. */
export const nodeClock: Clock = {
  mono: () => monoMs(performance.now()),
  wall: () => wallMs(Date.now()),
};

/** Timers of this process. Delays beyond 2^31-1 ms fire early, which every machine tolerates. */
export const nodeTimers: Timers = {
  set(delay, run) {
    const timer = setTimeout(run, Math.min(Math.ceil(delay), 2_147_483_647));
    return () => clearTimeout(timer);
  },
  soon: (run) => void setImmediate(run),
};

/** The operating system's cryptographic randomness. */
export const nodeEntropy: Entropy = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
};

/** SHA-256 and HMAC of Node's cryptography. */
export const nodeMac: Mac = {
  hmac: (key, text) => createHmac('sha256', Buffer.from(key, 'hex')).update(text, 'utf8').digest('hex'),
  sha256: (hex) => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex'),
  equal(one, other) {
    const left = Buffer.from(one, 'hex');
    const right = Buffer.from(other, 'hex');
    return left.length === 32 && right.length === 32 && timingSafeEqual(left, right);
  },
};
