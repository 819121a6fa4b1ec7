/**
 * A whole worker as a machine: its session, its leases and their slots. The shell adds a socket and an executor.
 *
 * W1 A lease (T, e) is started at most once per life of the worker.
 * W2 A result is offered until the coordinator has committed it or refused the lease; a new session offers it again (S1, S2).
 * W3 In a new session nothing but the inventory is said of leases before the coordinator has reconciled (S4).
 * W4 Under `replace` and `wait` a lease that was not renewed is stopped by the worker's own clock, counted from when
 *    the last answered heartbeat was sent (G7).
 */
import { createDeadlines, type Machine, type MonoMs, monoMs, type Random } from '@holdfast/kernel';
import { leaseText, type LeaseKey, type RunId, type RunSpec } from '@holdfast/model';
import {
  type AssignedLease,
  type CoordinatorMessage,
  coordinatorMessage,
  createHeldDigest,
  type Registration,
  type Welcome,
  type WorkerMessage,
} from '@holdfast/protocol';
import { type ClientEffect, type ClientInput, createClientSession, type Lane } from '@holdfast/reconnection-core';
import type { WorkerAttemptEvent, WorkerEffect, WorkerInput, WorkerNode, WorkerOptions, WorkerOrder, WorkerSnapshot } from './contract.ts';
import { cutResult } from './result-parts.ts';
import { LEASE_TABLE, type LeaseInput, type LeaseState } from './table.ts';

interface Lease {
  readonly key: LeaseKey;
  readonly text: string;
  readonly order: WorkerOrder;
  readonly onDisconnect: AssignedLease['onDisconnect'];
  state: LeaseState;
  slot: number | undefined;
  /** Messages that carry its result, in order; offered in session number `offeredIn`. */
  result: readonly WorkerMessage[];
  offeredIn: number;
  /** Checkpoints not yet committed, by `seq`. */
  readonly checkpoints: Map<number, WorkerMessage>;
}

interface Run {
  readonly id: RunId;
  readonly spec: RunSpec;
}

