/** A worker made by hand over a real socket: it takes what it is assigned and ends it when the test says so. */
import type { AttemptResult } from '@holdfast/model';
import {
  coordinatorFrame,
  coordinatorMessage,
  type CoordinatorMessage,
  SUBPROTOCOL,
  WORKER_PATH,
  type WorkerMessage,
} from '@holdfast/protocol';
import { WebSocket } from 'ws';

type Lease = { readonly run: number; readonly n: number; readonly epoch: number };

export interface HandWorker {
  /** Resolves with the next assignment of a task, each once. */
  assigned(n: number): Promise<Lease>;
  send(message: WorkerMessage): void;
  finish(lease: Lease, outcome?: AttemptResult['outcome']): void;
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
  readonly socket: WebSocket;
}

export interface HandWorkerOptions {
  readonly worker?: string;
  readonly incarnation?: string;
  readonly slots?: number;
}

/** Connects, says hello and answers inventories with what it holds. */
export async function handWorker(url: string, token: string, options: HandWorkerOptions = {}): Promise<HandWorker> {
  const socket = new WebSocket(url.replace(/^http/, 'ws') + WORKER_PATH, SUBPROTOCOL, { headers: { authorization: `Bearer ${token}` } });
  const leases = new Map<number, Lease>();
  const waiting = new Map<number, (lease: Lease) => void>();
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  let sent = 0;
  let received = 0;
  const send = (message: WorkerMessage): void => {
    sent += 1;
    socket.send(JSON.stringify({ f: 'data', a: [received, received], m: [[sent, message]] }));
  };
  const take = (message: CoordinatorMessage): void => {
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
  socket.send(
    JSON.stringify({
      f: 'hello',
      protocol: [1],
      worker: options.worker ?? 'w1',
      incarnation: options.incarnation ?? 'i1',
      registration: { name: options.worker ?? 'w1', slots: options.slots ?? 4, labels: {}, pid: process.pid },
    }),
  );
  return {
    send,
    closed,
    socket,
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
