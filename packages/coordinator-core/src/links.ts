/**
 * Links and sessions of workers: who may have one, and how long.
 *
 * E1 A hello is committed before its welcome (S3); hellos of one worker are answered in order.
 * E2 A new session begins with an inventory (S4), and with `drain` if that was asked for.
 * E3 A process begins when the one before it is gone, so the later link is the later process: a first hello that comes late loses.
 * E4 A worker is remembered while it has a session, a lease, or a claim that may bring one.
 * E5 Two processes that take turns under one id are both refused at the third turn within a minute: neither gets work done.
 */
import { durationMs, type DurationMs, elapsed } from '@holdfast/kernel';
import { type Incarnation, incarnation, leaseText, workerId } from '@holdfast/model';
import { CLOSE, encodeFrame, type Hello } from '@holdfast/protocol';
import { createServerSession, createSlots, type ServerEffect, type ServerInput } from '@holdfast/reconnection-core';
import type { HelloApplied, WorkerRow } from '@holdfast/task-store';
import type { CoordinatorInput, CoordinatorPorts } from './contract.ts';
import { createEndedSessions } from './ended-sessions.ts';
import { createWorker, heldLease, setRegistration, tellRuns, type Worker } from './fleet.ts';
import { createInbox } from './inbox.ts';
import type { Leases } from './leases.ts';
import type { Shared } from './node.ts';
import { createInventories } from './reconcile.ts';

type LinkInput = Extract<CoordinatorInput, { kind: 'linkOpened' | 'frameReceived' | 'rubbishReceived' | 'linkClosed' }>;

interface Link {
  readonly principal: string;
  readonly session: string;
  readonly token: string;
  readonly proof: string;
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
  died(death: Extract<CoordinatorInput, { kind: 'deathReported' }>): void;
  tick(worker: Worker): void;
  stalled(by: DurationMs): void;
  closeAll(): void;
}