/** Creates a worker. Randomness is used for backoff only. */
export function createWorkerNode(options: WorkerOptions, random: Random): WorkerNode {
  const session = createClientSession(
    { worker: options.id, incarnation: options.incarnation, registration: options.registration },
    random.fork('session'),
  );
  let registration: Registration = options.registration;
  const leases = new Map<string, Lease>();
  const runs = new Map<number, Run>();
  const waiting: Lease[] = [];
  const held = createHeldDigest();
  const expiry = createDeadlines<string>();
  let freeSlots = Array.from({ length: registration.slots }, (_, slot) => slot);
  let state: WorkerSnapshot['state'] = 'new';
  let connected = false;
  let sessionNumber = 0;
  /** Between `fresh` and `reconciled` (W3). */
  let reconciling = false;
  let welcome: Welcome | undefined;
  let renewedAt: MonoMs = monoMs(0);
  /** When the last inventory was answered: what is kept of it counts as renewed then (W4). */
  let inventoryAt: MonoMs = monoMs(0);
  let heldTold = '';

  let out: WorkerEffect[] = [];
  let now: MonoMs = monoMs(0);

  const note = (level: 'debug' | 'info' | 'warn', event: string, details: Record<string, string | number | boolean> = {}): void => {
    out.push({ kind: 'note', level, event, details });
  };

  const toSession = (input: ClientInput): void => fromSession(session.handle(input, now));

  const offer = (lane: Lane, payload: WorkerMessage, key?: string): void =>
    toSession(key === undefined ? { kind: 'offered', lane, payload } : { kind: 'offered', lane, payload, key });

  function fromSession(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'dial':
        case 'transmit':
        case 'closeLink':
          out.push(effect);
          break;
        case 'deliver':
          receive(effect.payload);
          break;
        case 'opened':
          opened(effect.how, effect.reason, effect.welcome);
          break;
        case 'down':
          connected = false;
          note('info', 'session.lost', { reason: effect.reason, retryInMs: Math.round(effect.retryIn) });
          break;
        case 'settled':
          settled(effect.key);
          break;
        case 'renewed':
          if (effect.matched) renew(effect.sentAt);
          break;
        case 'dropped':
          note('debug', 'session.telemetryDropped', { messages: effect.messages });
          break;
        case 'failed':
          note('warn', 'session.failed', { code: effect.code, reason: effect.reason });
          failed(effect.code, effect.reason);
          break;
        case 'ended':
          state = 'ended';
          out.push({ kind: 'ended', code: 0, reason: 'goodbye' });
          break;
      }
    }
  }

  function opened(how: 'resumed' | 'fresh', reason: string | undefined, message: Welcome): void {
    connected = true;
    welcome = message;
    note('info', how === 'resumed' ? 'session.resumed' : 'session.opened', {
      reason: reason ?? '',
      coordinatorEpoch: message.coordinator.epoch,
    });
    if (how === 'resumed') return;
    sessionNumber += 1;
    // Nothing is renewed yet: the coordinator's clock has gone on, and its welcome may be old.
    reconciling = true;
  }

  function renew(at: MonoMs): void {
    renewedAt = at;
    for (const lease of leases.values()) arm(lease);
  }

  /** W4: sets when the worker's own clock ends the lease. */
  function arm(lease: Lease): void {
    if (!welcome || lease.onDisconnect === 'hedge' || lease.state === 'finished') return;
    const span = lease.onDisconnect === 'replace' ? welcome.leaseTtlMs : welcome.lostAfterMs;
    expiry.set(lease.text, monoMs(renewedAt + SAFE_SHARE * span));
  }

  /** Terminal: no coordinator will take results from this life. */
  function failed(code: number, reason: string): void {
    for (const lease of [...leases.values()]) decide(lease, 'revoked');
    state = 'ended';
    out.push({ kind: 'ended', code, reason });
  }

  function receive(payload: unknown): void {
    const parsed = coordinatorMessage.safeParse(payload);
    if (!parsed.success) {
      const type = String((payload as { t?: unknown } | null)?.t ?? typeof payload).slice(0, 64);
      note('warn', 'message.unknown', { type });
      offer('normal', { t: 'unknown', type });
      return;
    }
    obey(parsed.data);
  }

  function obey(message: CoordinatorMessage): void {
    switch (message.t) {
      case 'inventory':
        inventoryAt = now;
        offer('critical', {
          t: 'inventory',
          token: message.token,
          leases: [...leases.values()].filter(isMine).map((lease) => ({ ...lease.key, state: inventoryState(lease.state) })),
        });
        break;
      case 'reconciled':
        reconcile(new Set(message.keep.map(leaseText)));
        break;
      case 'run':
        runs.set(message.run, { id: message.id as RunId, spec: message.spec as RunSpec });
        break;
      case 'forget':
        runs.delete(message.run);
        out.push({ kind: 'forgetRun', run: message.run });
        break;
      case 'assign':
        for (const lease of message.leases) accept(message.run, lease);
        break;
      case 'stop':
        withLease(message, (lease) => decide(lease, message.as === 'released' ? 'givenBack' : 'revoked'));
        break;
      case 'pause':
        withLease(message, (lease) => {
          if (LEASE_TABLE[lease.state].pauseAsked === 'passPause') out.push({ kind: 'pause', lease: lease.key, paused: message.paused });
        });
        break;
      case 'drain':
        drain('asked by the coordinator');
        break;
      case 'unknown':
        note('warn', 'message.unknownToPeer', { type: message.type });
        break;
    }
  }

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
      order: { ...key, ...rest } as WorkerOrder,
      onDisconnect,
      state: 'waiting',
      slot: undefined,
      result: [],
      offeredIn: 0,
      checkpoints: new Map(),
    };
    leases.set(text, lease);
    held.add(text);
    arm(lease);
    if (state !== 'working' || !runs.has(run)) decide(lease, 'givenBack');
    else waiting.push(lease);
  }

  function fillSlots(): void {
    while (freeSlots.length > 0 && waiting.length > 0) decide(waiting.shift()!, 'slotFreed');
  }

  function decide(lease: Lease, input: LeaseInput): void {
    switch (LEASE_TABLE[lease.state][input]) {
      case 'start':
        lease.state = 'starting';
        lease.slot = freeSlots.shift();
        out.push({ kind: 'start', order: lease.order, run: runs.get(lease.key.run)!, slot: lease.slot! });
        break;
      case 'noteStarted':
        lease.state = 'running';
        if (!reconciling) offer('normal', { t: 'started', ...lease.key });
        break;
      case 'kill':
        held.remove(lease.text);
        expiry.clear(lease.text);
        if (lease.state !== 'returning') out.push({ kind: 'stop', lease: lease.key });
        lease.state = 'stopping';
        break;
      case 'killAndRelease':
        out.push({ kind: 'stop', lease: lease.key });
        lease.state = 'returning';
        expiry.clear(lease.text);
        break;
      case 'release':
        remove(lease);
        offer('high', { t: 'released', ...lease.key, reason: 'not started' });
        break;
      case 'freeSlotAndRelease':
        freeSlot(lease);
        remove(lease);
        offer('high', { t: 'released', ...lease.key, reason: 'stopped on request' });
        break;
      case 'freeSlot':
        freeSlot(lease);
        remove(lease);
        break;
      case 'drop':
      case 'forget':
        remove(lease);
        break;
      case 'notePaused':
      case 'finish':
      case 'passPause':
      case 'ignore':
        break;
    }
  }

  function remove(lease: Lease): void {
    leases.delete(lease.text);
    held.remove(lease.text);
    expiry.clear(lease.text);
    const index = waiting.indexOf(lease);
    if (index >= 0) waiting.splice(index, 1);
  }

  function freeSlot(lease: Lease): void {
    if (lease.slot === undefined) return;
    freeSlots.push(lease.slot);
    freeSlots.sort((a, b) => a - b);
    lease.slot = undefined;
  }

  function attempted(event: WorkerAttemptEvent): void {
    const lease = leases.get(leaseText(event.lease));
    if (!lease) return;
    switch (event.kind) {
      case 'started':
        decide(lease, 'attemptStarted');
        break;
      case 'cases':
        offer('background', { t: 'progress', ...lease.key, cases: event.cases as never });
        break;
      case 'note':
        offer('background', {
          t: 'progress',
          ...lease.key,
          cases: [],
          ...(event.note === undefined ? {} : { note: event.note }),
          ...(event.fraction === undefined ? {} : { fraction: event.fraction }),
        });
        break;
      case 'log':
        offer('background', { t: 'log', ...lease.key, offset: event.offset, stream: event.stream, text: event.text });
        break;
      case 'checkpoint':
        checkpointed(lease, { t: 'checkpoint', ...lease.key, seq: event.seq, data: event.data as never });
        break;
      case 'paused':
        if (LEASE_TABLE[lease.state].attemptPaused === 'notePaused') {
          lease.state = event.paused ? 'paused' : 'running';
          if (!reconciling) offer('normal', { t: 'paused', ...lease.key, paused: event.paused });
        }
        break;
      case 'ended':
        if (LEASE_TABLE[lease.state].attemptEnded === 'finish') finish(lease, event);
        else decide(lease, 'attemptEnded');
        break;
    }
  }

  function checkpointed(lease: Lease, message: Extract<WorkerMessage, { t: 'checkpoint' }>): void {
    if (LEASE_TABLE[lease.state].attemptEnded !== 'finish') return;
    lease.checkpoints.set(message.seq, message);
    if (!reconciling) offer('high', message, `${lease.text}/${message.seq}`);
  }

  function finish(lease: Lease, event: Extract<WorkerAttemptEvent, { kind: 'ended' }>): void {
    const { parts, result } = cutResult(event.result, PART_CHARACTERS_MAX);
    lease.result = [
      ...parts.map((cases, part): WorkerMessage => ({ t: 'part', ...lease.key, part, cases: cases as never })),
      { t: 'finished', ...lease.key, ...(parts.length > 0 ? { parts: parts.length } : {}), result: result as never },
    ];
    lease.state = 'finished';
    lease.checkpoints.clear();
    expiry.clear(lease.text);
    freeSlot(lease);
    if (!reconciling) offerResult(lease);
  }

  /** From here on the heartbeat does not name the lease: its result is on the way. */
  function offerResult(lease: Lease): void {
    lease.offeredIn = sessionNumber;
    held.remove(lease.text);
    const last = lease.result.length - 1;
    for (const [index, message] of lease.result.entries()) offer('high', message, index === last ? lease.text : undefined);
  }

  function settled(key: string): void {
    const [text = '', seq] = key.split('/');
    const lease = leases.get(text);
    if (!lease) return;
    if (seq === undefined) decide(lease, 'settled');
    else if (lease.checkpoints.delete(Number(seq))) out.push({ kind: 'checkpointSettled', lease: lease.key, seq: Number(seq) });
  }

  function reconcile(keep: ReadonlySet<string>): void {
    reconciling = false;
    renew(monoMs(Math.max(renewedAt, inventoryAt)));
    for (const lease of [...leases.values()]) {
      if (!isMine(lease)) continue;
      if (!keep.has(lease.text)) {
        note('info', 'lease.refused', { lease: lease.text, state: lease.state });
        decide(lease, 'revoked');
      } else if (lease.state === 'finished') {
        if (lease.offeredIn !== sessionNumber) offerResult(lease);
      } else {
        held.add(lease.text);
        if (lease.state === 'running' || lease.state === 'paused') offer('normal', { t: 'started', ...lease.key });
        if (lease.state === 'paused') offer('normal', { t: 'paused', ...lease.key, paused: true });
        for (const [seq, message] of lease.checkpoints) offer('high', message, `${lease.text}/${seq}`);
      }
    }
  }

  function drain(reason: string): void {
    if (state !== 'working') return;
    state = 'draining';
    note('info', 'worker.draining', { reason });
    for (const lease of [...waiting]) decide(lease, 'givenBack');
  }

  function stop(reason: string): void {
    if (state !== 'working' && state !== 'draining') return;
    state = 'stopping';
    note('info', 'worker.stopping', { reason });
    for (const lease of [...leases.values()]) decide(lease, 'givenBack');
    // A coordinator that is away cannot be told; its lease clock will tell it.
    if (!connected) {
      for (const lease of [...leases.values()]) if (lease.state === 'finished') remove(lease);
    }
  }

  function leaveWhenIdle(): void {
    if ((state !== 'draining' && state !== 'stopping') || leases.size > 0) return;
    state = 'ended';
    if (connected) offer('high', { t: 'goodbye', reason: 'drained' });
    toSession({ kind: 'shutdownAsked', reason: 'drained' });
  }

  function tellHeld(): void {
    const value = held.value();
    const credits = state === 'working' ? Math.max(0, registration.slots - value.count) : 0;
    const text = `${value.count}/${value.hash}/${credits}`;
    if (text === heldTold) return;
    heldTold = text;
    toSession({ kind: 'heldChanged', held: value, credits });
  }

  function expired(): void {
    for (const text of expiry.due(now)) {
      const lease = leases.get(text);
      if (!lease) continue;
      note('warn', 'lease.expired', { lease: text, unrenewedMs: Math.round(now - renewedAt) });
      decide(lease, 'givenBack');
    }
  }

  function changeRegistration(next: Registration): void {
    const used = new Set([...leases.values()].map((lease) => lease.slot).filter((slot) => slot !== undefined));
    registration = next;
    freeSlots = Array.from({ length: next.slots }, (_, slot) => slot).filter((slot) => !used.has(slot));
    toSession({ kind: 'registrationChanged', registration: next });
    offer('normal', { t: 'registered', registration: next });
  }

  function take(input: WorkerInput): void {
    switch (input.kind) {
      case 'started':
        if (state !== 'new') return;
        state = 'working';
        toSession(input);
        break;
      case 'attempted':
        attempted(input.event);
        break;
      case 'registrationChanged':
        changeRegistration(input.registration);
        break;
      case 'drainAsked':
        drain(input.reason);
        break;
      case 'stopAsked':
        stop(input.reason);
        break;
      default:
        // `stalled` moves the session's deadlines only: the coordinator's lease clock did not stand still (G7).
        toSession(input);
    }
  }

  const machine: Machine<WorkerInput, WorkerEffect, WorkerSnapshot> = {
    handle(input, at) {
      now = at;
      out = [];
      // After the end only the processes that are still being stopped are heard.
      if (state === 'ended' && input.kind === 'stopAsked') return out;
      take(input);
      return out;
    },
    tick(at) {
      now = at;
      out = [];
      expired();
      fillSlots();
      leaveWhenIdle();
      tellHeld();
      fromSession(session.tick(now));
      return out;
    },
    deadline() {
      if (waiting.length > 0 && freeSlots.length > 0) return now;
      const first = expiry.next();
      const second = session.deadline();
      return first === undefined ? second : second === undefined ? first : monoMs(Math.min(first, second));
    },
    snapshot: () => ({
      state,
      connected,
      leases: [...leases.values()]
        .map((lease) => ({ lease: lease.text, state: lease.state, slot: lease.slot }))
        .sort((a, b) => (a.lease < b.lease ? -1 : 1)),
      unsettled: [...leases.values()].filter((lease) => lease.state === 'finished').length,
    }),
  };
  return machine;
}

const isMine = (lease: Lease): boolean => lease.state !== 'stopping';

const inventoryState = (state: LeaseState): 'accepted' | 'running' | 'paused' | 'finished' => {
  if (state === 'finished') return 'finished';
  if (state === 'paused') return 'paused';
  return state === 'waiting' ? 'accepted' : 'running';
};

const SAFE_SHARE = 0.8;
const PART_CHARACTERS_MAX = 262_144;
