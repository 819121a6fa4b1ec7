/**
 * Links and sessions of workers: who may have one, what comes in over it, and the inventory after a new one.
 *
 * E1 A hello is committed before its welcome (S3); hellos of one worker are answered in order.
 * E2 Until the inventory is reconciled the worker gets no assignment and its leases are not judged (S4).
 * E3 What an inventory does not name was never started by this life of the worker: same life, given back; earlier life, lost.
 */
import { durationMs, type DurationMs } from '@holdfast/kernel';
import { type Incarnation, incarnation, leaseText, type WorkerId, workerId } from '@holdfast/model';
import { CLOSE, type Hello, PROTOCOL_VERSIONS, type Registration, type WorkerMessage, workerMessage } from '@holdfast/protocol';
import { createServerSession, type ServerEffect, type ServerInput } from '@holdfast/reconnection-core';
import type { HelloApplied, WorkerRow } from '@holdfast/task-store';
import type { CoordinatorInput } from './contract.ts';
import { createWorker, heldLease, type Worker } from './fleet.ts';
import type { Leases } from './leases.ts';
import type { Shared } from './node.ts';

type LinkInput = Extract<CoordinatorInput, { kind: 'linkOpened' | 'frameReceived' | 'rubbishReceived' | 'linkClosed' }>;

interface Link {
  readonly principal: string;
  readonly session: string;
  readonly token: string;
  /** Set once its hello is committed. */
  worker: Worker | undefined;
  /** A hello is on its way to the store. */
  greeting: boolean;
}

export interface Links {
  take(input: LinkInput, running: boolean): void;
  /** Recovery is over: answers the hellos that came before. */
  helloesMayGo(): void;
  /** A worker that holds leases, as recovery names it. */
  remember(row: WorkerRow): Worker;
  died(id: WorkerId, life: Incarnation, reason: string): void;
  tick(worker: Worker): void;
  stalled(by: DurationMs): void;
  closeAll(): void;
}

