/**
 * A worker's connection as one object: a session that outlives its links, over one of several coordinators.
 *
 * R1 A message with a key is kept until the peer has committed it, over any number of links and sessions, and with a spool over
 *    the life of the process, too. A new session gets it again: it may arrive twice, under the same key.
 * R2 Task handlers run once a lease; what a handler returns is the result, what it throws is an `errored` one.
 * R3 A listener that throws is counted, and changes nothing.
 */
import { randomUUID } from 'node:crypto';
import { CodedError, createRandom, drive, type Driver, durationMs, errorText } from '@holdfast/kernel';
import { nodeClock, nodeEntropy, nodeMac, nodeTimers } from '@holdfast/kernel/node';
import {
  coordinatorMessage,
  createSeal,
  encodeMessage,
  type Registration,
  WORKER_PATH,
  type WorkerMessage,
  workerMessage,
} from '@holdfast/protocol';
import { EventEmitter } from 'eventemitter3';
import { createClientSession } from '../client-machine.ts';
import type { ClientEffect, ClientInput, ClientSession, ClientSnapshot, Credential } from '../client-session.ts';
import { ConnectionStats } from '../connection-stats.ts';
import type { Lane } from '../lane.ts';
import { createFailoverLinks, type FailoverLinks } from './failover-links.ts';
import type { ConnectionState, ManagerEvents, ManagerOptions, SendOptions } from './manager-contract.ts';
import { openOutbox, type Outbox } from './outbox.ts';
import { createTaskRunner, type TaskHandler, type TaskRunner } from './task-runner.ts';

/** Owns a worker's session. `start` dials; events tell what happens. */
export class WorkerReconnectionManager extends EventEmitter<ManagerEvents> {
  readonly stats = new ConnectionStats();
  readonly #options: ManagerOptions;
  readonly #links: FailoverLinks;
  readonly #session: ClientSession;
  readonly #driver: Driver<ClientInput>;
  readonly #outbox: Outbox;
  readonly #runner: TaskRunner;
  readonly #waiting = new Map<string, { readonly resolve: () => void; readonly reject: (error: Error) => void }>();
  readonly #ended = Promise.withResolvers<void>();
  #registration: Registration;
  #state: ConnectionState = 'disconnected';
  #open = false;
  #started = false;
  #listenerErrors = 0;
  #keys = 0;

