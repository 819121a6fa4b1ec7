/**
 * A whole coordinator as a machine: sessions of workers, leases, runs and the ops that change them. The shell adds sockets and a store.
 *
 * N1 The store decides (M3): a lease exists here because a verdict granted it, and goes away because a verdict ended it.
 * N2 Nothing that follows from an op leaves before its verdict (Q1); after a commit in doubt nothing leaves at all (M4).
 * N3 In a new session no assignment comes before the inventory is reconciled (S4).
 * N4 Silence of a worker is acted on by policy, death by evidence only.
 */
import { createDeadlines, createStory, type DurationMs, durationMs, type MonoMs, monoMs } from '@holdfast/kernel';
import type { Json, RunId } from '@holdfast/model';
import type { RunEvent } from '@holdfast/results';
import type { Started } from '@holdfast/task-store';
import type {
  CoordinatorEffect,
  CoordinatorInput,
  CoordinatorNode,
  CoordinatorOptions,
  CoordinatorPorts,
  CoordinatorSnapshot,
} from './contract.ts';
import { createDispatch } from './dispatch.ts';
import { createLeases } from './leases.ts';
import { createLinks } from './links.ts';
import { createOpQueue, type OpQueue } from './op-queue.ts';
import { createNotices } from './notices.ts';
import { createRequests } from './requests.ts';
import { createRuns, type Runs } from './runs.ts';
import { heldLease, type Worker } from './fleet.ts';
import { statusOf } from './status.ts';

/** What the parts of the node share: state by reference, and the ways out. */
export interface Shared {
  readonly options: CoordinatorOptions;
  readonly leaseTtl: DurationMs;
  readonly lostAfter: DurationMs;
  readonly ops: OpQueue;
  readonly runs: Runs;
  readonly workers: Map<string, Worker>;
  readonly workersByOrd: Map<number, Worker>;
  /** Workers whose session or expiry deadline may have changed in this turn. */
  readonly touched: Set<Worker>;
  /** Retry delays, by task text. */
  readonly delays: ReturnType<typeof createDeadlines<string>>;
  epoch: number;
  draining: boolean;
  /** Who is here, or what they may run, may have changed since `Notices` looked. */
  presenceChanged: boolean;
  now(): MonoMs;
  /** For people. */
  wall(): number;
  emit(effect: CoordinatorEffect): void;
  publish(id: RunId, event: RunEvent): void;
  note(level: 'debug' | 'info' | 'warn', event: string, details?: Readonly<Record<string, Json>>): void;
  halt(code: string, message: string): void;
  /** Whether no peer can have taken this coordinator's workers over: the last committed batch was sent less than half a TTL ago. */
  isFresh(): boolean;
}

