/** The real clock, timers and entropy of a Node process. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Entropy, Timers } from '../ports.ts';
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