export function createLinks(shared: Shared, leases: Leases, ports: CoordinatorPorts): Links {
  const { ops, workers, workersByOrd, touched, options } = shared;
  const links = new Map<number, Link>();
  const ended = createEndedSessions();
  let early: { readonly link: number; readonly hello: Hello }[] = [];
  const closeSession = (worker: Worker, code: number, reason: string): void => toSession(worker, { kind: 'closeAsked', code, reason });
  const inventories = createInventories(shared, leases, closeSession);
  const inbox = createInbox(shared, leases, inventories, closeSession);

  const close = (link: number, meaning: { code: number; name: string }, reason: string): void => {
    links.delete(link);
    shared.emit({ kind: 'closeLink', link, code: meaning.code, reason });
  };

  function take(input: LinkInput, running: boolean): void {
    if (input.kind === 'linkOpened') {
      const { principal, session, token, proof, hello } = input;
      const opened: Link = { principal, session, token, proof, worker: undefined, greeting: false };
      links.set(input.link, opened);
      if (shared.draining && !running) close(input.link, CLOSE.draining, 'the coordinator restarts');
      else if (running) greet(input.link, opened, hello);
      else early.push({ link: input.link, hello });
      return;
    }
    const link = links.get(input.link);
    if (!link) return;
    switch (input.kind) {
      case 'frameReceived':
        if (link.worker) toSession(link.worker, { kind: 'frameReceived', link: input.link, frame: input.frame });
        else if (input.frame.f === 'beat') {
          shared.emit({ kind: 'transmit', link: input.link, text: encodeFrame({ f: 'reregister', reason: 'no session' }) });
          close(input.link, CLOSE.sessionGone, CLOSE.sessionGone.name);
        } else close(input.link, CLOSE.badMessage, `${input.frame.f} before the welcome`);
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
    const present = workers.get(hello.worker);
    if (present && present.incarnation !== hello.incarnation && number < present.helloLink) return turnAway(number, hello, 'superseded');
    if (present?.principal === link.principal && takesTurns(present, hello)) return parted(number, present);
    link.greeting = true;
    const op = {
      op: 'task.hello',
      worker: workerId(hello.worker),
      principal: link.principal,
      incarnation: incarnation(hello.incarnation),
      coordinator: options.id as never,
      name: hello.registration.name,
      registration: hello.registration as never,
      wall: shared.wall(),
    } as const;
    ops.task(op, (verdict) => {
      if (verdict.kind === 'refused') return turnAway(number, hello, verdict.reason);
      // The link may be gone by now; the store knows the worker all the same.
      admit(number, link.principal, hello, verdict.value);
    });
  }

  /** E5: a new life while the former one is in use, for the third time within a minute. */
  function takesTurns(present: Worker, hello: Hello): boolean {
    if (present.incarnation === hello.incarnation || present.link === undefined) return false;
    present.flips = [...present.flips.filter((at) => elapsed(at, shared.now()) < FLIPS_WITHIN_MS), shared.now()];
    return present.flips.length >= FLIPS_MAX;
  }
  function parted(number: number, present: Worker): void {
    shared.note('warn', 'worker.twoLives', { worker: present.id, flips: present.flips.length });
    const reason = 'two processes take turns under this id';
    close(number, CLOSE.superseded, reason);
    toSession(present, { kind: 'closeAsked', code: CLOSE.superseded.code, reason });
  }

  /** The hello is refused: only this link ends, whoever has the session keeps it. */
  function turnAway(number: number, hello: Hello, reason: string): void {
    shared.note('warn', 'hello.refused', { worker: hello.worker, incarnation: hello.incarnation, reason });
    if (reason === 'superseded') return close(number, CLOSE.superseded, 'a later process of this worker was here');
    if (reason === 'other_principal') return close(number, CLOSE.forbidden, 'this worker was registered under a token of another name');
    close(number, CLOSE.tryLater, reason);
  }

  function admit(number: number, principal: string, hello: Hello, applied: HelloApplied): void {
    const link = links.get(number);
    const worker = known(hello, principal, applied);
    const life = incarnation(hello.incarnation);
    if (worker.incarnation !== life) newLife(worker, life);
    worker.sessionEpoch = applied.sessionEpoch;
    worker.helloLink = Math.max(worker.helloLink, number);
    setRegistration(worker, hello.registration);
    worker.capacity = hello.registration.slots;
    if (worker.left) worker.draining = false;
    worker.left = false;
    const before = new Map(worker.leases);
    worker.leases.clear();
    worker.passedOver.clear();
    worker.ending = 0;
    for (const row of applied.held) {
      const lease = before.get(leaseText(row)) ?? heldLease(row);
      worker.leases.set(lease.text, lease);
      if (lease.ending) worker.ending += 1;
    }
    touched.add(worker);
    if (!link) return;
    link.worker = worker;
    worker.session ??= createServerSession(
      {
        coordinator: { id: options.id, epoch: shared.epoch },
        heartbeatEvery: durationMs(options.heartbeatEveryMs),
        leaseTtl: shared.leaseTtl,
        lostAfter: shared.lostAfter,
        resumeWindow: durationMs(options.resumeWindowMs),
        former: ended.take(worker.id),
      },
      ports.packer,
    );
    worker.link = number;
    worker.suspect = false;
    toSession(worker, { kind: 'helloAccepted', link: number, hello, session: link.session, token: link.token, proof: link.proof });
  }

  function known(hello: Hello, principal: string, applied: HelloApplied): Worker {
    const found = workers.get(hello.worker);
    if (found) return found;
    const { worker: ord, sessionEpoch } = applied;
    const row = { worker: ord, id: workerId(hello.worker), principal, incarnation: incarnation(hello.incarnation), sessionEpoch };
    const worker = createWorker(row, hello.registration, shared.now());
    workers.set(worker.id, worker);
    workersByOrd.set(worker.ord, worker);
    return worker;
  }

  /** Another process under the same id: the session of the former one cannot go on. */
  function newLife(worker: Worker, life: Incarnation): void {
    shared.note('info', 'worker.newLife', { worker: worker.id, incarnation: life });
    if (worker.link !== undefined && links.has(worker.link)) close(worker.link, CLOSE.superseded, 'a newer process of this worker');
    worker.incarnation = life;
    worker.helloLink = 0;
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
          inbox(worker, effect.payload, () => toSession(worker, { kind: 'committed', seq: effect.seq }));
          break;
        case 'beat':
          toSession(worker, {
            kind: 'beatAnswered',
            n: effect.n,
            renewed: inventories.beaten(worker, effect.held, effect.credits) && shared.isFresh(),
          });
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
          shared.note('info', 'session.ended', { worker: worker.id });
          if (effect.former) ended.keep(worker.id, effect.former);
          shared.presenceChanged = true;
          break;
      }
    }
  }

  function opened(worker: Worker, how: 'resumed' | 'fresh', reason: string): void {
    shared.note('info', how === 'resumed' ? 'session.resumed' : 'session.opened', { worker: worker.id, reason });
    tellRuns(shared, worker, reason === 'first' ? 'joined' : 'back', '');
    worker.stuckBeats = 0;
    if (how === 'resumed') return;
    shared.presenceChanged = true;
    worker.knownRuns.clear();
    worker.digest.clear();
    worker.offered = 0;
    worker.receivedAtBeat = 0;
    inventories.ask(worker);
    // Asked for in a session that is gone, with the message or without.
    if (worker.draining) leases.tell(worker, { t: 'drain' });
  }

  function down(worker: Worker, reason: string): void {
    worker.link = undefined;
    // After a goodbye there is nothing to come back to.
    if (worker.left) return void (worker.session = undefined);
    shared.note('info', 'session.down', { worker: worker.id, reason, leases: worker.leases.size });
    tellRuns(shared, worker, 'lost', reason);
  }

  /** Forgets a worker of which nothing is left: no session, no lease, and no claim that may bring one. */
  function forgetIfGone(worker: Worker): void {
    if (workers.get(worker.id) !== worker || worker.session || worker.link !== undefined || worker.leases.size > 0 || worker.claiming > 0)
      return;
    workers.delete(worker.id);
    workersByOrd.delete(worker.ord);
  }

  function died({ worker: id, incarnation: life, reason, kept = [], principal }: Parameters<Links['died']>[0]): void {
    const worker = workers.get(id);
    if (!worker || worker.incarnation !== life) return;
    if (principal !== undefined && principal !== worker.principal) return shared.note('warn', 'death.refused', { worker: id, principal });
    shared.note('info', 'worker.died', { worker: id, reason, leases: worker.leases.size, kept: kept.length });
    const onDisk = new Set(kept.map(leaseText));
    touched.add(worker);
    worker.draining = true;
    worker.left = true;
    shared.presenceChanged = true;
    for (const lease of [...worker.leases.values()]) if (!onDisk.has(lease.text)) leases.lost(worker, lease.key, reason);
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
      const worker = createWorker(row, registration, shared.now());
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
      const slots = createSlots(durationMs(RETRY_FROM_MS), durationMs(RETRY_APART_MS));
      for (const worker of workers.values()) {
        const retryAfterMs = slots.take(shared.now());
        toSession(worker, { kind: 'closeAsked', code: CLOSE.restart.code, reason: 'the coordinator restarts', retryAfterMs });
      }
    },
  };
}

const FLIPS_MAX = 3;
const FLIPS_WITHIN_MS = 60_000;
/** A restarted coordinator takes about a thousand hellos a second. */
const RETRY_FROM_MS = 500;
const RETRY_APART_MS = 1;
