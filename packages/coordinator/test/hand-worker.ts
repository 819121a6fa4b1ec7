/** A worker made by hand over a real socket: it takes what it is assigned and ends it when the test says so. */
import { parseToken } from '@holdfast/auth';
import { nodeEntropy, nodeMac } from '@holdfast/kernel/node';
import type { AttemptResult } from '@holdfast/model';
import {
  type Challenge,
  coordinatorFrame,
  coordinatorMessage,
  type CoordinatorFrame,
  type CoordinatorMessage,
  createHeldDigest,
  type Hello,
  hexOf,
  keysOf,
  proofOf,
  SUBPROTOCOL,
  transcriptOf,
  WORKER_PATH,
  type WorkerMessage,
} from '@holdfast/protocol';
import { WebSocket } from 'ws';

export type Lease = { readonly run: number; readonly n: number; readonly epoch: number };

export interface HandWorker {
  /** Resolves with the next assignment of a task, each once. */
  assigned(n: number): Promise<Lease>;
  send(message: WorkerMessage): void;
  /** One heartbeat that tells what it holds and has received, and how much more it wants: by default nothing. */
  beat(credits?: number): void;
  finish(lease: Lease, outcome?: AttemptResult['outcome']): void;
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
  /** All frames so far, data unpacked into `messages`. */
  readonly frames: readonly CoordinatorFrame[];
  readonly messages: readonly CoordinatorMessage[];
  /** How many of its messages are committed; how many it sent. */
  progress(): { readonly sent: number; readonly committed: number };
  readonly socket: WebSocket;
}

export interface HandWorkerOptions {
  readonly worker?: string;
  readonly incarnation?: string;
  readonly slots?: number;
  /** Asks to go on with a session. */
  readonly resume?: Hello['resume'];
  /** Leases of an earlier link. */
  readonly held?: readonly Lease[];
}

/** A socket to the worker path that has said nothing yet. */
export const openLink = (url: string, protocols: string | string[] = SUBPROTOCOL): WebSocket =>
  new WebSocket(url.replace(/^http/, 'ws') + WORKER_PATH, protocols);

/** A hello under the key of `token`. */
export function helloText(token: string, options: HandWorkerOptions = {}, more: Readonly<Record<string, unknown>> = {}): string {
  const worker = options.worker ?? 'w1';
  return JSON.stringify({
    f: 'hello',
    protocol: [2],
    worker,
    incarnation: options.incarnation ?? 'i1',
    registration: { name: worker, slots: options.slots ?? 4, labels: {}, pid: process.pid },
    key: parseToken(token)!.keyId,
    nonce: hexOf(nodeEntropy.bytes(32)),
    ...more,
  });
}

/** The proof of `token` for a challenge. */
export const proofText = (token: string, hello: string, challenge: Challenge): string =>
  JSON.stringify({
    f: 'proof',
    proof: proofOf(nodeMac, keysOf(nodeMac, parseToken(token)!.secret), transcriptOf(hello, challenge)),
  });

/** Connects, says hello and answers inventories with what it holds. */
export async function handWorker(url: string, token: string, options: HandWorkerOptions = {}): Promise<HandWorker> {
  const socket = openLink(url);
  const leases = new Map((options.held ?? []).map((lease) => [lease.n, lease]));
  const frames: CoordinatorFrame[] = [];
  const messages: CoordinatorMessage[] = [];
  let committed = 0;
  const waiting = new Map<number, (lease: Lease) => void>();
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  const hello = helloText(token, options, options.resume ? { resume: options.resume } : {});
  let sent = 0;
  let beats = 0;
  let received = 0;
  const send = (message: WorkerMessage): void => {
    sent += 1;
    socket.send(JSON.stringify({ f: 'data', a: [received, received], m: [[sent, message]] }));
  };
  const take = (message: CoordinatorMessage): void => {
    messages.push(message);
    if (message.t === 'inventory') {
      send({
        t: 'inventory',
        token: message.token,
        leases: [...leases.values()].map((lease) => ({ ...lease, state: 'running' as const })),
      });
    } else if (message.t === 'assign') {
      for (const { n, epoch } of message.leases) {
        const lease = { run: message.run, n, epoch };
        leases.set(n, lease);
        waiting.get(n)?.(lease);
        waiting.delete(n);
      }
    }
  };
  socket.on('message', (data) => {
    const frame = coordinatorFrame.parse(JSON.parse((data as Buffer).toString('utf8')));
    frames.push(frame);
    if ('a' in frame) committed = Math.max(committed, frame.a[1]);
    if (frame.f === 'challenge') return socket.send(proofText(token, hello, frame));
    if (frame.f !== 'data') return;
    for (const [seq, payload] of frame.m) {
      received = seq;
      take(coordinatorMessage.parse(payload));
    }
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.on('error', () => {
    /* ignored: `closed` tells the end of a socket. */
  });
  socket.send(hello);
  return {
    send,
    closed,
    socket,
    frames,
    messages,
    progress: () => ({ sent, committed }),
    beat(credits = 0) {
      const held = createHeldDigest();
      for (const lease of leases.values()) held.add(`${lease.run}.${lease.n}.${lease.epoch}`);
      socket.send(JSON.stringify({ f: 'beat', n: (beats += 1), a: [received, received], held: held.value(), credits }));
    },
    assigned: (n) => {
      const lease = leases.get(n);
      return lease ? Promise.resolve(lease) : new Promise((resolve) => waiting.set(n, resolve));
    },
    finish(lease, outcome = 'passed') {
      leases.delete(lease.n);
      send({ t: 'finished', ...lease, result: { outcome, durationMs: 1, cases: [] } });
    },
  };
}
