/**
 * The leases of a worker and the slots they run on: what the table decides, done.
 *
 * B1 A slot belongs to one attempt from `start` to its end; nothing else frees it.
 * B2 The digest names what the coordinator may believe to be held: accepted, not yet reported as finished or given back.
 */
import { createDeadlines, type MonoMs, monoMs } from '@holdfast/kernel';
import { type AttemptOrder, leaseText, type LeaseKey, type RunId, type RunSpec } from '@holdfast/model';
import {
  type AssignedLease,
  createHeldDigest,
  type EncodedMessage,
  type HeldDigest,
  type Welcome,
  type WorkerMessage,
} from '@holdfast/protocol';
import type { Lane } from '@holdfast/reconnection-core';
import type { WorkerEffect } from './contract.ts';
import { LEASE_TABLE, type LeaseInput, type LeaseState } from './table.ts';

export interface Lease {
  readonly key: LeaseKey;
  readonly text: string;
  /** Undefined: an earlier life held it. */
  readonly order: AttemptOrder | undefined;
  /** The run's id, of a lease that an earlier life held. */
  readonly recovered?: RunId;
  readonly onDisconnect: AssignedLease['onDisconnect'];
  state: LeaseState;
  slot: number | undefined;
  /** A pause was asked for before there was a process. */
  pauseKept: boolean;
  /** Messages that carry its result, in order; offered in session number `offeredIn`. */
  result: readonly (WorkerMessage | EncodedMessage)[];
  offeredIn: number;
  /** Checkpoints not yet committed, by `seq`. */
  readonly checkpoints: Map<number, WorkerMessage>;
  /** What the spool keeps of it. */
  readonly spooled: Set<string>;
}

export interface Run {
  readonly id: RunId;
  readonly spec: RunSpec;
  /** The state of a repository that it belongs to; absent: none. */
  readonly class?: string;
}

/** What the parts of the node share: state by reference, and the ways out. */
export interface Shared {
  readonly runs: Map<number, Run>;
  /** Between `fresh` and `reconciled` (W3). */
  reconciling: boolean;
  /** Nothing more can be kept beyond the life of this process (W7). */
  spoolFull: boolean;
  /** Much waits to be told (W8). */
  pressed: boolean;
  sessionNumber: number;
  welcome: Welcome | undefined;
  renewedAt: MonoMs;
  /** New leases are taken. */
  working(): boolean;
  /** The checkout here is of the state that the run belongs to. */
  suits(run: Run): boolean;
  now(): MonoMs;
  emit(effect: WorkerEffect): void;
  offer(lane: Lane, payload: WorkerMessage | EncodedMessage, key?: string): void;
  note(level: 'debug' | 'info' | 'warn', event: string, details?: Record<string, string | number | boolean>): void;
}

export interface LeaseBook {
  readonly leases: ReadonlyMap<string, Lease>;
  readonly held: HeldDigest;
  accept(run: number, assigned: AssignedLease): void;
  /** A lease of an earlier life, of which nothing is left but what `result` tells. */
  adopt(key: LeaseKey, run: RunId, result: readonly WorkerMessage[], spooled: readonly string[]): void;
  /** The spool need not keep anything of it any more. */
  unspool(lease: Lease): void;
  withLease(key: LeaseKey, act: (lease: Lease) => void): void;
  decide(lease: Lease, input: LeaseInput): void;
  /** Frees the slot of an attempt that has ended. */
  freeSlot(lease: Lease): void;
  remove(lease: Lease): void;
  fillSlots(): void;
  /** Whether `fillSlots` would do something. */
  fillable(): boolean;
  /** Gives back what no process was started for. */
  giveBackWaiting(): void;
  /** Leases are renewed as of `at`. */
  renew(at: MonoMs): void;
  disarm(lease: Lease): void;
  /** Ends what was not renewed in time (W4). */
  expired(): void;
  expiry(): MonoMs | undefined;
  /** Another number of slots; attempts that run on slots beyond it end there. */
  resize(slots: number): void;
}

