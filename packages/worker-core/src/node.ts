/**
 * A whole worker as a machine: its session, its leases and their slots. The shell adds a socket and an executor.
 *
 * W1 A lease (T, e) is started at most once per life of the worker.
 * W2 A result is offered until the coordinator has committed it or refused the lease; a new session offers it again (S1, S2).
 * W3 In a new session nothing but the inventory is said of leases before the coordinator has reconciled (S4).
 * W4 Under `replace` and `wait` a lease that was not renewed is stopped by the worker's own clock, counted from when
 *    the last answered heartbeat was sent (G7). A welcome renews nothing: it may have travelled long.
 * W5 A stop ends: results are offered no longer than the link lasts, and `SETTLE_MS` after the last process ended; a
 *    second stop waits for nothing. A drain waits for its results, a stop after it does not.
 * W6 A run of another state of the checkout is not worked on. The coordinator learns the new state before it gets a
 *    lease back, so that it does not grant it here again.
 * W7 Away from its coordinator a worker goes on with what it holds for as long as W4 lets it. What must survive the worker is
 *    spooled before it is offered, and unspooled when the coordinator has it or does not want it; what an earlier life left is
 *    named in the inventory and offered if it is wanted. A spool that is full takes no more work.
 * W8 While more waits to be told than the session lets pass (`pressure`), no more work is asked for. What is assigned is worked on.
 */
import { after, durationMs, type MonoMs, monoMs } from '@holdfast/kernel';
import { fingerprintClass, leaseText, type RunId, type RunSpec } from '@holdfast/model';
import { type CoordinatorMessage, parseCoordinatorMessage, type Registration, type Welcome } from '@holdfast/protocol';
import {
  type ClientEffect,
  type ClientInput,
  type ClientPorts,
  type ClientSession,
  createClientSession,
} from '@holdfast/reconnection-core';
import type { WorkerEffect, WorkerInput, WorkerNode, WorkerOptions, WorkerSnapshot } from './contract.ts';
import { createLeaseBook, type Lease, type Shared } from './lease-book.ts';
import { createLocalOperation } from './local-operation.ts';
import { adoptRecovered } from './recovered.ts';
import { createResults } from './results.ts';
import { LEASE_TABLE } from './table.ts';

