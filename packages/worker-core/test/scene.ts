/** A worker and a hand-made coordinator: tests say what happens, and read what came out. */
import { createRandom, monoMs } from '@holdfast/kernel';
import { type AttemptEvent, incarnation, leaseText, type LeaseKey, workerId } from '@holdfast/model';
import type { AssignedLease, Beat, CoordinatorFrame, CoordinatorMessage, Hello, WorkerFrame, WorkerMessage } from '@holdfast/protocol';
import { CONSTANT_DIGEST, constantMac, seededEntropy } from '@holdfast/testkit';
import { createWorkerNode, type Spooled, type WorkerEffect, type WorkerInput } from '../src/index.ts';

export interface Scene {
  /** What the spool keeps, by key. */
  readonly spool: Map<string, Spooled>;
  /** Notes so far: `event {details}`. */
  readonly notes: string[];
  /** Effects other than frames and those of the spool, since the last call. */
  effects(): WorkerEffect[];
  /** Messages that the worker sent in the present session, each once. */
  readonly said: WorkerMessage[];
  input(input: WorkerInput): void;
  attempt(event: AttemptEvent): void;
  pass(ms: number): void;
  /** Opens the link that was dialled, with a new session or the former one; reconciles a new one keeping `keep` unless told not to. */
  open(how?: 'fresh' | 'resumed', keep?: readonly LeaseKey[] | 'later'): void;
  say(...messages: CoordinatorMessage[]): void;
  /** Acknowledges all that was said as committed. */
  commit(): void;
  /** Answers the last beat. */
  renew(): void;
  cut(code?: number): void;
  assign(leases: readonly Partial<AssignedLease>[], run?: number, classOfRun?: string): void;
  leases(): string[];
  readonly node: ReturnType<typeof createWorkerNode>;
  now(): number;
  beats(): readonly Beat[];
  hello(): Hello;
}

const TIMES = { heartbeatEveryMs: 3000, leaseTtlMs: 10_000, lostAfterMs: 120_000 };

export function createScene(slots = 2, recovered: readonly Spooled[] = []): Scene {
  const registration = { name: 'w', slots, labels: {}, pid: 1 };
  const node = createWorkerNode(
    { id: workerId('w'), incarnation: incarnation('i'), registration, credential: { key: 'k', secret: 's' }, recovered },
    { random: createRandom(1), entropy: seededEntropy(createRandom(2)), mac: constantMac },
  );
  let now = 0;
  let link = 0;
  let seq = 0;
  let received = 0;
  let sessions = 0;
  let beats: Beat[] = [];
  let hello: Hello | undefined;
  let effects: WorkerEffect[] = [];
  const said: WorkerMessage[] = [];
  const spool = new Map<string, Spooled>();
  const notes: string[] = [];

  const hear = (frame: WorkerFrame): void => {
    if (frame.f === 'hello') hello = frame;
    else if (frame.f === 'beat') beats.push(frame);
    else if (frame.f === 'data') {
      for (const [number, message] of frame.m) {
        if (number <= received) continue;
        received = number;
        said.push(message as WorkerMessage);
      }
    }
  };
  const perform = (given: readonly WorkerEffect[]): void => {
    for (const effect of given) {
      if (effect.kind === 'dial') link = effect.link;
      else if (effect.kind === 'transmit') hear(JSON.parse(effect.text) as WorkerFrame);
      else if (effect.kind === 'spool') spool.set(effect.key, effect.value);
      else if (effect.kind === 'unspool') spool.delete(effect.key);
      else if (effect.kind === 'note') notes.push(`${effect.event} ${JSON.stringify(effect.details)}`);
      else if (effect.kind !== 'connectionChanged' && effect.kind !== 'roundTrip') effects.push(effect);
    }
  };
  const input = (given: WorkerInput): void => {
    perform(node.handle(given, monoMs(now)));
    perform(node.tick(monoMs(now)));
  };
  const frame = (given: CoordinatorFrame): void => input({ kind: 'frameReceived', link, frame: given });
  const say = (...messages: CoordinatorMessage[]): void =>
    frame({ f: 'data', a: [received, 0], m: messages.map((message) => [(seq += 1), message]) });

  const scene: Scene = {
    node,
    said,
    spool,
    notes,
    input,
    say,
    effects: () => effects.splice(0),
    attempt: (event) => input({ kind: 'attempted', event }),
    pass(ms) {
      const end = now + ms;
      for (let at = node.deadline(); at !== undefined && at <= end; at = node.deadline()) {
        now = Math.max(now, at);
        perform(node.tick(monoMs(now)));
      }
      now = end;
      perform(node.tick(monoMs(now)));
    },
    open(how = 'fresh', keep = []) {
      input({ kind: 'linkOpened', link });
      frame({ f: 'challenge', protocol: 2, nonce: CONSTANT_DIGEST });
      if (how === 'fresh') {
        seq = 0;
        received = 0;
        sessions += 1;
        said.length = 0;
      }
      const coordinator = { id: 'c', epoch: 1 };
      const more = how === 'fresh' ? { fresh: 'first' as const } : { resumed: { received } };
      frame({
        f: 'welcome',
        protocol: 2,
        proof: CONSTANT_DIGEST,
        session: `s${sessions}`,
        token: `t${link}`,
        ...TIMES,
        coordinator,
        ...more,
      });
      if (how === 'resumed' || keep === 'later') return;
      say({ t: 'inventory', token: 1 });
      say({ t: 'reconciled', token: 1, keep: keep.map((lease) => ({ ...lease })) });
      said.length = 0;
    },
    commit: () => frame({ f: 'data', a: [received, received], m: [] }),
    renew() {
      const last = beats.at(-1)!;
      frame({ f: 'beatAck', n: last.n, a: [received, 0], renewed: true });
    },
    cut: (code = 1006) => input({ kind: 'linkClosed', link, code, reason: 'cut' }),
    assign(leases, run = 1, classOfRun) {
      const base = {
        n: 1,
        epoch: 1,
        name: 't',
        body: { kind: 'noop' as const },
        timeoutMs: 0,
        graceMs: 5000,
        onDisconnect: 'hedge' as const,
      };
      say(
        { t: 'run', run, id: 'r', spec: {}, ...(classOfRun === undefined ? {} : { class: classOfRun }) },
        { t: 'assign', run, leases: leases.map((lease) => ({ ...base, ...lease })) },
      );
    },
    leases: () => node.snapshot().leases.map((each) => `${each.lease} ${each.state}`),
    now: () => now,
    beats: () => beats,
    hello: () => hello!,
  };
  input({ kind: 'started' });
  beats = [];
  return scene;
}

export const LEASE: LeaseKey = { run: 1, n: 1, epoch: 1 };
export const ended = (lease = LEASE, cases: readonly string[] = []): AttemptEvent => ({
  kind: 'ended',
  lease,
  result: {
    outcome: 'passed',
    durationMs: 1,
    cases: cases.map((name) => ({ path: [name], file: 'a.test.ts', grade: 'passed', durationMs: 1, attempts: 1 })),
  },
});
/** Kinds of messages with their leases: `finished 1.1.1`. */
export const brief = (messages: readonly WorkerMessage[]): string[] =>
  messages.map((message) => ('epoch' in message ? `${message.t} ${leaseText(message)}` : message.t));