/** Creates a coordinator that waits for `booted`. */
export function createCoordinatorNode(options: CoordinatorOptions, ports: CoordinatorPorts = {}): CoordinatorNode {
  let state: CoordinatorSnapshot['state'] = 'new';
  let out: CoordinatorEffect[] = [];
  let halted: CoordinatorEffect | undefined;
  let now = monoMs(0);
  let bootedAt = monoMs(0);
  let wallAtBoot = 0;
  /** When the last batch was sent, and the last committed one. */
  let sentAt = monoMs(0);
  let confirmedAt = monoMs(0);
  const story = createStory();
  const sessionDeadlines = createDeadlines<Worker>();
  const expiryDeadlines = createDeadlines<Worker>();

  const shared: Shared = {
    options,
    leaseTtl: durationMs(options.leaseTtlMs),
    lostAfter: durationMs(options.lostAfterMs),
    ops: createOpQueue(),
    runs: createRuns(),
    workers: new Map(),
    workersByOrd: new Map(),
    touched: new Set(),
    delays: createDeadlines<string>(),
    epoch: 0,
    draining: false,
    presenceChanged: false,
    now: () => now,
    wall: () => Math.round(wallAtBoot + (now - bootedAt)),
    emit: (effect) => void out.push(effect),
    publish: (id, event) => void out.push({ kind: 'publish', id, event }),
    note(level, event, details = {}) {
      story.add(now, event);
      out.push({ kind: 'note', level, event, details });
    },
    halt(code, message) {
      if (state !== 'halted') halted = { kind: 'halted', code, message };
      state = 'halted';
    },
    isFresh: () => options.beatEveryMs === 0 || now - confirmedAt < options.leaseTtlMs / 2,
  };
  const leases = createLeases(shared);
  const links = createLinks(shared, leases, ports);
  const requests = createRequests(shared, leases);
  const dispatch = createDispatch(shared, leases);
  const notices = createNotices(shared, () => bootedAt);

  function boot(wall: number): void {
    state = 'starting';
    bootedAt = now;
    wallAtBoot = wall;
    shared.ops.task({ op: 'task.startCoordinator', coordinator: options.id as never, wall }, (verdict) => {
      if (verdict.kind === 'refused') return shared.halt('COORDINATOR_FENCED', `start: ${verdict.reason}`);
      recover(verdict.value);
    });
  }

  /** The one recovery path (M4): all that memory holds comes from the store. */
  function recover(started: Started): void {
    shared.epoch = started.epoch;
    state = 'running';
    for (const row of started.runs) shared.runs.add(row);
    for (const ready of started.ready) shared.runs.changeReady(ready.class, ready.count);
    for (const delayed of started.delayed) shared.delays.set(`${delayed.run}.${delayed.n}`, monoMs(now + delayed.delayMs));
    for (const row of started.workers) links.remember(row);
    for (const row of started.leases) {
      const worker = shared.workersByOrd.get(row.worker);
      if (worker) leases.hold(worker, heldLease(row));
    }
    shared.note('info', 'coordinator.started', { epoch: started.epoch, runs: started.runs.length, leases: started.leases.length });
    links.helloesMayGo();
    requests.mayGo();
  }

  function take(input: CoordinatorInput): void {
    switch (input.kind) {
      case 'booted':
        if (state === 'new') boot(input.wall);
        break;
      case 'committed':
        confirmedAt = sentAt;
        shared.ops.settle(input.batch, input.verdicts);
        break;
      case 'commitFailed':
        shared.halt(input.code, input.message);
        break;
      case 'requested':
        requests.take(input.token, input.principal, input.request, state === 'running' && !shared.draining);
        break;
      case 'deathReported':
        links.died(input);
        break;
      case 'drainAsked':
        shared.draining = true;
        shared.note('info', 'coordinator.draining', { reason: input.reason });
        break;
      case 'stalled':
        expiryDeadlines.shift(input.by);
        for (const worker of shared.workers.values()) worker.renewedAt = monoMs(worker.renewedAt + input.by);
        links.stalled(input.by);
        break;
      default:
        links.take(input, state === 'running');
    }
  }

  /** Ends the turn: time, placement, sessions, and one commit. */
  function endTurn(): void {
    for (const task of shared.delays.due(now)) leases.delayOver(task);
    for (const worker of expiryDeadlines.due(now)) leases.silent(worker);
    for (const worker of shared.touched) dispatch.consider(worker);
    if (state === 'running' && !shared.draining) dispatch.run();
    for (const worker of sessionDeadlines.due(now)) shared.touched.add(worker);
    // A session's tick may touch other workers; each round touches fewer.
    while (shared.touched.size > 0) {
      const round = [...shared.touched];
      shared.touched.clear();
      for (const worker of round) {
        links.tick(worker);
        shared.touched.delete(worker);
        plan(worker);
      }
    }
    notices.run();
    const commit = shared.ops.take(options.beatEveryMs > 0 && now - sentAt >= options.beatEveryMs);
    if (commit) {
      sentAt = now;
      out.push({ kind: 'commit', ...commit });
    }
    if (shared.draining && state === 'running' && !shared.ops.busy) {
      state = 'draining';
      links.closeAll();
      out.push({ kind: 'drained' });
    }
  }

  /** N2: once the node is halted, nothing but that is said, and once. */
  function said(): readonly CoordinatorEffect[] {
    if (state !== 'halted') return out;
    const last = halted;
    halted = undefined;
    return last ? [last] : [];
  }

  function plan(worker: Worker): void {
    const session = worker.session?.deadline();
    if (session === undefined) sessionDeadlines.clear(worker);
    else sessionDeadlines.set(worker, session);
    const expiry = leases.expiry(worker);
    if (expiry === undefined) expiryDeadlines.clear(worker);
    else expiryDeadlines.set(worker, expiry);
    dispatch.consider(worker);
  }

  return {
    handle(input, at) {
      now = at;
      out = [];
      if (state !== 'halted') take(input);
      return said();
    },
    tick(at) {
      now = at;
      out = [];
      if (state !== 'halted' && state !== 'new') endTurn();
      return said();
    },
    deadline() {
      if (state === 'halted' || state === 'new') return undefined;
      const placing = state === 'running' && !shared.draining && dispatch.due();
      const due = placing || shared.touched.size > 0 || (shared.ops.waiting > 0 && !shared.ops.busy);
      if (due) return now;
      const beat = options.beatEveryMs > 0 && !shared.ops.busy ? monoMs(sentAt + options.beatEveryMs) : undefined;
      return earliest(beat, sessionDeadlines.next(), expiryDeadlines.next(), shared.delays.next(), notices.deadline());
    },
    snapshot: () => ({
      state,
      epoch: shared.epoch,
      status: statusOf(shared, durationMs(now - bootedAt)),
      sizes: {
        workers: shared.workers.size,
        runs: shared.runs.size,
        leases: [...shared.workers.values()].reduce((sum, worker) => sum + worker.leases.size, 0),
        delays: shared.delays.size,
        opsWaiting: shared.ops.waiting,
        opsInFlight: shared.ops.inFlight,
      },
    }),
  };
}

function earliest(...moments: readonly (MonoMs | undefined)[]): MonoMs | undefined {
  let first: MonoMs | undefined;
  for (const moment of moments) if (moment !== undefined && (first === undefined || moment < first)) first = moment;
  return first;
}
