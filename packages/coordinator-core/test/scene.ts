/** A coordinator over a memory store, with hand-made workers: tests say what happens, and read what came out. */
import type { Op } from '@holdfast/committer';
import { monoMs } from '@holdfast/kernel';
import { DEFAULT_POLICY, type Fingerprint, type LeaseKey, runId, type TaskPolicy, type TaskSpec } from '@holdfast/model';
import type { CoordinatorMessage, Hello, WorkerFrame, WorkerMessage } from '@holdfast/protocol';
import type { RunEvent } from '@holdfast/results';
import { createMemoryStore, type MemoryStore } from '@holdfast/task-store/memory';
import {
  type ClientReply,
  type ClientRequest,
  type CoordinatorEffect,
  type CoordinatorInput,
  type CoordinatorOptions,
  createCoordinatorNode,
  DEFAULT_COORDINATOR_OPTIONS,
} from '../src/index.ts';

export interface WorkerEnd {
  readonly link: number;
  /** All messages received on this link, each once. */
  readonly received: CoordinatorMessage[];
  /** Highest own message that is committed. */
  committed(): number;
  /** Whether the last heartbeat renewed the leases. */
  renewed(): boolean | undefined;
  welcome(): { session: string; token: string; resumed?: unknown; fresh?: string };
  closed(): number | undefined;
  say(...messages: WorkerMessage[]): void;
  beat(held: { count: number; hash: number }, credits: number): void;
  assigned(): LeaseKey[];
  /** Answers the last inventory. */
  answerInventory(leases?: readonly (LeaseKey & { state: 'accepted' | 'running' | 'paused' | 'finished' })[]): void;
  hangUp(): void;
}

interface Link {
  readonly received: CoordinatorMessage[];
  seq: number;
  sent: number;
  committed: number;
  renewed: boolean | undefined;
  beats: number;
  welcome: Record<string, unknown> | undefined;
  closed: number | undefined;
}

export interface Scene {
  readonly store: MemoryStore;
  readonly replies: ClientReply[];
  readonly notes: string[];
  /** `retryAfterMs` of every goaway so far. */
  goaways(): number[];
  readonly others: CoordinatorEffect[];
  input(input: CoordinatorInput): void;
  /** Time passes; the node ticks whenever it asked for it. */
  pass(ms: number): void;
  request(request: ClientRequest): ClientReply | undefined;
  worker(
    id: string,
    incarnation?: string,
    slots?: number,
    resume?: { session: string; token: string; received: number },
    principal?: string,
    fingerprint?: Fingerprint,
  ): WorkerEnd;
  /** How many ops of this name were committed. */
  commits(name: string): number;
  /** All news of runs so far. */
  published(): RunEvent[];
  /** The next commits stay under way until `land`. */
  hold(): void;
  land(): void;
  /** How many ops each held commit has. */
  heldBatches(): number[];
  /** The process dies; another begins on the same store. Held commits never land. */
  restart(): void;
  state(n: number, run?: number): string;
  deadline(): number | undefined;
  now(): number;
}