export function createLinks(shared: Shared, leases: Leases): Links {
  const { ops, workers, workersByOrd, touched, options } = shared;
  const links = new Map<number, Link>();
  let early: { readonly link: number; readonly hello: Hello }[] = [];
  let inventories = 0;

  const close = (link: number, meaning: { code: number; name: string }, reason: string): void => {
    links.delete(link);
    shared.emit({ kind: 'closeLink', link, code: meaning.code, reason });
  };

  function take(input: LinkInput, running: boolean): void {
    if (input.kind === 'linkOpened') {
      links.set(input.link, {
        principal: input.principal,
        session: input.session,
        token: input.token,
        worker: undefined,
        greeting: false,
      });
      return;
    }
    const link = links.get(input.link);
    if (!link) return;
    switch (input.kind) {
      case 'frameReceived':
        if (link.worker) toSession(link.worker, { kind: 'frameReceived', link: input.link, frame: input.frame });
        else if (shared.draining && !running) close(input.link, CLOSE.draining, 'the coordinator restarts');
        else if (input.frame.f !== 'hello') close(input.link, CLOSE.unauthenticated, 'the first frame is not a hello');
        else if (running) greet(input.link, link, input.frame);
        else early.push({ link: input.link, hello: input.frame });
        break;
      case 'rubbishReceived':
        shared.note('warn', 'link.rubbish', { link: input.link, reason: input.reason });
        if (link.worker) toSession(link.worker, { kind: 'closeAsked', code: CLOSE.badMessage.code, reason: input.reason });
        else close(input.link, CLOSE.badMessage, input.reason);
        break;
      case 'linkClosed':
        links.delete(input.link);
        if (link.worker) toSession(link.worker, { kind: 'linkClosed', link: input.link, reason: input.reason });
        break;
    }
  }

  function greet(number: number, link: Link, hello: Hello): void {
    if (link.greeting) return close(number, CLOSE.badMessage, 'a second hello');
    if (!hello.protocol.some((version) => PROTOCOL_VERSIONS.includes(version))) {
      const spoken = PROTOCOL_VERSIONS.join(', ');
      shared.note('warn', 'link.version', { worker: hello.worker, protocol: hello.protocol.join(', ') });
      return close(number, CLOSE.version, `protocol version ${hello.protocol.join(', ')} offered, ${spoken} spoken here`);
    }
    link.greeting = true;
    const op = {
      op: 'task.hello',
      worker: workerId(hello.worker),
      incarnation: incarnation(hello.incarnation),
      coordinator: options.id as never,
      name: hello.registration.name,
      registration: hello.registration as never,
      wall: shared.wall(),
    } as const;
    ops.task(op, (verdict) => {
      if (verdict.kind === 'refused') return close(number, CLOSE.tryLater, verdict.reason);
      // The link may be gone by now; the store knows the worker all the same.
      admit(number, links.get(number), hello, verdict.value);
    });
  }

  function admit(number: number, link: Link | undefined, hello: Hello, applied: HelloApplied): void {
    const worker = known(hello, applied);
    const life = incarnation(hello.incarnation);
    if (worker.incarnation !== life) newLife(worker, life);
    worker.sessionEpoch = applied.sessionEpoch;
    worker.registration = hello.registration;
    worker.capacity = hello.registration.slots;
    if (worker.left) worker.draining = false;
    worker.left = false;
    const before = new Map(worker.leases);
    worker.leases.clear();
    for (const row of applied.held) worker.leases.set(leaseText(row), before.get(leaseText(row)) ?? heldLease(row));
    touched.add(worker);
    if (!link) return;
    link.worker = worker;
    worker.session ??= createServerSession({
      coordinator: { id: options.id, epoch: shared.epoch },
      heartbeatEvery: durationMs(options.heartbeatEveryMs),
      leaseTtl: shared.leaseTtl,
      lostAfter: shared.lostAfter,
      resumeWindow: durationMs(options.resumeWindowMs),
    });
    worker.link = number;
    worker.suspect = false;
    toSession(worker, { kind: 'helloAccepted', link: number, hello, session: link.session, token: link.token });
  }

  function known(hello: Hello, applied: HelloApplied): Worker {
    const found = workers.get(hello.worker);
    if (found) return found;
    const worker = createWorker(workerId(hello.worker), applied.worker, incarnation(hello.incarnation), hello.registration, shared.now());
    workers.set(worker.id, worker);
    workersByOrd.set(worker.ord, worker);
    return worker;
  }

  /** Another process under the same id: the session of the former one cannot go on. */
  function newLife(worker: Worker, life: Incarnation): void {
    shared.note('info', 'worker.newLife', { worker: worker.id, incarnation: life });
    if (worker.link !== undefined && links.has(worker.link)) close(worker.link, CLOSE.superseded, 'a newer process of this worker');
    worker.incarnation = life;
    worker.draining = false;
    worker.session = undefined;
    worker.link = undefined;
    worker.knownRuns.clear();
    worker.digest.clear();
    worker.inventory = undefined;
  }

  function toSession(worker: Worker, input: ServerInput): void {
    if (!worker.session) return;
    touched.add(worker);
    fromSession(worker, worker.session.handle(input, shared.now()));
  }

  function fromSession(worker: Worker, effects: readonly ServerEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'transmit':
          shared.emit(effect);
          break;
        case 'closeLink':
          links.delete(effect.link);
          if (worker.link === effect.link) worker.link = undefined;
          shared.emit(effect);
          break;
        case 'opened':
          opened(worker, effect.how, effect.reason ?? '');
          break;
        case 'deliver':
          deliver(worker, effect.seq, effect.payload);
          break;
        case 'beat':
          toSession(worker, { kind: 'beatAnswered', n: effect.n, renewed: beaten(worker, effect.held, effect.credits) });
          break;
        case 'suspect':
          worker.suspect = true;
          shared.note('info', 'session.suspect', { worker: worker.id });
          break;
        case 'alive':
          worker.suspect = false;
          break;
        case 'down':
          down(worker, effect.reason);
          break;
        case 'expired':
          worker.session = undefined;
          break;
      }
    }
  }

  function opened(worker: Worker, how: 'resumed' | 'fresh', reason: string): void {
    shared.note('info', how === 'resumed' ? 'session.resumed' : 'session.opened', { worker: worker.id, reason });
    tellRuns(worker, reason === 'first' ? 'joined' : 'back', '');
    worker.stuckBeats = 0;
    if (how === 'resumed') return;
    worker.knownRuns.clear();
    worker.digest.clear();
    worker.offered = 0;
    worker.receivedAtBeat = 0;
    inventories += 1;
    worker.inventory = inventories;
    leases.tell(worker, { t: 'inventory', token: inventories });
    // Asked for in a session that is gone, with the message or without.
    if (worker.draining) leases.tell(worker, { t: 'drain' });
  }

  function down(worker: Worker, reason: string): void {
    worker.link = undefined;
    // After a goodbye there is nothing to come back to.
    if (worker.left) return void (worker.session = undefined);
    shared.note('info', 'session.down', { worker: worker.id, reason, leases: worker.leases.size });
    tellRuns(worker, 'lost', reason);
  }

  /** Forgets a worker of which nothing is left: no session, no lease, and no claim that may bring one. */
  function forgetIfGone(worker: Worker): void {
    if (workers.get(worker.id) !== worker || worker.session || worker.link !== undefined || worker.leases.size > 0 || worker.claiming > 0)
      return;
    workers.delete(worker.id);
    workersByOrd.delete(worker.ord);
  }

  function tellRuns(worker: Worker, change: 'joined' | 'lost' | 'back' | 'left', reason: string): void {
    const { name, slots } = worker.registration;
    for (const run of shared.runs.all()) {
      shared.publish(run.id, { e: 'worker', worker: name, change, slots, ...(reason === '' ? {} : { reason }) });
    }
  }

  /** S5: the leases are renewed only by a heartbeat that names exactly those held here. */
  function beaten(worker: Worker, held: { count: number; hash: number }, credits: number): boolean {
    const { count, hash } = worker.digest.value();
    worker.capacity = held.count + credits;
    const unreceived = worker.session!.snapshot().unreceived;
    if (unreceived > 0) {
      const received = worker.offered - unreceived;
      worker.stuckBeats = received === worker.receivedAtBeat ? worker.stuckBeats + 1 : 0;
      worker.receivedAtBeat = received;
      // What was sent is still on its way, so nothing can be compared; but it must move.
      if (worker.stuckBeats >= STUCK_BEATS_MAX) {
        toSession(worker, { kind: 'closeAsked', code: CLOSE.internal.code, reason: 'heartbeats come, messages are not taken' });
        return false;
      }
      renew(worker);
      return true;
    }
    worker.stuckBeats = 0;
    if (worker.inventory !== undefined) return false;
    if (held.count === count && held.hash === hash) {
      renew(worker);
      return true;
    }
    shared.note('warn', 'session.mismatch', { worker: worker.id, held: held.count, expected: count });
    inventories += 1;
    worker.inventory = inventories;
    leases.tell(worker, { t: 'inventory', token: inventories });
    return false;
  }

  function renew(worker: Worker): void {
    const wasSilent = worker.expiryStage > 0;
    worker.renewedAt = shared.now();
    worker.expiryStage = 0;
    touched.add(worker);
    if (wasSilent) for (const lease of worker.leases.values()) if (lease.hedged && !lease.ending) leases.unhedge(worker, lease);
  }

  function deliver(worker: Worker, seq: number, payload: unknown): void {
    const done = (): void => toSession(worker, { kind: 'committed', seq });
    const parsed = workerMessage.safeParse(payload);
    if (parsed.success) return hear(worker, parsed.data, done);
    const type = String((payload as { t?: unknown } | null)?.t ?? typeof payload).slice(0, 64);
    if (KNOWN_TYPES.has(type)) {
      const problem = parsed.error.issues[0];
      const reason = `message ${type}: ${problem?.path.join('.') ?? ''} ${problem?.message ?? ''}`.slice(0, 120);
      shared.note('warn', 'message.bad', { worker: worker.id, reason });
      toSession(worker, { kind: 'closeAsked', code: CLOSE.badMessage.code, reason });
      return;
    }
    shared.note('warn', 'message.unknown', { worker: worker.id, type });
    leases.tell(worker, { t: 'unknown', type });
    done();
  }

  function hear(worker: Worker, message: WorkerMessage, done: () => void): void {
    switch (message.t) {
      case 'inventory':
        reconcile(worker, message);
        return done();
      case 'started':
        return leases.started(worker, message, done);
      case 'part':
        leases.part(worker, message);
        return done();
      case 'finished':
        return leases.finished(worker, message, done, () =>
          // Not acknowledged, and the session ends: the worker offers the whole result again in the next one.
          toSession(worker, { kind: 'closeAsked', code: CLOSE.badMessage.code, reason: 'parts of a result are missing' }),
        );
      case 'released':
        return leases.released(worker, message, done);
      case 'lost':
        return leases.lost(worker, { run: message.run, n: message.n, epoch: message.epoch }, message.reason, done);
      case 'paused':
        return leases.paused(worker, message, done);
      case 'checkpoint':
        return save(worker, message, done);
      case 'progress':
      case 'log':
        news(worker, message);
        return done();
      case 'registered':
        register(worker, message.registration);
        return done();
      case 'goodbye':
        return leave(worker, message.reason, done);
      case 'unknown':
        shared.note('warn', 'message.unknownToPeer', { worker: worker.id, type: message.type });
        return done();
    }
  }

  function reconcile(worker: Worker, message: Extract<WorkerMessage, { t: 'inventory' }>): void {
    if (message.token !== worker.inventory) return;
    worker.inventory = undefined;
    const named = new Set(message.leases.map(leaseText));
    const keep: { run: number; n: number; epoch: number }[] = [];
    worker.digest.clear();
    for (const lease of [...worker.leases.values()]) {
      // Its result is on the way to the store and may yet be lost with this node: the worker keeps it.
      if (lease.ending === 'finished' && named.has(lease.text)) keep.push(lease.key);
      if (lease.ending) continue;
      if (named.has(lease.text)) {
        keep.push(lease.key);
        worker.digest.add(lease.text);
        if (lease.hedged) leases.unhedge(worker, lease);
      } else if (lease.incarnation === worker.incarnation) leases.released(worker, lease.key, () => {});
      else leases.lost(worker, lease.key, `${worker.registration.name} was started anew`);
    }
    // A finished lease is kept by naming it; its result settles it. It is not held any more.
    for (const lease of message.leases) if (lease.state === 'finished') worker.digest.remove(leaseText(lease));
    renew(worker);
    leases.tell(worker, { t: 'reconciled', token: message.token, keep });
  }

  function save(worker: Worker, message: Extract<WorkerMessage, { t: 'checkpoint' }>, done: () => void): void {
    const { run, n, epoch, seq, data } = message;
    ops.any({ op: 'checkpoint.save', run, n, epoch, seq, data, wall: shared.wall() } as never, (verdict) => {
      if (verdict.kind === 'refused') {
        shared.note('info', 'checkpoint.refused', { worker: worker.id, lease: leaseText(message), seq, reason: verdict.reason });
      } else shared.note('debug', 'checkpoint.saved', { lease: leaseText(message), seq });
      done();
    });
  }

  function news(worker: Worker, message: Extract<WorkerMessage, { t: 'progress' | 'log' }>): void {
    const run = shared.runs.byOrd(message.run);
    if (!run || !worker.leases.has(leaseText(message))) return;
    const { n, epoch } = message;
    if (message.t === 'log') {
      shared.publish(run.id, { e: 'log', n, epoch, stream: message.stream, text: message.text, offset: message.offset });
    } else if (message.cases.length > 0) {
      shared.publish(run.id, { e: 'cases', n, epoch, worker: worker.registration.name, cases: message.cases as never });
    }
  }

  function register(worker: Worker, registration: Registration): void {
    worker.registration = registration;
    worker.capacity = registration.slots;
    touched.add(worker);
  }

  /** The worker ends on purpose. What is still assigned to it did not take it down, so no loss is counted. */
  function leave(worker: Worker, reason: string, done: () => void): void {
    worker.draining = true;
    worker.left = true;
    for (const lease of [...worker.leases.values()]) if (!lease.ending) leases.released(worker, lease.key, () => {});
    tellRuns(worker, 'left', reason);
    done();
  }

  function died(id: WorkerId, life: Incarnation, reason: string): void {
    const worker = workers.get(id);
    if (!worker || worker.incarnation !== life) return;
    shared.note('info', 'worker.died', { worker: id, reason, leases: worker.leases.size });
    touched.add(worker);
    worker.draining = true;
    worker.left = true;
    for (const lease of [...worker.leases.values()]) leases.lost(worker, lease.key, reason);
    toSession(worker, { kind: 'closeAsked', code: CLOSE.superseded.code, reason });
  }

  return {
    take,
    died,
    helloesMayGo() {
      for (const { link: number, hello } of early) {
        const link = links.get(number);
        if (link) greet(number, link, hello);
      }
      early = [];
    },
    remember(row) {
      const registration = { name: row.id, slots: 1, labels: {}, pid: 1 };
      const worker = createWorker(row.id, row.worker, row.incarnation, registration, shared.now());
      worker.sessionEpoch = row.sessionEpoch;
      workers.set(worker.id, worker);
      workersByOrd.set(worker.ord, worker);
      return worker;
    },
    tick(worker) {
      if (worker.session) fromSession(worker, worker.session.tick(shared.now()));
      forgetIfGone(worker);
    },
    stalled(by) {
      for (const worker of workers.values()) toSession(worker, { kind: 'stalled', by });
    },
    closeAll() {
      for (const worker of workers.values()) {
        toSession(worker, { kind: 'closeAsked', code: CLOSE.restart.code, reason: 'the coordinator restarts', retryAfterMs: 500 });
      }
    },
  };
}

const STUCK_BEATS_MAX = 3;
const KNOWN_TYPES: ReadonlySet<string> = new Set(workerMessage.options.map((option) => option.shape.t.value));
