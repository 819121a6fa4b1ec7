/** What a coordinator remembers of its workers: caches of what the store has decided (S1, M3). */
import type { DurationMs, MonoMs } from '@holdfast/kernel';
import {
  type Fingerprint,
  fingerprintClass,
  type Incarnation,
  leaseText,
  type LeaseKey,
  type OnDisconnect,
  type WorkerId,
} from '@holdfast/model';
import { type CoordinatorMessage, createHeldDigest, type HeldDigest, type Registration } from '@holdfast/protocol';
import type { ServerSession } from '@holdfast/reconnection-core';
import type { CaseResult } from '@holdfast/model';
import type { Grant, LeaseRow, WorkerRow } from '@holdfast/task-store';
import type { Shared } from './node.ts';

/** A valid lease, as the store granted it. */
export interface HeldLease {
  readonly key: LeaseKey;
  readonly text: string;
  readonly incarnation: Incarnation;
  readonly onDisconnect: OnDisconnect;
  hedged: boolean;
  /** Empty after a restart of the coordinator: the store knows it, memory does not need it. */
  readonly name: string;
  /** Cases that came ahead of a large result. */
  parts: CaseResult[][];
  /** An op that ends it is on its way to the store, and which. */
  ending: 'finished' | 'lost' | 'released' | undefined;
}

export interface Worker {
  readonly id: WorkerId;
  /** Ordinal in the store. */
  readonly ord: number;
  /** Who registered it. */
  readonly principal: string;
  incarnation: Incarnation;
  sessionEpoch: number;
  registration: Registration;
  /** What it may run, as its registration tells: tasks of any state, and those of its own state of the repository. */
  classes: readonly string[];
  /** When one life took the place of another whose link was open, of late. */
  flips: readonly MonoMs[];
  session: ServerSession | undefined;
  link: number | undefined;
  /** The latest link over which this life said hello; 0: over none since this coordinator began. */
  helloLink: number;
  suspect: boolean;
  draining: boolean;
  /** This life is over: it said goodbye, or its death was reported. */
  left: boolean;
  /** Set while an inventory is awaited: no assignment before its answer (S4). */
  inventory: number | undefined;
  /** Leases beyond those held that the worker takes, as of its last heartbeat. */
  capacity: number;
  /** How many of its leases an op that ends them is on its way for: whatever the verdict, the worker is done with them. */
  ending: number;
  /** Leases asked for in a claim whose verdict is not here yet. */
  claiming: number;
  /** Classes of which only tasks were left that it holds already, with the growth of the class then: until it grows, a claim brings nothing. */
  readonly passedOver: Map<string, number>;
  readonly leases: Map<string, HeldLease>;
  /** What the worker should be holding once it has received all that was sent: compared at heartbeats (S5). */
  readonly digest: HeldDigest;
  readonly knownRuns: Set<number>;
  /** Last proof that the worker has its leases. */
  renewedAt: MonoMs;
  /** How far its silence was acted on: 0 not at all, 1 at TTL, 2 at `lostAfter`. */
  expiryStage: 0 | 1 | 2;
  /** Messages offered to this session; how many the worker had received at its last heartbeat, and for how many heartbeats that stood still. */
  offered: number;
  receivedAtBeat: number;
  stuckBeats: number;
}

export function createWorker(row: WorkerRow, registration: Registration, now: MonoMs): Worker {
  const { id, worker: ord, principal, incarnation, sessionEpoch } = row;
  return {
    id,
    ord,
    principal,
    incarnation,
    sessionEpoch,
    registration,
    classes: classesOf(registration),
    flips: [],
    session: undefined,
    link: undefined,
    helloLink: 0,
    suspect: false,
    draining: false,
    left: false,
    inventory: undefined,
    capacity: registration.slots,
    ending: 0,
    claiming: 0,
    passedOver: new Map(),
    leases: new Map(),
    digest: createHeldDigest(),
    knownRuns: new Set(),
    renewedAt: now,
    expiryStage: 0,
    offered: 0,
    receivedAtBeat: 0,
    stuckBeats: 0,
  };
}

/** A lease as recovery or hello names it. */
export function heldLease(row: LeaseRow): HeldLease {
  const key = { run: row.run, n: row.n, epoch: row.epoch };
  return {
    key,
    text: leaseText(key),
    incarnation: row.incarnation,
    onDisconnect: row.onDisconnect,
    hedged: row.hedged,
    name: '',
    parts: [],
    ending: undefined,
  };
}

/** A lease as a claim of this worker brought it. */
export function grantedLease(worker: Worker, grant: Grant): HeldLease {
  const { run, n, epoch, name, onDisconnect } = grant;
  const key = { run, n, epoch };
  const { incarnation } = worker;
  return { key, text: leaseText(key), incarnation, onDisconnect, hedged: false, name, parts: [], ending: undefined };
}

/** Takes what a worker says of itself. */
export function setRegistration(worker: Worker, registration: Registration): void {
  worker.registration = registration;
  worker.classes = classesOf(registration);
}

const classesOf = ({ fingerprint }: Registration): readonly string[] =>
  fingerprint ? [ANY_CLASS, fingerprintClass(fingerprint)] : [ANY_CLASS];

/** The class of a run that belongs to a state of a repository, or to none. */
export const classOf = (print: Fingerprint | undefined): string => (print ? fingerprintClass(print) : ANY_CLASS);

/** Whether it is connected, or was a moment ago and has not said goodbye. */
export const isHere = (worker: Worker): boolean => worker.session !== undefined && !worker.left;

/** Whether it is there to work, as far as is known: its silence was not acted on, and what it holds is clear (S4). */
export const isFit = (worker: Worker): boolean => isHere(worker) && worker.expiryStage === 0 && worker.inventory === undefined;

/** How many leases it could be given now. */
export function roomOf(worker: Worker): number {
  if (!isFit(worker) || worker.link === undefined || worker.suspect || worker.draining) return 0;
  return Math.max(0, worker.capacity - (worker.leases.size - worker.ending) - worker.claiming);
}

/** An op that ends the lease is on its way to the store. */
export function setEnding(worker: Worker, lease: HeldLease, how: NonNullable<HeldLease['ending']>): void {
  if (!lease.ending) worker.ending += 1;
  lease.ending = how;
}

/** The lease is not held any more. */
export function dropLease(worker: Worker, text: string): void {
  const lease = worker.leases.get(text);
  if (!lease) return;
  if (lease.ending) worker.ending -= 1;
  worker.leases.delete(text);
}

/** When the silence of a worker matters next. */
export function expiryOf(worker: Worker, leaseTtl: DurationMs, lostAfter: DurationMs): MonoMs | undefined {
  if (worker.leases.size === 0 || worker.expiryStage === 2) return undefined;
  return (worker.renewedAt + (worker.expiryStage === 0 ? leaseTtl : lostAfter)) as MonoMs;
}

/** Tells the readers of every open run what became of a worker. */
export function tellRuns(shared: Shared, worker: Worker, change: 'joined' | 'lost' | 'back' | 'left', reason: string): void {
  const { name, slots } = worker.registration;
  for (const run of shared.runs.all()) {
    shared.publish(run.id, { e: 'worker', worker: name, change, slots, ...(reason === '' ? {} : { reason }) });
  }
}

/** Tasks that any worker may run. */
export const ANY_CLASS = 'any';

export type ToWorker = CoordinatorMessage;
