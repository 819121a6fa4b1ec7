/** Wires a worker's node to its link and to real processes. Decides nothing about the domain. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { parseToken } from '@holdfast/auth';
import { createExecutor, type WorkerPolicy } from '@holdfast/executor';
import { createRandom, drive, type Driver, durationMs, errorText, type MonoMs } from '@holdfast/kernel';
import { nodeClock, nodeEntropy, nodeMac, nodeTimers } from '@holdfast/kernel/node';
import {
  type Fingerprint,
  incarnation,
  type Incarnation,
  type Json,
  type LeaseKey,
  leaseText,
  type SuiteSpec,
  type WorkerId,
} from '@holdfast/model';
import { createSeal, type Registration, WORKER_PATH } from '@holdfast/protocol';
import { type ConnectionSnapshot, ConnectionStats, type Credential, type SpoolStatus } from '@holdfast/reconnection-core';
import { createFailoverLinks, type FailoverLinks, nodePacker } from '@holdfast/reconnection-core/ws';
import { createWorkerNode, type WorkerEffect, type WorkerInput, type WorkerSnapshot } from '@holdfast/worker-core';
import { type CheckoutGuard, createCheckoutGuard } from './checkout-guard.ts';
import { type Clients, createClients } from './clients.ts';
import { createDeliveries } from './deliveries.ts';
import { markingDialer, type StoreMarkKeeper } from './store-mark-file.ts';
import { openWorkerSpool, type SpoolSettings } from './worker-spool.ts';

export type WorkerLog = (level: 'debug' | 'info' | 'warn', event: string, details: Readonly<Record<string, Json>>) => void;

/** Where a worker's coordinator is, and what opens it. */
export interface WorkerEndpoint {
  /** `http(s)://` or `ws(s)://`, host and port. Several: coordinators of one store, in the order in which they are tried. */
  readonly url: string | readonly string[];
  /** A token with scope `worker:register`. */
  readonly token: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** What a worker is, wherever its coordinator may be. */
export interface WorkerSettings {
  readonly id: WorkerId;
  /** For people. */
  readonly name: string;
  /** Attempts at a time, 1..1024. */
  readonly slots: number;
  /** Number of its first slot, for tests that tell slots apart (databases, ports) while several workers share a machine. Default 0. */
  readonly firstSlot?: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Absolute folder of the checkout in which runs work. */
  readonly root: string;
  /** The state of that checkout; absent: only runs that belong to no state come here. */
  readonly fingerprint?: Fingerprint;
  /**
   * Reads `fingerprint` anew: before the first attempt of each run that is bound to a state, before each dial, and every
   * five seconds. A run of another state is given back. Default: what `fingerprint` says is taken to be true for ever.
   */
  readonly rereadFingerprint?: () => Promise<Fingerprint>;
  /**
   * Asks the machine what it is, as plain data: once the worker has dialled, and every ten minutes. What differs is registered
   * anew. Default: nobody knows, and only tasks without requirements come here.
   */
  readonly probeMachine?: () => Promise<Readonly<Record<string, Json>>>;
  readonly policy: WorkerPolicy;
  /** A suite whose hosts start at once, on every slot: its first tests need not wait for the runner. */
  readonly prewarm?: { readonly suite: SuiteSpec; readonly cwd: string; readonly env: Readonly<Record<string, string>> };
  /** Where results and checkpoints survive this process until the coordinator has them. Default: nowhere. */
  readonly spool?: SpoolSettings;
  /** For how long its reaper tries to tell that this process has died. Default 30,000; 0: it tries once. */
  readonly deathToldForMs?: number;
  readonly log: WorkerLog;
  /**
   * Keeps what the coordinator's store was last known to have come to, so that a store that went backwards is noticed even after this
   * process was started anew. Default: only this process remembers.
   */
  readonly storeMark?: StoreMarkKeeper;
  /** Told when a global teardown of a suite has failed on this worker, at the latest before `ended` or `close` resolves. */
  readonly teardownFailed?: (reason: string) => void;
}

export interface StartWorkerSettings extends WorkerSettings, WorkerEndpoint {}

/** How a worker ended: `code` 0 after a goodbye, else the close code that made dialling again useless. */
export interface WorkerEnd {
  readonly code: number;
  readonly reason: string;
}

/** A running worker in numbers. */
export interface WorkerStats extends ConnectionSnapshot {
  /** The link that is up, or dialled next. */
  readonly coordinator: string;
  /** Work goes on without a session. */
  readonly local: boolean;
  /** Attempts under way, and results that the coordinator has not committed. */
  readonly leases: number;
  readonly unsettled: number;
  /** Undefined: it has none. */
  readonly spool: SpoolStatus | undefined;
}

export interface RunningWorker {
  readonly id: WorkerId;
  readonly incarnation: Incarnation;
  /** Finishes what runs, takes nothing more. */
  drain(reason: string): void;
  /** Stops what runs and gives it back. */
  stop(reason: string): void;
  /** What its connection has been like, what its spool holds, and whether it works away from its coordinator. */
  stats(): WorkerStats;
  /** Resolves when no process is left. Rejects when the node broke an invariant; its processes are gone by then, too. */
  readonly ended: Promise<WorkerEnd>;
}

/** A worker whose hosts start while nobody knows yet where its coordinator is. */
export interface PreparedWorker {
  /** Lets it dial. To be called once. */
  connect(endpoint: WorkerEndpoint): RunningWorker;
  /** Gives up without ever having dialled; resolves when no process is left. */
  close(): Promise<void>;
}

/** Starts a worker; it dials until it is told to stop or until dialling cannot help. */
export const startWorker = (settings: StartWorkerSettings): RunningWorker => prepareWorker(settings).connect(settings);

/** Makes a worker ready: its reaper and the hosts of `prewarm` start at once. */
export function prepareWorker(settings: WorkerSettings): PreparedWorker {
  const life = incarnation(randomUUID());
  const firstSlot = settings.firstSlot ?? 0;
  let driver: Driver<WorkerInput>;
  let guard: CheckoutGuard | undefined;
  let clients: Clients | undefined;

  let links: FailoverLinks | undefined;
  let registration = registrationOf(settings);
  let closed = false;
  let cancelProbe: (() => void) | undefined;
  const stats = new ConnectionStats();
  /** Results and checkpoints that wait for their commit. */
  const offeredAt = new Map<string, MonoMs>();
  let reportDeath: (() => void) | undefined;
  const dialer = markingDialer(settings.storeMark);

  const teardownFailed = (reason: string): void => {
    settings.log('warn', 'suite.teardownFailed', { reason });
    settings.teardownFailed?.(reason);
  };
  // Before any process is started: it may be refused.
  const spool = openWorkerSpool(settings.spool, settings.log, (input) => (driver as typeof driver | undefined)?.offer(input));
  const executor = createExecutor(
    { root: settings.root, policy: settings.policy, teardownFailed },
    { clock: nodeClock, timers: nodeTimers },
    (event) => deliveries.take(event),
  );
  const deliveries = createDeliveries({
    // There is work only once there is a coordinator.
    blobs: () => clients!.get(),
    tell: (event) => driver.offer({ kind: 'attempted', event }),
    notKept: (lease, seq, problem) => executor.checkpointSettled(lease, seq, problem),
    corrupt: (lease, checkpoint) => driver.offer({ kind: 'checkpointFoundCorrupt', lease, checkpoint }),
    log: settings.log,
  });
  const { promise: ended, resolve: hasEnded, reject } = Promise.withResolvers<WorkerEnd>();

  function perform(effect: WorkerEffect): void {
    switch (effect.kind) {
      case 'dial':
        guard?.look();
        stats.dialed(nodeClock.mono());
        return links?.dial(effect.link);
      case 'transmit':
        spool.flush();
        stats.messageSent(effect.text.length);
        return links?.get(effect.link)?.send(effect.text);
      case 'sealLink':
        return links?.get(effect.link)?.seal(createSeal(nodeMac, effect.send, effect.receive));
      case 'closeLink':
        return links?.get(effect.link)?.close(effect.code, effect.reason);
      case 'start':
        return begin(effect);
      case 'stop':
        if (guard?.withdraw(leaseText(effect.lease)) || deliveries.stop(effect.lease) === 'unstarted') return neverBegan(effect.lease);
        return executor.stop(effect.lease);
      case 'pause':
        return executor.pause(effect.lease, effect.paused);
      case 'spool':
        if (effect.key.includes('/')) stats.checkpointCreated();
        offeredAt.set(effect.key, nodeClock.mono());
        return spool.perform(effect);
      case 'unspool':
        settled(effect.key);
        return spool.perform(effect);
      case 'connectionChanged':
        connectionChanged(effect.connected);
        return spool.perform(effect);
      case 'roundTrip':
        return stats.beatAnswered(effect.ms);
      case 'checkpointSettled':
        return executor.checkpointSettled(effect.lease, effect.seq);
      case 'forgetRun':
        guard?.runEnded(effect.run);
        return executor.runEnded(effect.run);
      case 'note':
        return settings.log(effect.level, effect.event, effect.details);
      case 'ended':
        return end({ code: effect.code, reason: effect.reason });
    }
  }

  /** From the end of the attempt to the commit: what a result has waited. */
  function settled(key: string): void {
    const at = offeredAt.get(key);
    offeredAt.delete(key);
    if (at !== undefined) stats.messageSettled(nodeClock.mono() - at);
  }

  /** The reaper tells a death to the coordinator that the worker was last connected with. */
  function connectionChanged(connected: boolean): void {
    if (!connected) return stats.down(nodeClock.mono());
    stats.connected(nodeClock.mono());
    links?.opened();
    reportDeath?.();
  }

  function begin({ order, run, slot }: Extract<WorkerEffect, { kind: 'start' }>): void {
    const start = (): void => deliveries.prepare(order, (ready) => executor.start(ready, run, firstSlot + slot));
    if (order.resumeFrom) stats.checkpointRestored();
    if (guard) guard.begin(order.run, run.class, leaseText(order), start);
    else start();
  }

  function neverBegan(lease: LeaseKey): void {
    const result = { outcome: 'cancelled', reason: 'it never began', durationMs: 0, cases: [] } as const;
    driver.offer({ kind: 'attempted', event: { kind: 'ended', lease, result } });
  }

  function guardCheckout({ fingerprint, rereadFingerprint }: WorkerSettings): CheckoutGuard | undefined {
    if (!fingerprint || !rereadFingerprint) return undefined;
    return createCheckoutGuard(fingerprint, REREAD_EVERY, {
      timers: nodeTimers,
      read: rereadFingerprint,
      changed(found, problem) {
        if (found) settings.log('info', 'checkout.changed', { commit: found.commit, dirty: found.dirty });
        else settings.log('warn', 'checkout.unreadable', { problem });
        const { fingerprint: _former, ...rest } = registration;
        register(found ? { ...rest, fingerprint: { ...found } } : rest);
      },
    });
  }

  function register(next: Registration): void {
    registration = next;
    driver.offer({ kind: 'registrationChanged', registration });
  }

  /** The dial does not wait for it: tools may take seconds. */
  async function keepProbing(): Promise<void> {
    if (!settings.probeMachine) return;
    try {
      const machine = await settings.probeMachine();
      if (closed) return;
      if (JSON.stringify(machine) !== JSON.stringify(registration.machine)) {
        settings.log('info', 'machine.probed', { facts: JSON.stringify(machine).length });
        register({ ...registration, machine: machine as NonNullable<Registration['machine']> });
      }
    } catch (error) {
      settings.log('warn', 'machine.notProbed', { error: errorText(error) });
    }
    if (!closed) cancelProbe = nodeTimers.set(PROBE_EVERY, () => void keepProbing());
  }

  function end(how: WorkerEnd): void {
    driver.stop();
    void close().then(() => hasEnded(how), reject);
  }

  async function rejectWhenClosed(error: unknown): Promise<void> {
    try {
      await close();
    } catch (problem) {
      settings.log('warn', 'worker.notClosed', { error: errorText(problem) });
    }
    reject(error);
  }

  async function close(): Promise<void> {
    guard?.close();
    closed = true;
    cancelProbe?.();
    await executor.close();
    await deliveries.close();
    clients?.close();
    spool.close();
    links?.closeAll(1000, 'the worker ends');
  }

  function connect(endpoint: WorkerEndpoint): RunningWorker {
    const { token, tls } = endpoint;
    const trust = tls ? { tls } : {};
    const urls = [endpoint.url].flat().map(linkUrl);
    const set = createFailoverLinks({ urls, dialer, ...trust }, (input, bytes) => {
      if (bytes > 0) stats.messageReceived(bytes);
      driver.offer(input);
    });
    links = set;
    clients = createClients(endpoint, () => set.current().replace(/^ws/, 'http').replace(WORKER_PATH, ''));
    reportDeath = () =>
      executor.reportDeathTo({
        url: set.current().replace(/^ws/, 'http').replace(WORKER_PATH, '/api/v1/workers/death'),
        token,
        worker: settings.id,
        incarnation: life,
        ...(settings.deathToldForMs === undefined ? {} : { againForMs: settings.deathToldForMs }),
        ...trust,
        ...(settings.spool ? { spool: resolve(settings.spool.folder) } : {}),
      });
    reportDeath();
    const node = createWorkerNode(
      {
        id: settings.id,
        incarnation: life,
        registration,
        credential: credentialOf(token),
        recovered: spool.recovered,
      },
      { random: createRandom(randomUUID()), entropy: nodeEntropy, mac: nodeMac, packer: nodePacker },
    );
    driver = drive(node, {
      clock: nodeClock,
      timers: nodeTimers,
      perform,
      turnEnded: () => spool.flush(),
      crashed(error) {
        settings.log('warn', 'worker.crashed', { error: String((error as Error)?.stack ?? error) });
        void rejectWhenClosed(error);
      },
      stalled: (by) => ({ kind: 'stalled', by }),
    });
    guard = guardCheckout(settings);
    driver.offer({ kind: 'started' });
    void keepProbing();
    return {
      id: settings.id,
      incarnation: life,
      drain: (reason) => driver.offer({ kind: 'drainAsked', reason }),
      stop: (reason) => driver.offer({ kind: 'stopAsked', reason }),
      stats: () => ({
        ...stats.snapshot(nodeClock.mono()),
        spool: spool.status(),
        coordinator: set.current(),
        ...statusOf(node.snapshot()),
      }),
      ended,
    };
  }

  if (settings.prewarm) {
    const { suite, cwd, env } = settings.prewarm;
    for (let slot = 0; slot < settings.slots; slot += 1) executor.prewarm(suite, { cwd, env }, firstSlot + slot);
  }
  return { connect, close };
}

/** The link's URL of a coordinator. */
const linkUrl = (url: string): string => `${url.trim().replace(/^http/, 'ws').replace(/\/$/, '')}${WORKER_PATH}`;

const statusOf = ({ local, leases, unsettled }: WorkerSnapshot): Pick<WorkerStats, 'local' | 'leases' | 'unsettled'> => ({
  local,
  leases: leases.length - unsettled,
  unsettled,
});

/** The parts of a token. A text that is none is a key that nobody has: the coordinator refuses it as such. */
const credentialOf = (token: string): Credential => {
  const parsed = parseToken(token.trim());
  return parsed ? { key: parsed.keyId, secret: parsed.secret } : { key: 'none', secret: token };
};

const registrationOf = (settings: WorkerSettings): Registration => ({
  name: settings.name,
  slots: settings.slots,
  labels: { ...settings.labels },
  pid: process.pid,
  ...(settings.fingerprint ? { fingerprint: { ...settings.fingerprint } } : {}),
});

const REREAD_EVERY = durationMs(5000);
const PROBE_EVERY = durationMs(600_000);
