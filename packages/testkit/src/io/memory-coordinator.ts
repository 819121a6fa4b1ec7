/**
 * A coordinator in memory: hands out tasks, records one result of each, settles inventories. It speaks the protocol that the
 * real one speaks, and passes the same suite; it has no store, no schedule and no policies.
 */
import { durationMs } from '@holdfast/kernel';
import { type WorkerMessage, workerMessage } from '@holdfast/protocol';
import { type Peer, SessionServer, type SessionServerOptions } from '@holdfast/reconnection-core/manager';

type Result = Extract<WorkerMessage, { t: 'finished' }>['result'];

export interface MemoryTask {
  /** `run.n.epoch`. */
  readonly lease: string;
  readonly name: string;
  readonly input: unknown;
  /** Undefined: not yet. */
  result: Result | undefined;
  /** Results that came, repeated ones included. */
  offered: number;
  /** The latest checkpoint. */
  checkpoint: { readonly seq: number; readonly data: unknown } | undefined;
  started: number;
}

export interface MemoryCoordinator {
  readonly server: SessionServer;
  /** Tasks by name. */
  readonly tasks: ReadonlyMap<string, MemoryTask>;
  /** Hands a module task to the worker that is connected, or to the next one that comes. */
  assign(name: string, input?: unknown, resumeFrom?: { readonly seq: number; readonly data: unknown }): MemoryTask;
  /** Takes a task away again. */
  cancel(name: string): void;
  /** Messages that are not about tasks, in order. */
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  peer(): Peer | undefined;
}

/** Who may come to a coordinator of tests. */
export const MEMORY_CREDENTIAL = { key: 'test', secret: 'a secret of tests' } as const;

/** Creates a coordinator that knows `MEMORY_CREDENTIAL`. */
export function createMemoryCoordinator(options: Partial<SessionServerOptions> = {}): MemoryCoordinator {
  const server = new SessionServer({
    secrets: { [MEMORY_CREDENTIAL.key]: MEMORY_CREDENTIAL.secret },
    heartbeatEvery: durationMs(1000),
    ...options,
  });
  const tasks = new Map<string, MemoryTask>();
  const messages: Readonly<Record<string, unknown>>[] = [];
  const waiting: (() => void)[] = [];
  let reconciled = false;
  let peer: Peer | undefined;

  const byLease = (lease: { run: number; n: number; epoch: number }): MemoryTask | undefined =>
    [...tasks.values()].find((task) => task.lease === `${lease.run}.${lease.n}.${lease.epoch}`);
  const dispatch = (): void => {
    if (reconciled) for (const give of waiting.splice(0)) give();
  };

  function take(from: Peer, message: WorkerMessage): void {
    if (message.t === 'inventory') {
      const keep = message.leases.filter((lease) => byLease(lease) !== undefined && byLease(lease)!.result === undefined);
      from.send({ t: 'reconciled', token: message.token, keep: keep.map(({ run, n, epoch }) => ({ run, n, epoch })) }, 'critical');
      reconciled = true;
      return dispatch();
    }
    if (!('epoch' in message)) return;
    const task = byLease(message);
    if (!task) return;
    if (message.t === 'started') task.started += 1;
    else if (message.t === 'checkpoint') task.checkpoint = { seq: message.seq, data: message.data };
    else if (message.t === 'finished') {
      task.offered += 1;
      // One result counts.
      task.result ??= message.result;
    }
  }

  server.on('opened', (who, how) => {
    peer = who;
    if (how === 'resumed') return;
    reconciled = false;
    who.send({ t: 'inventory', token: 1 }, 'critical');
  });
  server.on('message', (from, payload) => {
    const message = workerMessage.safeParse(payload);
    if (message.success) take(from, message.data);
    else messages.push(payload);
  });

  return {
    server,
    tasks,
    messages,
    peer: () => peer,
    assign(name, input, resumeFrom) {
      const n = tasks.size + 1;
      const task: MemoryTask = { lease: `1.${n}.1`, name, input, result: undefined, offered: 0, checkpoint: undefined, started: 0 };
      tasks.set(name, task);
      waiting.push(() => {
        peer?.send({ t: 'run', run: 1, id: 'run-of-tests', spec: {} }, 'high');
        const body = { kind: 'module', path: './task.js', ...(input === undefined ? {} : { input }) };
        const lease = {
          n,
          epoch: 1,
          name,
          body,
          timeoutMs: 0,
          graceMs: 5000,
          onDisconnect: 'hedge',
          ...(resumeFrom ? { resumeFrom } : {}),
        };
        peer?.send({ t: 'assign', run: 1, leases: [lease] }, 'high');
      });
      dispatch();
      return task;
    },
    cancel(name) {
      const [run = 0, n = 0, epoch = 0] = tasks.get(name)?.lease.split('.').map(Number) ?? [];
      peer?.send({ t: 'stop', run, n, epoch, as: 'cancelled' }, 'critical');
    },
  };
}