/** Creates a worker. Randomness is used for backoff only, entropy for the nonces of its links. */
export function createWorkerNode(options: WorkerOptions, ports: ClientPorts): WorkerNode {
  const session = sessionOf(options, ports);
  let registration: Registration = options.registration;
  /** What the hello of this link said. */
  let greetedWith = registration;
  let state: WorkerSnapshot['state'] = 'new';
  let connected = false;
  /** Set while nothing but unsettled results keeps a stopping worker: when it leaves without them (W5). */
  let leaveAt: MonoMs | undefined;
  let heldTold = '';
  let out: WorkerEffect[] = [];
  let now: MonoMs = monoMs(0);

  const shared = sharedBy({
    working: () => state === 'working' && !shared.spoolFull,
    suits: (run) => suits(registration, run.class),
    now: () => now,
    emit: (effect) => void out.push(effect),
    offer: (lane, payload, key) => toSession({ kind: 'offered', lane, payload, key }),
    note: (level, event, details = {}) => void out.push({ kind: 'note', level, event, details }),
  });
  const book = createLeaseBook(shared, registration.slots);
  const results = createResults(shared, book);
  const local = createLocalOperation(shared, book);
  const { note, offer } = shared;
  const toSession = (input: ClientInput): void => fromSession(session.handle(input, now));

  function fromSession(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'dial':
        case 'transmit':
        case 'sealLink':
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
          if (!setConnected(false)) out.push({ kind: 'connectionChanged', connected });
          if (state === 'stopping') dropResults();
          note('info', 'session.lost', { reason: effect.reason, retryInMs: Math.round(effect.retryIn) });
          local.began();
          break;
        case 'pressure':
          shared.pressed = effect.level === 'high';
          break;
        case 'settled':
          results.settled(effect.key);
          break;
        case 'renewed':
          out.push({ kind: 'roundTrip', ms: now - effect.sentAt });
          if (effect.matched) book.renew(effect.sentAt);
          break;
        case 'dropped':
          note('debug', 'session.telemetryDropped', { messages: effect.messages });
          break;
        case 'failed':
          note('warn', 'session.failed', { code: effect.code, reason: effect.reason });
          failed(effect.code, effect.reason);
          break;
        case 'ended':
          setConnected(false);
          state = 'ended';
          out.push({ kind: 'ended', code: 0, reason: 'goodbye' });
          break;
      }
    }
  }

  function opened(how: 'resumed' | 'fresh', reason: string | undefined, message: Welcome): void {
    setConnected(true);
    shared.welcome = message;
    note('info', how === 'resumed' ? 'session.resumed' : 'session.opened', {
      reason: reason ?? '',
      coordinatorEpoch: message.coordinator.epoch,
    });
    // It changed while the hello was on its way.
    if (greetedWith !== registration) offer('high', { t: 'registered', registration });
    if (how === 'resumed') return local.ended();
    shared.sessionNumber += 1;
    shared.reconciling = true;
  }

  /** Terminal: no coordinator will take results from this life. */
  function failed(code: number, reason: string): void {
    setConnected(false);
    // Results stay in the spool: another life may be welcome.
    for (const lease of [...book.leases.values()]) if (lease.state !== 'finished') book.decide(lease, 'revoked');
    state = 'ended';
    out.push({ kind: 'ended', code, reason });
  }

  /** Returns whether it is a change. */
  function setConnected(is: boolean): boolean {
    if (connected === is) return false;
    connected = is;
    out.push({ kind: 'connectionChanged', connected });
    return true;
  }

  function spoolChanged(full: boolean, reason: string): void {
    if (full === shared.spoolFull) return;
    shared.spoolFull = full;
    note(full ? 'warn' : 'info', full ? 'worker.spoolFull' : 'worker.spoolHasRoom', { reason });
    if (full) book.giveBackWaiting();
  }

  function receive(payload: unknown): void {
    const parsed = parseCoordinatorMessage(payload);
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
        results.tellInventory(message.token);
        break;
      case 'reconciled':
        results.reconcile(new Set(message.keep.map(leaseText)));
        local.ended();
        break;
      case 'run':
        shared.runs.set(message.run, {
          id: message.id as RunId,
          spec: message.spec as RunSpec,
          ...(message.class === undefined ? {} : { class: message.class }),
        });
        break;
      case 'forget':
        shared.runs.delete(message.run);
        out.push({ kind: 'forgetRun', run: message.run });
        break;
      case 'assign':
        for (const lease of message.leases) book.accept(message.run, lease);
        break;
      case 'stop':
        book.withLease(message, (lease) => book.decide(lease, message.as === 'released' ? 'givenBack' : 'revoked'));
        break;
      case 'pause':
        book.withLease(message, (lease) => {
          const decision = LEASE_TABLE[lease.state].pauseAsked;
          if (decision === 'keepPause') lease.pauseKept = message.paused;
          if (decision === 'passPause') out.push({ kind: 'pause', lease: lease.key, paused: message.paused });
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

  function drain(reason: string): void {
    if (state !== 'working') return;
    state = 'draining';
    note('info', 'worker.draining', { reason });
    book.giveBackWaiting();
  }

  function stop(reason: string): void {
    if (state === 'stopping') return leaveNow(reason);
    if (state !== 'working' && state !== 'draining') return;
    state = 'stopping';
    note('info', 'worker.stopping', { reason });
    for (const lease of [...book.leases.values()]) book.decide(lease, 'givenBack');
    // A coordinator that is away cannot be told; its lease clock will tell it.
    if (!connected) dropResults();
  }

  /** W5: what the coordinator has not heard by now it learns from its lease clock. */
  function dropResults(): void {
    const unsettled = [...book.leases.values()].filter((lease) => lease.state === 'finished');
    for (const lease of unsettled) book.remove(lease);
    if (unsettled.length > 0) note('warn', 'worker.resultsDropped', { results: unsettled.length });
  }

  /** No goodbye while processes run: it would say that what they do may begin elsewhere. */
  function leaveNow(reason: string): void {
    note('info', 'worker.forced', { reason });
    dropResults();
    if (book.leases.size === 0) return;
    for (const lease of [...book.leases.values()]) book.remove(lease);
    state = 'ended';
    toSession({ kind: 'shutdownAsked', reason: 'stopped by force' });
  }

  const leaving = (): boolean => state === 'draining' || state === 'stopping';

  function leaveWhenIdle(): void {
    if (state === 'stopping' && [...book.leases.values()].every((lease) => lease.state === 'finished')) {
      leaveAt ??= after(now, SETTLE_MS);
      if (now >= leaveAt) dropResults();
    }
    if (!leaving() || book.leases.size > 0) return;
    state = 'ended';
    leaveAt = undefined;
    if (connected) offer('high', { t: 'goodbye', reason: 'drained' });
    toSession({ kind: 'shutdownAsked', reason: 'drained' });
  }

  function tellHeld(): void {
    const value = book.held.value();
    const credits = shared.working() && !shared.pressed ? Math.max(0, registration.slots - value.count) : 0;
    const text = `${value.count}/${value.hash}/${credits}`;
    if (text === heldTold) return;
    heldTold = text;
    toSession({ kind: 'heldChanged', held: value, credits });
  }

  function changeRegistration(next: Registration): void {
    registration = next;
    book.resize(next.slots);
    toSession({ kind: 'registrationChanged', registration: next });
    // W6: on the lane of what is given back, and before it.
    offer('high', { t: 'registered', registration: next });
    const unsuited = [...book.leases.values()].filter((lease) => {
      const run = shared.runs.get(lease.key.run);
      return run !== undefined && !shared.suits(run) && LEASE_TABLE[lease.state].givenBack !== 'ignore';
    });
    for (const lease of unsuited) book.decide(lease, 'givenBack');
    note('info', 'worker.registrationChanged', { givenBack: unsuited.length });
  }

  function take(input: WorkerInput): void {
    switch (input.kind) {
      case 'started':
        if (state !== 'new') return;
        state = 'working';
        adoptRecovered(shared, book, options.recovered ?? []);
        toSession(input);
        break;
      case 'linkOpened':
        greetedWith = registration;
        toSession(input);
        break;
      case 'attempted':
        results.attempted(input.event);
        break;
      case 'checkpointFoundCorrupt':
        if (!shared.reconciling) offer('high', { t: 'corrupt', ...input.lease, checkpoint: input.checkpoint });
        break;
      case 'registrationChanged':
        changeRegistration(input.registration);
        break;
      case 'spoolChanged':
        spoolChanged(input.full, input.reason);
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

  return {
    handle(input, at) {
      now = at;
      out = [];
      take(input);
      return out;
    },
    tick(at) {
      now = at;
      out = [];
      book.expired();
      book.fillSlots();
      leaveWhenIdle();
      tellHeld();
      const { pressed } = shared;
      fromSession(session.tick(now));
      if (shared.pressed === pressed) return out;
      tellHeld();
      fromSession(session.tick(now));
      return out;
    },
    deadline() {
      // The session's own tick may have dropped the last result.
      if (book.fillable() || (leaving() && book.leases.size === 0)) return now;
      const deadlines = [book.expiry(), session.deadline(), leaveAt].filter((at) => at !== undefined);
      return deadlines.length === 0 ? undefined : monoMs(Math.min(...deadlines));
    },
    snapshot: () => ({ state, connected, local: local.since() !== undefined, ...snapshotOf([...book.leases.values()]) }),
  };
}

/** Its own fork of chance, so that backoff does not depend on what else may come to need some. */
const sessionOf = ({ id, incarnation, registration, credential }: WorkerOptions, ports: ClientPorts): ClientSession =>
  createClientSession({ worker: id, incarnation, registration, credential }, { ...ports, random: ports.random.fork('session') });

/** The parts' shared state before anything has happened, and their ways out. */
const sharedBy = (ways: Pick<Shared, 'working' | 'suits' | 'now' | 'emit' | 'offer' | 'note'>): Shared => ({
  runs: new Map(),
  reconciling: false,
  spoolFull: false,
  pressed: false,
  sessionNumber: 0,
  welcome: undefined,
  renewedAt: monoMs(0),
  ...ways,
});

/** Whether a run of class `wanted` may be worked on; undefined: any worker may. */
const suits = ({ fingerprint }: Registration, wanted: string | undefined): boolean =>
  wanted === undefined || (fingerprint !== undefined && wanted === fingerprintClass(fingerprint));

const snapshotOf = (leases: readonly Lease[]): Pick<WorkerSnapshot, 'leases' | 'unsettled'> => ({
  leases: leases.map((lease) => ({ lease: lease.text, state: lease.state, slot: lease.slot })).sort((a, b) => (a.lease < b.lease ? -1 : 1)),
  unsettled: leases.filter((lease) => lease.state === 'finished').length,
});

/** How long a stopping worker waits for results to be committed once its last process has ended. */
const SETTLE_MS = durationMs(10_000);