/** Creates an empty book. */
export function createLeaseBook(shared: Shared, slots: number): LeaseBook {
  const leases = new Map<string, Lease>();
  const waiting: Lease[] = [];
  const held = createHeldDigest();
  const expiry = createDeadlines<string>();
  let slotCount = slots;
  let freeSlots = Array.from({ length: slots }, (_, slot) => slot);

  const withLease = (key: LeaseKey, act: (lease: Lease) => void): void => {
    const lease = leases.get(leaseText(key));
    if (lease) act(lease);
  };

  function accept(run: number, assigned: AssignedLease): void {
    const key: LeaseKey = { run, n: assigned.n, epoch: assigned.epoch };
    const text = leaseText(key);
    // W1: a repeated assignment changes nothing.
    if (leases.has(text)) return;
    const { n: _n, epoch: _epoch, onDisconnect, ...rest } = assigned;
    const lease: Lease = {
      key,
      text,
      order: { ...key, ...rest } as AttemptOrder,
      onDisconnect,
      state: 'waiting',
      slot: undefined,
      pauseKept: false,
      result: [],
      offeredIn: 0,
      checkpoints: new Map(),
      spooled: new Set(),
    };
    leases.set(text, lease);
    held.add(text);
    arm(lease);
    const known = shared.runs.get(run);
    if (!shared.working() || known === undefined || !shared.suits(known)) decide(lease, 'givenBack');
    else waiting.push(lease);
  }

  function adopt(key: LeaseKey, run: RunId, result: readonly WorkerMessage[], spooled: readonly string[]): void {
    const text = leaseText(key);
    leases.set(text, {
      key,
      text,
      order: undefined,
      recovered: run,
      onDisconnect: 'hedge',
      state: 'finished',
      slot: undefined,
      pauseKept: false,
      result,
      offeredIn: 0,
      checkpoints: new Map(),
      spooled: new Set(spooled),
    });
  }

  function unspool(lease: Lease): void {
    for (const key of lease.spooled) shared.emit({ kind: 'unspool', key });
    lease.spooled.clear();
  }

  function fillSlots(): void {
    while (freeSlots.length > 0 && waiting.length > 0) decide(waiting.shift()!, 'slotFreed');
  }

  function decide(lease: Lease, input: LeaseInput): void {
    switch (LEASE_TABLE[lease.state][input]) {
      case 'start':
        lease.state = 'starting';
        lease.slot = freeSlots.shift();
        shared.emit({ kind: 'start', order: lease.order!, run: shared.runs.get(lease.key.run)!, slot: lease.slot! });
        break;
      case 'noteStarted':
        lease.state = 'running';
        if (!shared.reconciling) shared.offer('normal', { t: 'started', ...lease.key });
        if (lease.pauseKept) shared.emit({ kind: 'pause', lease: lease.key, paused: true });
        lease.pauseKept = false;
        break;
      case 'kill':
        unspool(lease);
        held.remove(lease.text);
        expiry.clear(lease.text);
        if (lease.state !== 'returning') shared.emit({ kind: 'stop', lease: lease.key });
        lease.state = 'stopping';
        break;
      case 'killAndRelease':
        unspool(lease);
        shared.emit({ kind: 'stop', lease: lease.key });
        lease.state = 'returning';
        expiry.clear(lease.text);
        break;
      case 'release':
        remove(lease);
        shared.offer('high', { t: 'released', ...lease.key, reason: 'not started' });
        break;
      case 'freeSlotAndRelease':
        freeSlot(lease);
        remove(lease);
        shared.offer('high', { t: 'released', ...lease.key, reason: 'stopped on request' });
        break;
      case 'freeSlot':
        freeSlot(lease);
        remove(lease);
        break;
      case 'drop':
      case 'forget':
        unspool(lease);
        remove(lease);
        break;
      case 'notePaused':
      case 'finish':
      case 'passPause':
      case 'keepPause':
      case 'ignore':
        break;
    }
  }

  function remove(lease: Lease): void {
    leases.delete(lease.text);
    held.remove(lease.text);
    expiry.clear(lease.text);
    if (lease.state !== 'waiting') return;
    const index = waiting.indexOf(lease);
    if (index >= 0) waiting.splice(index, 1);
  }

  function freeSlot(lease: Lease): void {
    if (lease.slot === undefined) return;
    if (lease.slot < slotCount) insertSorted(freeSlots, lease.slot);
    lease.slot = undefined;
  }

  function renew(at: MonoMs): void {
    shared.renewedAt = at;
    for (const lease of leases.values()) arm(lease);
  }

  /** W4: sets when the worker's own clock ends the lease. */
  function arm(lease: Lease): void {
    if (!shared.welcome || lease.onDisconnect === 'hedge' || lease.state === 'finished') return;
    const span = lease.onDisconnect === 'replace' ? shared.welcome.leaseTtlMs : shared.welcome.lostAfterMs;
    expiry.set(lease.text, monoMs(shared.renewedAt + SAFE_SHARE * span));
  }

  function expired(): void {
    for (const text of expiry.due(shared.now())) {
      const lease = leases.get(text);
      if (!lease) continue;
      shared.note('warn', 'lease.expired', { lease: text, unrenewedMs: Math.round(shared.now() - shared.renewedAt) });
      decide(lease, 'givenBack');
    }
  }

  return {
    leases,
    held,
    accept,
    adopt,
    unspool,
    withLease,
    decide,
    freeSlot,
    remove,
    fillSlots,
    fillable: () => waiting.length > 0 && freeSlots.length > 0,
    giveBackWaiting() {
      for (const lease of [...waiting]) decide(lease, 'givenBack');
    },
    renew,
    disarm: (lease) => expiry.clear(lease.text),
    expired,
    expiry: () => expiry.next(),
    resize(count) {
      slotCount = count;
      const used = new Set([...leases.values()].map((lease) => lease.slot).filter((slot) => slot !== undefined));
      freeSlots = Array.from({ length: count }, (_, slot) => slot).filter((slot) => !used.has(slot));
    },
  };
}

/** The lowest slot is taken first: its host is the warmest. */
function insertSorted(slots: number[], slot: number): void {
  let low = 0;
  let high = slots.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (slots[middle]! < slot) low = middle + 1;
    else high = middle;
  }
  slots.splice(low, 0, slot);
}

const SAFE_SHARE = 0.8;