export function createScene(options: Partial<CoordinatorOptions> = {}): Scene {
  const store = createMemoryStore();
  const create = () => createCoordinatorNode({ ...DEFAULT_COORDINATOR_OPTIONS, ...options, id: 'c' });
  let node = create();
  let now = 0;
  let holding = false;
  let held: { batch: number; ops: readonly Op[] }[] = [];
  let links = new Map<number, Link>();
  let lastLink = 0;
  let token = 0;
  const replies: ClientReply[] = [];
  const notes: string[] = [];
  const goaways: number[] = [];
  const others: CoordinatorEffect[] = [];
  const committed: string[] = [];

  const commit = (batch: number, ops: readonly Op[]): void => {
    const verdicts = store.committer.commit(ops);
    committed.push(...ops.map(({ op }) => op));
    input({ kind: 'committed', batch, verdicts });
  };
  function perform(effects: readonly CoordinatorEffect[]): void {
    const commits: (() => void)[] = [];
    for (const effect of effects) {
      if (effect.kind === 'commit') {
        if (holding) held.push(effect);
        else commits.push(() => commit(effect.batch, effect.ops));
      } else if (effect.kind === 'transmit') hear(effect.link, effect.text);
      else if (effect.kind === 'closeLink') {
        const link = links.get(effect.link);
        if (link) link.closed = effect.code;
      } else if (effect.kind === 'reply') replies.push(effect.reply);
      else if (effect.kind === 'note') notes.push(effect.event);
      else others.push(effect);
    }
    for (const run of commits) run();
  }
  function hear(number: number, text: string): void {
    const link = links.get(number);
    const frame = JSON.parse(text) as { f: string; a?: [number, number]; m?: [number, CoordinatorMessage][] };
    if (!link) return;
    if (frame.f === 'goaway') goaways.push((frame as unknown as { retryAfterMs: number }).retryAfterMs);
    if (frame.f === 'welcome') link.welcome = frame as never;
    if (frame.f === 'beatAck') link.renewed = (frame as { renewed?: boolean }).renewed;
    if (frame.a) link.committed = frame.a[1];
    for (const [seq, message] of frame.m ?? []) {
      if (seq <= link.seq) continue;
      link.seq = seq;
      link.received.push(message);
    }
  }
  function input(given: CoordinatorInput): void {
    perform(node.handle(given, monoMs(now)));
    perform(node.tick(monoMs(now)));
  }
  function pass(ms: number): void {
    const end = now + ms;
    for (let at = node.deadline(); at !== undefined && at <= end; at = node.deadline()) {
      now = Math.max(now, at);
      perform(node.tick(monoMs(now)));
    }
    now = end;
    perform(node.tick(monoMs(now)));
  }

  function worker(
    id: string,
    incarnation = `${id}#1`,
    slots = 1,
    resume?: { session: string; token: string; received: number },
    principal = 'w',
    fingerprint?: Fingerprint,
  ): WorkerEnd {
    const number = ++lastLink;
    const link: Link = {
      received: [],
      seq: resume?.received ?? 0,
      sent: 0,
      committed: 0,
      renewed: undefined,
      beats: 0,
      welcome: undefined,
      closed: undefined,
    };
    links.set(number, link);
    const send = (frame: WorkerFrame): void => input({ kind: 'frameReceived', link: number, frame });
    const registration = { name: id, slots, labels: {}, pid: 1, ...(fingerprint ? { fingerprint } : {}) };
    const hello: Hello = { f: 'hello', protocol: [2], worker: id, incarnation, registration, ...(resume ? { resume } : {}) };
    input({ kind: 'linkOpened', link: number, principal, session: `s${number}`, token: `t${number}`, hello, proof: 'p' });
    const resumed = (link.welcome as { resumed?: { received: number } } | undefined)?.resumed;
    link.sent = resumed?.received ?? 0;
    return {
      link: number,
      received: link.received,
      committed: () => link.committed,
      renewed: () => link.renewed,
      welcome: () => link.welcome as never,
      closed: () => link.closed,
      say(...messages) {
        send({ f: 'data', a: [link.seq, link.seq], m: messages.map((message) => [(link.sent += 1), message]) });
      },
      beat(heldNow, credits) {
        send({ f: 'beat', n: (link.beats += 1), held: heldNow, credits, a: [link.seq, link.seq] });
      },
      assigned: () =>
        link.received.flatMap((message) =>
          message.t === 'assign' ? message.leases.map(({ n, epoch }) => ({ run: message.run, n, epoch })) : [],
        ),
      answerInventory(leases = []) {
        const asked = link.received.findLast((message) => message.t === 'inventory');
        if (asked?.t !== 'inventory') throw new Error('no inventory was asked for');
        this.say({ t: 'inventory', token: asked.token, leases: leases.map((lease) => ({ ...lease })) });
      },
      hangUp: () => input({ kind: 'linkClosed', link: number, reason: 'cut' }),
    };
  }

  input({ kind: 'booted', wall: 0 });
  return {
    store,
    replies,
    notes,
    goaways: () => goaways,
    others,
    commits: (name) => committed.filter((each) => each === name).length,
    published: () => others.flatMap((effect) => (effect.kind === 'publish' ? [effect.event] : [])),
    input,
    pass,
    worker,
    request(request) {
      const before = replies.length;
      input({ kind: 'requested', token: ++token, principal: 'p', request });
      return replies[before];
    },
    hold() {
      holding = true;
    },
    heldBatches: () => held.map(({ ops }) => ops.length),
    land() {
      holding = false;
      const landing = held;
      held = [];
      for (const { batch, ops } of landing) commit(batch, ops);
    },
    restart() {
      holding = false;
      held = [];
      links = new Map();
      node = create();
      input({ kind: 'booted', wall: 0 });
    },
    state: (n, run = 1) => store.rows().tasks.find((row) => row.run === run && row.n === n)!.state,
    deadline: () => node.deadline(),
    now: () => now,
  };
}

/** Submits a sealed run of `count` tasks. */
export function submit(
  scene: Scene,
  count: number,
  policy: Partial<TaskPolicy> = {},
  key = 'k',
  after: Readonly<Record<number, readonly number[]>> = {},
  fingerprint?: Fingerprint,
): ClientReply | undefined {
  const tasks = Array.from({ length: count }, (_, index): TaskSpec => ({
    name: `t${index + 1}`,
    body: { kind: 'noop' },
    policy: { ...DEFAULT_POLICY, ...policy },
    predictedMs: 0,
    ...(after[index + 1] ? { after: after[index + 1]! } : {}),
  }));
  return scene.request({
    kind: 'submit',
    id: runId(`r-${key}`),
    name: 'run',
    spec: {},
    key,
    keyHash: key,
    tasks,
    seal: true,
    ...(fingerprint ? { fingerprint } : {}),
  });
}

/** A worker that is welcome, holds nothing and takes work. */
export function readyWorker(scene: Scene, id: string, slots = 1, incarnation = `${id}#1`): WorkerEnd {
  const end = scene.worker(id, incarnation, slots);
  end.answerInventory();
  return end;
}

export const passed = (lease: LeaseKey): WorkerMessage => ({
  t: 'finished',
  ...lease,
  result: { outcome: 'passed', durationMs: 1, cases: [] },
});