  /** Errors: `RECONNECTION_NO_URL`, `RECONNECTION_SPOOL_UNUSABLE`. */
  constructor(options: ManagerOptions) {
    super();
    this.#options = options;
    const { tls, dialWithinMs, dialer } = options;
    this.#links = createFailoverLinks(
      {
        urls: [options.urls].flat().map(linkUrl),
        ...(tls ? { tls } : {}),
        ...(dialWithinMs === undefined ? {} : { dialWithinMs }),
        ...(dialer ? { dialer } : {}),
      },
      (input) => this.#driver.offer(input),
    );
    this.#registration = { ...options.registration, pid: process.pid };
    this.#outbox = openOutbox(options.spool, options.keptMax ?? KEPT_MAX, (full, reason) => this.#tell('spoolChanged', full, reason));
    this.#runner = createTaskRunner({
      slots: () => this.#registration.slots,
      stats: this.stats,
      tell: (message, key) => this.#tellTask(message, key),
      keep: (message, key, run) => this.#outbox.keep(key, 'high', message, true, run),
      forget: (lease) => this.#forgetLease(lease),
      heldChanged: (held, credits) => this.#driver.offer({ kind: 'heldChanged', held, credits }),
    });
    this.#adoptTasks();
    this.#session = createClientSession(
      {
        worker: options.worker,
        incarnation: randomUUID(),
        registration: this.#registration,
        credential: typeof options.credential === 'string' ? credentialOf(options.credential) : options.credential,
        ...(options.backoff ? { backoff: options.backoff } : {}),
        attemptsMax: options.attemptsMax ?? 0,
        dialWithin: durationMs(options.dialWithinMs ?? 10_000),
        welcomeWithin: durationMs(options.welcomeWithinMs ?? 5000),
        drainWithin: durationMs(options.drainWithinMs ?? 5000),
      },
      { random: createRandom(randomUUID()), entropy: nodeEntropy, mac: nodeMac },
    );
    this.#driver = drive(this.#session, {
      clock: nodeClock,
      timers: nodeTimers,
      perform: (effect) => this.#perform(effect),
      turnEnded: () => this.#turnEnded(),
      crashed: (error) => this.#ended.reject(error),
      stalled: (by) => ({ kind: 'stalled', by }),
    });
    this.#ended.promise.catch(() => undefined);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** What waits and what went through, as the session counts it. */
  get session(): ClientSnapshot {
    return this.#session.snapshot();
  }

  /** Messages with a key that the peer has not committed. */
  get kept(): number {
    return this.#outbox.size;
  }

  /** Throws of listeners so far. */
  get listenerErrors(): number {
    return this.#listenerErrors;
  }

  /** Begins to dial. Again: nothing. */
  start(): this {
    if (!this.#started) this.#driver.offer({ kind: 'started' });
    this.#started = true;
    return this;
  }

  /** Gives up the present link and dials at once; the way out of `failed`. */
  reconnect(): void {
    this.#driver.offer({ kind: 'reconnectAsked' });
  }

  /** Says goodbye: sends what waits, closes, dials no more. Rejects when the session broke an invariant. */
  async shutdown(reason = 'shut down'): Promise<void> {
    this.#runner.stop();
    if (!this.#started) this.#end();
    this.#driver.offer({ kind: 'shutdownAsked', reason });
    await this.#ended.promise;
  }

  /**
   * Sends a message; returns the key under which `settled` tells of its commit.
   * Errors: `RECONNECTION_MESSAGE_REFUSED` (no receiver would take it), `RECONNECTION_KEPT_FULL` (wait for `settled`).
   */
  send(payload: { readonly t: string } & Readonly<Record<string, unknown>>, options: SendOptions = {}): string {
    const { lane = 'normal', key = `#${(this.#keys += 1)}` } = options;
    const encoded = encodeMessage(payload);
    if (!encoded.ok) throw new CodedError('RECONNECTION_MESSAGE_REFUSED', `send a ${payload.t}: ${encoded.problem}`);
    if (lane !== 'background') this.#outbox.keep(key, lane, payload, options.key !== undefined);
    this.#offer(key, lane, payload, encoded.value.bytes);
    return key;
  }

  /** Sends a message and resolves when the peer has committed it. Rejects `RECONNECTION_NOT_CONFIRMED` after a while; the message stays. */
  confirm(payload: { readonly t: string } & Readonly<Record<string, unknown>>, options: SendOptions = {}): Promise<void> {
    const key = this.send(payload, options);
    const within = this.#options.confirmWithinMs ?? 30_000;
    return new Promise<void>((resolve, reject) => {
      const cancel = nodeTimers.set(durationMs(within), () => {
        this.#waiting.delete(key);
        reject(new CodedError('RECONNECTION_NOT_CONFIRMED', `hear of ${key} within ${within} ms`, { retryable: true }));
      });
      const settle = (end: () => void): void => {
        cancel();
        end();
      };
      this.#waiting.set(key, { resolve: () => settle(resolve), reject: (error) => settle(() => reject(error)) });
    });
  }

  /** Runs tasks of this kind (`command`, `module`, `test`, `noop`; `*`: any). One handler a kind. */
  handle(kind: string, handler: TaskHandler): this {
    this.#runner.handle(kind, handler);
    return this;
  }

  /** Tells the result of a lease that this connection holds, for whoever runs tasks without a handler. False: it does not hold it. */
  submitResult(lease: string, result: Extract<WorkerMessage, { t: 'finished' }>['result']): boolean {
    return this.#runner.submitResult(lease, result);
  }

  /** Tells a checkpoint of a lease; `seq` rises. False: this connection does not hold it. */
  submitCheckpoint(lease: string, seq: number, data: unknown): boolean {
    return this.#runner.submitCheckpoint(lease, seq, data);
  }

  /** Tells how far a lease is; may be dropped. False: this connection does not hold it. */
  submitState(lease: string, state: { readonly note?: string; readonly fraction?: number }): boolean {
    return this.#runner.submitState(lease, state);
  }

  /** Other slots, labels or facts: told at once and with each hello. */
  register(registration: Omit<Registration, 'pid'>): void {
    this.#registration = { ...registration, pid: process.pid };
    this.#driver.offer({ kind: 'registrationChanged', registration: this.#registration });
    if (this.#open)
      this.#driver.offer({
        kind: 'offered',
        lane: 'high',
        payload: { t: 'registered', registration: this.#registration } as { t: string },
      });
    this.#runner.refresh();
  }

  #perform(effect: ClientEffect): void {
    const now = nodeClock.mono();
    switch (effect.kind) {
      case 'dial':
        this.stats.dialed(now);
        return this.#links.dial(effect.link);
      case 'transmit':
        this.#outbox.flush();
        return this.#links.get(effect.link)?.send(effect.text);
      case 'sealLink':
        return this.#links.get(effect.link)?.seal(createSeal(nodeMac, effect.send, effect.receive));
      case 'closeLink':
        return this.#links.get(effect.link)?.close(effect.code, effect.reason);
      case 'deliver':
        return this.#deliver(effect.payload);
      case 'opened':
        this.stats.connected(now);
        this.#links.opened();
        return this.#opened(effect);
      case 'settled':
        return this.#settled(effect.key);
      case 'renewed':
        this.stats.beatAnswered(now - effect.sentAt);
        return effect.matched ? this.#runner.renewed(effect.sentAt) : undefined;
      case 'down':
        this.stats.down(now);
        this.#open = false;
        this.#outbox.linkChanged(false);
        return this.#tell('down', effect.reason, effect.retryIn);
      case 'dropped':
        return this.#tell('dropped', effect.messages);
      case 'failed':
        this.stats.down(now);
        this.#open = false;
        return this.#tell('failed', effect.code, effect.reason);
      case 'ended':
        return this.#end();
    }
  }

  #opened({ how, reason = '', welcome }: Extract<ClientEffect, { kind: 'opened' }>): void {
    this.#open = true;
    this.#outbox.linkChanged(true);
    if (how === 'fresh') {
      this.#runner.sessionBegan(welcome);
      for (const { key, lane, payload, run } of this.#outbox.all()) if (run === undefined) this.#offer(key, lane, payload, undefined);
    }
    this.#tell('opened', how, reason, this.#links.current());
  }

  #offer(key: string, lane: Lane, payload: { readonly t: string }, bytes: number | undefined): void {
    if (bytes !== undefined) this.stats.messageSent(bytes);
    // Without a session nothing is taken; what is kept is offered when there is one.
    this.#driver.offer({ kind: 'offered', lane, payload, key });
  }

  #deliver(payload: unknown): void {
    const encoded = JSON.stringify(payload);
    this.stats.messageReceived(encoded.length);
    const message = coordinatorMessage.safeParse(payload);
    if (message.success && this.#runner.take(message.data)) return;
    if (typeof (payload as { t?: unknown } | null)?.t === 'string') this.#tell('message', payload as { t: string });
  }

  #tellTask(message: WorkerMessage, key: string | undefined): void {
    const lane: Lane = message.t === 'inventory' ? 'critical' : message.t === 'progress' ? 'background' : 'high';
    this.#driver.offer({ kind: 'offered', lane, payload: message, key });
  }

  /** Results of an earlier life are told when the coordinator asks for them; of its checkpoints no handler is left. */
  #adoptTasks(): void {
    for (const { key, payload, run } of this.#outbox.all()) {
      if (run === undefined) continue;
      const message = workerMessage.safeParse(payload);
      if (message.success && message.data.t === 'finished') this.#runner.adopt(message.data, run);
      else this.#outbox.settle(key);
    }
  }

  #forgetLease(lease: string): void {
    for (const { key, run } of this.#outbox.all())
      if (run !== undefined && (key === lease || key.startsWith(`${lease}/`))) this.#outbox.settle(key);
  }

  #settled(key: string): void {
    const latency = this.#outbox.settle(key);
    if (latency !== undefined) this.stats.messageSettled(latency);
    this.#runner.settled(key);
    this.#waiting.get(key)?.resolve();
    this.#waiting.delete(key);
    this.#tell('settled', key);
  }

  #turnEnded(): void {
    this.#outbox.flush();
    this.#runner.turnEnded();
    const { state } = this.#session.snapshot();
    const next = state === 'idle' ? 'disconnected' : state;
    if (next === this.#state) return;
    const former = this.#state;
    this.#state = next;
    this.#tell('stateChanged', next, former);
  }

  #end(): void {
    const former = this.#state;
    this.#state = 'shutdown';
    this.#driver.stop();
    this.#runner.stop();
    this.#outbox.close();
    for (const { reject } of this.#waiting.values())
      reject(new CodedError('RECONNECTION_NOT_CONFIRMED', 'hear of it: the connection was shut down'));
    this.#waiting.clear();
    this.#links.closeAll(1000, 'shut down');
    if (former !== 'shutdown') this.#tell('stateChanged', 'shutdown', former);
    this.#ended.resolve();
  }

  #tell<Name extends keyof ManagerEvents>(name: Name, ...values: Parameters<ManagerEvents[Name]>): void {
    try {
      this.emit(name, ...(values as never));
    } catch (error) {
      // R3: it is the listener's.
      this.#listenerErrors += 1;
      if (process.env['HOLDFAST_DEBUG'] !== undefined) console.error(`a listener of ${name} threw: ${errorText(error)}`);
    }
  }
}

/** The link's URL of a coordinator. Errors: `RECONNECTION_NO_URL`. */
function linkUrl(given: string): string {
  try {
    const url = new URL(given.replace(/^http/, 'ws'));
    if (url.pathname === '/' || url.pathname === '') url.pathname = WORKER_PATH;
    return url.href;
  } catch (error) {
    throw new CodedError('RECONNECTION_NO_URL', `dial ${given}: it is no URL`, { cause: error });
  }
}

function credentialOf(token: string): Credential {
  const [, key = 'none', secret = token] = /^hf_([a-z0-9]+)_([\w-]+)$/.exec(token.trim()) ?? [];
  return { key, secret };
}

const KEPT_MAX = 4096;
