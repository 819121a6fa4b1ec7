/** What one seed means: the size of the cluster, its work and the faults it must live with. Swarm testing: each seed enables some of them. */
import type { Random } from '@holdfast/kernel';
import type { Sizes } from './sizes.ts';

export interface Faults {
  /** Mean milliseconds between two of each kind; 0: never. */
  readonly coordinatorCrashEvery: number;
  readonly coordinatorDrainEvery: number;
  readonly workerCrashEvery: number;
  readonly workerLeaveEvery: number;
  readonly cutEvery: number;
  readonly halfOpenEvery: number;
  readonly burstEvery: number;
  readonly stallEvery: number;
  /** A stranger with a valid token speaks for what is not its own. */
  readonly strangerEvery: number;
  /** The disk is full for up to 20 s: commits are refused and nothing of them is kept. */
  readonly diskFullEvery: number;
  /** For up to 20 s each commit takes up to 5 s. */
  readonly diskSlowEvery: number;
  /** Chances, 0..1. */
  readonly crashAtCommit: number;
  readonly commitFails: number;
  /** Of commits: one of its results and checkpoints reaches the store once more, later, as from a peer that did not hear the outcome. */
  readonly opRepeated: number;
  readonly dialRefused: number;
  readonly frameDuplicated: number;
  readonly frameDropped: number;
  readonly requestLost: number;
  /** Of crashes of workers. */
  readonly deathReported: number;
  readonly neverRestarted: number;
  /** Of crashes of workers: its machine loses its power, and its disk what was not synced. */
  readonly powerCut: number;
  /** Mean milliseconds between two times of a worker's disk being full. */
  readonly spoolFullEvery: number;
}

export interface SimulationOptions {
  readonly seed: string;
  readonly workers: number;
  readonly slotsMax: number;
  readonly safetyMs: number;
  readonly runs: number;
  readonly tasksMax: number;
  readonly taskMsMax: number;
  readonly leaseTtlMs: number;
  readonly heartbeatEveryMs: number;
  readonly lostAfterMs: number;
  readonly resumeWindowMs: number;
  readonly batchMax: number;
  /** Mean one-way delay of a link. */
  readonly delayMs: number;
  /** Mean time of a commit. */
  readonly commitMs: number;
  /** Error of every process's clock rate, at most. */
  readonly rateError: number;
  readonly sizes: Sizes;
  readonly faults: Faults;
}

export const NO_FAULTS: Faults = {
  coordinatorCrashEvery: 0,
  coordinatorDrainEvery: 0,
  workerCrashEvery: 0,
  workerLeaveEvery: 0,
  cutEvery: 0,
  halfOpenEvery: 0,
  burstEvery: 0,
  stallEvery: 0,
  strangerEvery: 0,
  diskFullEvery: 0,
  diskSlowEvery: 0,
  crashAtCommit: 0,
  commitFails: 0,
  opRepeated: 0,
  dialRefused: 0,
  frameDuplicated: 0,
  frameDropped: 0,
  requestLost: 0,
  deathReported: 0,
  neverRestarted: 0,
  powerCut: 0,
  spoolFullEvery: 0,
};

/** Draws the options of a seed. */
export function optionsOf(seed: string, random: Random): SimulationOptions {
  const shape = random.fork('shape');
  const fault = random.fork('faults');
  const density = fault.pick([0.2, 0.4, 0.7]);
  const maybe = (value: () => number): number => (fault.chance(density) ? value() : 0);
  const every = (low: number, high: number) => (): number => low + fault.below(high - low);
  const chance = (max: number) => (): number => Math.round(fault.float() * max * 10_000) / 10_000;
  const calm = fault.chance(0.05);
  const faults: Faults = {
    coordinatorCrashEvery: maybe(every(2000, 60_000)),
    coordinatorDrainEvery: maybe(every(5000, 90_000)),
    workerCrashEvery: maybe(every(3000, 60_000)),
    workerLeaveEvery: maybe(every(5000, 60_000)),
    cutEvery: maybe(every(1000, 30_000)),
    halfOpenEvery: maybe(every(3000, 40_000)),
    burstEvery: maybe(every(3000, 30_000)),
    stallEvery: maybe(every(3000, 40_000)),
    crashAtCommit: maybe(chance(0.1)),
    commitFails: maybe(chance(0.05)),
    dialRefused: maybe(chance(0.5)),
    frameDuplicated: maybe(chance(0.1)),
    frameDropped: maybe(chance(0.05)),
    requestLost: maybe(chance(0.3)),
    deathReported: maybe(chance(1)),
    neverRestarted: maybe(chance(0.5)),
    strangerEvery: maybe(every(1000, 20_000)),
    diskFullEvery: maybe(every(10_000, 60_000)),
    diskSlowEvery: maybe(every(10_000, 60_000)),
    opRepeated: maybe(chance(0.2)),
    powerCut: maybe(chance(1)),
    spoolFullEvery: maybe(every(3000, 40_000)),
  };
  return {
    seed,
    workers: 1 + shape.below(6),
    slotsMax: 1 + shape.below(4),
    safetyMs: 30_000 + shape.below(150_000),
    runs: 1 + shape.below(5),
    tasksMax: 1 + shape.below(shape.chance(0.2) ? 150 : 30),
    taskMsMax: shape.pick([100, 2000, 20_000, 60_000]),
    leaseTtlMs: 10_000,
    heartbeatEveryMs: 3000,
    lostAfterMs: shape.pick([20_000, 120_000]),
    resumeWindowMs: shape.pick([5000, 30_000, 120_000]),
    batchMax: shape.pick([1, 4, 64]),
    delayMs: shape.pick([1, 5, 50, 300]),
    commitMs: shape.pick([0, 1, 20, 200]),
    rateError: shape.pick([0, 0, 0.05]),
    sizes: random.fork('sizes').pick<Sizes>(['small', 'small', 'mixed', 'mixed', 'large']),
    faults: calm ? NO_FAULTS : faults,
  };
}
