/**
 * What every transport of sessions must keep, as cases that any test runner can run: the same over WebSockets and in memory.
 */
import { CodedError } from '@holdfast/kernel';
import type { ManagerOptions, SessionServer, WorkerReconnectionManager } from '@holdfast/reconnection-core/manager';
import type { Dialer } from '@holdfast/reconnection-core/manager';
import { createMemoryCoordinator, type MemoryCoordinator } from './memory-coordinator.ts';
import { createMemoryWorker } from './memory-worker.ts';

/** How sessions travel. */
export interface SessionTransport {
  /** Makes a server reachable; resolves with its URL. */
  listen(server: SessionServer): Promise<string>;
  /** Default: WebSockets. */
  readonly dialer?: Dialer;
  /** Cuts every link without a word. */
  cut(): void;
  /** Ends what `listen` began. */
  close(): Promise<void>;
}

export interface SessionCase {
  readonly name: string;
  run(transport: SessionTransport): Promise<void>;
}

/** The cases. Each rejects with what was not kept. */
export const SESSION_SUITE: readonly SessionCase[] = [
  {
    name: 'I2 messages both ways -> each once, in order, settled',
    run: (transport) =>
      inBench(transport, async ({ coordinator, worker, until }) => {
        const heard: unknown[] = [];
        worker.on('message', ({ n }) => heard.push(n));
        worker.start();
        for (let n = 0; n < 50; n += 1) worker.send({ t: 'line', n });
        await until('the worker to be connected', () => worker.state === 'connected');
        for (let n = 0; n < 50; n += 1) coordinator.peer()!.send({ t: 'line', n });
        await until('all messages', () => coordinator.messages.length === 50 && heard.length === 50 && worker.kept === 0);
        equal(
          coordinator.messages.map(({ n }) => n),
          ORDER,
          'what the server heard',
        );
        equal(heard, ORDER, 'what the worker heard');
      }),
  },
  {
    name: 'I3 link cut again and again under traffic -> resumed, nothing lost, nothing twice; one loss is one reconnection (D17)',
    run: (transport) =>
      inBench(transport, async ({ coordinator, worker, until }) => {
        const how: string[] = [];
        worker.on('opened', (each) => how.push(each));
        worker.start();
        await until('the worker to be connected', () => worker.state === 'connected');
        for (let n = 0; n < 50; n += 1) {
          worker.send({ t: 'line', n });
          if (n % 10 !== 9) continue;
          const opened = how.length;
          transport.cut();
          await until('the session to go on', () => how.length > opened);
        }
        await until('all messages', () => worker.kept === 0);
        equal(
          coordinator.messages.map(({ n }) => n),
          ORDER,
          'what the server heard',
        );
        equal(how, ['fresh', 'resumed', 'resumed', 'resumed', 'resumed', 'resumed'], 'how sessions opened');
        const { connection } = worker.stats.snapshot(0 as never);
        equal([connection.reconnections, connection.reconnectionMs.count], [5, 5], 'reconnections');
      }),
  },
  {
    name: 'S1 the server begins anew -> fresh, and what it had not committed is offered again under its key',
    run: (transport) =>
      inBench(transport, async ({ coordinator, worker, until, listen }) => {
        // It takes messages and never says that they are durable.
        coordinator.server.removeAllListeners('message').on('message', (_peer, _payload, _commit) => undefined);
        worker.start();
        worker.send({ t: 'line', n: 1 }, { key: 'mine' });
        await until('the worker to be connected', () => worker.state === 'connected');
        const how: string[] = [];
        worker.on('opened', (each, _reason, url) => how.push(`${each} ${new URL(url).host}`));
        const next = await listen();
        await until('the other server to hear it', () => next.coordinator.messages.length === 1 && worker.kept === 0);
        equal(how, [`fresh ${new URL(next.url).host}`], 'how the session opened');
      }),
  },
  {
    name: 'S3 a wrong secret -> refused for good; reconnect() is the way out',
    run: (transport) =>
      inBench(
        transport,
        async ({ worker, until }) => {
          const failures: number[] = [];
          worker.on('failed', (code) => failures.push(code));
          worker.start();
          await until('the refusal', () => worker.state === 'failed');
          worker.reconnect();
          await until('the second refusal', () => failures.length === 2);
          equal(failures, [4401, 4401], 'codes');
        },
        { credential: { key: 'test', secret: 'another one' } },
      ),
  },
  {
    name: 'D24 another process under the same id -> the older ends with 4409, and its end does not touch the newer',
    run: (transport) =>
      inBench(transport, async ({ coordinator, worker, until, another }) => {
        worker.start();
        await until('the first to be connected', () => worker.state === 'connected');
        const failures: number[] = [];
        worker.on('failed', (code) => failures.push(code));
        const newer = another();
        newer.start();
        await until('the first to be superseded', () => worker.state === 'failed');
        newer.send({ t: 'line', n: 1 });
        await until('the newer to be heard', () => newer.kept === 0);
        equal([failures, newer.state, coordinator.server.peers.length], [[4409], 'connected', 1], 'who is left');
        await newer.shutdown();
      }),
  },
  {
    name: 'D8 D9 nobody listens, attemptsMax 3 -> exactly three dials, then failed',
    run: (transport) =>
      inBench(
        transport,
        async ({ worker, until }) => {
          worker.start();
          await until('giving up', () => worker.state === 'failed');
          equal(worker.stats.snapshot(0 as never).connection.attempts, 3, 'dials');
        },
        { urls: 'ws://127.0.0.1:9', attemptsMax: 3 },
      ),
  },
  {
    name: 'D10 force reconnect -> one new link, the session goes on',
    run: (transport) =>
      inBench(transport, async ({ coordinator, worker, until }) => {
        const how: string[] = [];
        worker.on('opened', (each) => how.push(each));
        worker.start();
        await until('the worker to be connected', () => worker.state === 'connected');
        worker.reconnect();
        worker.send({ t: 'line', n: 1 });
        await until('the message', () => coordinator.messages.length === 1 && worker.kept === 0);
        equal([how, worker.stats.snapshot(0 as never).connection.attempts], [['fresh', 'resumed'], 2], 'sessions and dials');
      }),
  },
  {
    name: 'D12 D19 D20 a task over a cut link -> run once, its result is what the handler returned, told once; a checkpoint arrives and is resumed',
    run: (transport) =>
      inBench(transport, async ({ coordinator, worker, until }) => {
        const go = Promise.withResolvers<void>();
        let runs = 0;
        worker.handle('module', async (task, context) => {
          runs += 1;
          const { page = 0 } = (task.resumeFrom?.data ?? {}) as { page?: number };
          context.checkpoint({ page: page + 1 });
          await go.promise;
          return { outcome: 'failed', reason: 'it says so' };
        });
        worker.start();
        const task = coordinator.assign('long', undefined, { seq: 7, data: { page: 41 } });
        await until('the checkpoint', () => task.checkpoint !== undefined);
        transport.cut();
        go.resolve();
        await until('the result', () => task.result !== undefined && worker.kept === 0);
        equal([runs, task.offered, task.started], [1, 1, 1], 'runs, results, starts');
        equal(
          [task.result!.outcome, task.result!.reason, task.checkpoint],
          ['failed', 'it says so', { seq: 8, data: { page: 42 } }],
          'what was told',
        );
        const { checkpoints } = worker.stats.snapshot(0 as never);
        equal([checkpoints.created, checkpoints.restored, checkpoints.restorationRatio], [1, 1, 1], 'checkpoints');
      }),
  },
  {
    name: 'D12 a task is cancelled -> its handler is told, its result is not',
    run: (transport) =>
      inBench(transport, async ({ coordinator, worker, until }) => {
        let aborted = false;
        worker.handle('*', async (_task, { signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          aborted = true;
        });
        worker.start();
        const task = coordinator.assign('unwanted');
        await until('its start', () => task.started === 1);
        coordinator.cancel('unwanted');
        await until('its end', () => aborted);
        worker.send({ t: 'line', n: 1 });
        await until('a later message', () => coordinator.messages.length === 1);
        equal(task.offered, 0, 'results');
      }),
  },
  {
    name: 'R3 a listener throws -> counted, the connection goes on',
    run: (transport) =>
      inBench(transport, async ({ coordinator, worker, until }) => {
        worker.on('opened', () => {
          throw new Error('of the listener');
        });
        worker.start();
        worker.send({ t: 'line', n: 1 });
        await until('the message', () => coordinator.messages.length === 1);
        equal(worker.listenerErrors, 1, 'errors of listeners');
      }),
  },
];

interface Bench {
  readonly coordinator: MemoryCoordinator;
  readonly worker: WorkerReconnectionManager;
  until(what: string, holds: () => boolean): Promise<void>;
  /** Another process under the same id. */
  another(): WorkerReconnectionManager;
  /** A second coordinator, which the worker knows as its second URL. */
  listen(): Promise<{ readonly coordinator: MemoryCoordinator; readonly url: string }>;
}

async function inBench(
  transport: SessionTransport,
  act: (bench: Bench) => Promise<void>,
  options: Partial<ManagerOptions> = {},
): Promise<void> {
  const coordinator = createMemoryCoordinator();
  const second = createMemoryCoordinator();
  const urls = [await transport.listen(coordinator.server), await transport.listen(second.server)];
  const create = (): WorkerReconnectionManager => createMemoryWorker(transport.dialer, urls, options);
  const worker = create();
  try {
    await act({
      coordinator,
      worker,
      until,
      another: create,
      async listen() {
        // The first one turns everybody away from now on.
        await coordinator.server.close();
        return { coordinator: second, url: new URL(urls[1]!).href };
      },
    });
  } finally {
    await worker.shutdown();
    await Promise.all([coordinator.server.close(), second.server.close()]);
    await transport.close();
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new CodedError('TESTKIT_NOT_KEPT', `see ${what} within ${DEADLINE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function equal(found: unknown, wanted: unknown, what: string): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (one !== other) throw new CodedError('TESTKIT_NOT_KEPT', `find ${other} as ${what}: it is ${one}`);
}

const ORDER = Array.from({ length: 50 }, (_, n) => n);
const DEADLINE_MS = 30_000;
