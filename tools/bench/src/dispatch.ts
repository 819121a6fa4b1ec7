/** What it costs to hand a task to a worker and to record its end durably, when the task itself does nothing. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskInput } from '@holdfast/client';
import type { RunId } from '@holdfast/model';
import { temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { ROOT } from './places.ts';
import { type DatabaseServer, startPostgres, startRedis } from './peers/database-servers.ts';
import { PEERS } from './peers/index.ts';
import { measurePeer } from './peers/measure.ts';
import type { Peer } from './peers/peer.ts';
import { type BenchReport, type Figure, figureOf, percentileOf } from './report.ts';
import { type CoordinatorProcess, startCoordinator, startWorker, type WorkerProcess } from './servers.ts';
import { type Usage, usageOf } from './usage.ts';

/** Throughput first, peers and we taking turns, then one task at a time on the same two processes, idle in between. */
export async function benchDispatch({ repetitions = 5, size = 20_000, alone = false, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const folder = temporaryFolder();
  // A worker belongs to a checkout: an empty one.
  const checkout = join(folder, 'checkout');
  mkdirSync(checkout);
  const servers = alone ? {} : { redis: await startRedis(), postgres: await startPostgres() };
  const peers = alone ? [] : PEERS.map((peer) => measuredPeer(peer, servers[peer.server]));
  const onPostgres: { readonly rate: number; readonly ratio: number }[] = [];
  const coordinator = await startCoordinator(folder);
  try {
    const worker = await startWorker(checkout, coordinator, SLOTS);
    try {
      await throughput(coordinator, worker, WARM_UP_TASKS);
      const rounds: Round[] = [];
      for (let repetition = 1; repetition <= repetitions; repetition += 1) {
        rounds.push(await throughput(coordinator, worker, size));
        say(`${repetition}/${repetitions}: ${rounds.at(-1)!.perSecond.toFixed(0)} tasks/s`);
        for (const peer of peers) await peer.measure(size, rounds.at(-1)!.perSecond, say);
        const beside = peers.find(({ peer }) => peer.name === 'graphile_local_queue');
        if (beside && servers.postgres) {
          const rate = await overPostgres(servers.postgres, size);
          onPostgres.push({ rate, ratio: rate / beside.lastRate()! });
          say(`  we, over PostgreSQL: ${rate.toFixed(0)} tasks/s`);
        }
      }
      const singles = await oneByOne(coordinator, SINGLES);
      const { figures, notMeasured } = figuresOf(rounds, singles);
      return {
        name: 'dispatch',
        conditions: {
          ...conditions,
          sizes: { tasks: size, tasksPerCall: PER_CALL, slots: SLOTS, singles: SINGLES },
          repetitions,
          peers: Object.fromEntries(peers.map(({ peer }) => [peer.name, peer.settings])),
          versions_of_peers: peers.length > 0 ? peerVersions() : {},
          vs: 'our tasks a second by those of the peer in the same repetition; of a peer the better of working while tasks are added and after it',
          durability: 'SQLite, WAL, synchronous=FULL: every grant before it is sent, every result before it is acknowledged',
          processes: 'one coordinator, one worker, one submitter, all on this machine, over real HTTP and WebSockets',
          tasks_per_s: 'from the first submit call until the run is finished in the store, submitting included; asked every 20 ms',
          pickup:
            'from the call that adds one task until the event of its grant, which leaves together with the assignment; the events of the run are followed',
        },
        figures: {
          ...figures,
          ...Object.assign({}, ...peers.map((peer) => peer.figures())),
          ...(onPostgres.length === 0
            ? {}
            : {
                pg_vs_graphile_local_queue: figureOf(
                  onPostgres.map(({ ratio }) => ratio),
                  'ratio',
                ),
                pg_tasks_per_s: figureOf(
                  onPostgres.map(({ rate }) => rate),
                  'tasks/s',
                ),
              }),
        },
        notMeasured: [...notMeasured, ...(alone ? ['the peers: --alone'] : peers.flatMap((peer) => peer.missing()))],
      };
    } finally {
      await worker.stop();
    }
  } finally {
    await coordinator.stop();
    for (const peer of peers) await peer.stop();
  }
}

interface MeasuredPeer {
  readonly peer: Peer;
  measure(size: number, ours: number, say: (line: string) => void): Promise<void>;
  figures(): Readonly<Record<string, Figure>>;
  lastRate(): number | undefined;
  missing(): readonly string[];
  stop(): Promise<void>;
}

/** The same work with the truth in PostgreSQL, over processes of their own. */
async function overPostgres(server: DatabaseServer, size: number): Promise<number> {
  const folder = temporaryFolder();
  const checkout = join(folder, 'checkout');
  mkdirSync(checkout);
  const coordinator = await startCoordinator(folder, await server.fresh());
  try {
    const worker = await startWorker(checkout, coordinator, SLOTS);
    try {
      await throughput(coordinator, worker, WARM_UP_TASKS);
      return (await throughput(coordinator, worker, size)).perSecond;
    } finally {
      await worker.stop();
    }
  } finally {
    await coordinator.stop();
  }
}

function measuredPeer(peer: Peer, server: DatabaseServer | undefined): MeasuredPeer {
  const rates: number[] = [];
  const ratios: number[] = [];
  return {
    peer,
    async measure(size, ours, say) {
      if (!server) return;
      const rate = await measurePeer(peer, server, size);
      rates.push(rate);
      ratios.push(ours / rate);
      say(`  ${peer.name}: ${rate.toFixed(0)} tasks/s`);
    },
    figures: () =>
      rates.length === 0
        ? {}
        : { [`vs_${peer.name}`]: figureOf(ratios, 'ratio'), [`${peer.name}_tasks_per_s`]: figureOf(rates, 'tasks/s') },
    lastRate: () => rates.at(-1),
    missing: () => (server ? [] : [`vs_${peer.name}: there is no ${peer.server} on this machine`]),
    stop: async () => void (await server?.stop()),
  };
}

function peerVersions(): Readonly<Record<string, string>> {
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'tools/bench/package.json'), 'utf8')) as {
    devDependencies: Readonly<Record<string, string>>;
  };
  return Object.fromEntries(Object.entries(devDependencies).filter(([, version]) => !version.startsWith('workspace:')));
}

interface Round {
  readonly perSecond: number;
  /** Undefined where there is no /proc. */
  readonly cpuUs: { readonly coordinator: number; readonly worker: number } | undefined;
  readonly rss: { readonly coordinator: number; readonly worker: number } | undefined;
}

async function throughput(coordinator: CoordinatorProcess, worker: WorkerProcess, size: number): Promise<Round> {
  const { client } = coordinator;
  const before = usages(coordinator, worker);
  const from = performance.now();
  const { id } = await client.submit({ name: 'tasks that do nothing', tasks: [] });
  for (let have = 0; have < size; have += PER_CALL) await client.addTasks(id, noops(Math.min(PER_CALL, size - have)), have);
  await client.seal(id);
  await finished(coordinator, id, size);
  const ms = performance.now() - from;
  const after = usages(coordinator, worker);
  const spent = (who: 'coordinator' | 'worker'): number => (after![who].cpuUs - before![who].cpuUs) / size;
  return {
    perSecond: (size * 1000) / ms,
    cpuUs: after && { coordinator: spent('coordinator'), worker: spent('worker') },
    rss: after && { coordinator: after.coordinator.rssMb, worker: after.worker.rssMb },
  };
}

/** Resolves when all tasks of a run have passed. */
export async function finished({ client }: CoordinatorProcess, id: RunId, size: number): Promise<void> {
  const deadline = performance.now() + ROUND_WITHIN_MS;
  for (;;) {
    const { state, counts } = await client.run(id);
    if (state === 'finished' && counts.passed === size) return;
    if (state === 'finished') throw new Error(`only ${counts.passed} of ${size} tasks passed`);
    if (performance.now() > deadline)
      throw new Error(`${size - counts.passed} of ${size} tasks are open after ${ROUND_WITHIN_MS / 1000} s`);
    await new Promise((next) => setTimeout(next, POLL_MS));
  }
}

interface Singles {
  readonly pickupMs: readonly number[];
  readonly doneMs: readonly number[];
}

/** Adds one task at a time to an open run that is followed, and lets everything come to rest in between. */
async function oneByOne({ client }: CoordinatorProcess, count: number): Promise<Singles> {
  const { id } = await client.submit({ name: 'one at a time', tasks: [] });
  const controller = new AbortController();
  let heard: (what: 'connected' | 'leased' | 'finished', n: number) => void = () => {};
  const connected = new Promise<void>((resolve) => (heard = (what) => what === 'connected' && resolve()));
  const watching = client
    .watchRun(id, {
      signal: controller.signal,
      onNotice: ({ kind }) => kind === 'connected' && heard('connected', 0),
      onEvent(event) {
        if (event.e === 'task' && event.state === 'leased') heard('leased', event.n);
        else if (event.e === 'finished') heard('finished', event.n);
      },
    })
    .catch((error: unknown) => {
      if (!controller.signal.aborted) throw error;
    });
  await connected;
  const pickupMs: number[] = [];
  const doneMs: number[] = [];
  for (let n = 1; n <= count; n += 1) {
    const done = Promise.withResolvers<void>();
    const from = performance.now();
    heard = (what, which) => {
      if (which !== n) return;
      if (what === 'leased') pickupMs.push(performance.now() - from);
      if (what !== 'finished') return;
      doneMs.push(performance.now() - from);
      done.resolve();
    };
    await client.addTasks(id, noops(1), n - 1);
    await Promise.race([done.promise, watching]);
    await new Promise((next) => setTimeout(next, REST_MS));
  }
  controller.abort();
  await watching;
  return { pickupMs, doneMs };
}

function figuresOf(rounds: readonly Round[], { pickupMs, doneMs }: Singles): Pick<BenchReport, 'figures' | 'notMeasured'> {
  const counted = rounds.filter((round) => round.cpuUs !== undefined && round.rss !== undefined);
  return {
    figures: {
      tasks_per_s: figureOf(
        rounds.map((round) => round.perSecond),
        'tasks/s',
      ),
      pickup_p50_ms: percentileOf(pickupMs, 0.5, 'ms'),
      pickup_p99_ms: percentileOf(pickupMs, 0.99, 'ms'),
      recorded_p50_ms: percentileOf(doneMs, 0.5, 'ms'),
      recorded_p99_ms: percentileOf(doneMs, 0.99, 'ms'),
      ...(counted.length === 0
        ? {}
        : {
            cpu_us_per_task: figureOf(
              counted.map((round) => round.cpuUs!.coordinator),
              'us',
            ),
            worker_cpu_us_per_task: figureOf(
              counted.map((round) => round.cpuUs!.worker),
              'us',
            ),
            rss_mb: figureOf(
              counted.map((round) => round.rss!.coordinator),
              'MB',
            ),
            worker_rss_mb: figureOf(
              counted.map((round) => round.rss!.worker),
              'MB',
            ),
          }),
    },
    notMeasured: counted.length === 0 ? ['cpu_us_per_task, rss_mb and the same of the worker: this system has no /proc'] : [],
  };
}

function usages(coordinator: CoordinatorProcess, worker: WorkerProcess): { coordinator: Usage; worker: Usage } | undefined {
  const [ours, theirs] = [usageOf(coordinator.pid), usageOf(worker.pid)];
  return ours && theirs && { coordinator: ours, worker: theirs };
}

/** So many tasks that do nothing. */
export const noops = (count: number): TaskInput[] => Array.from({ length: count }, () => ({ name: 'nothing', body: { kind: 'noop' } }));

const SLOTS = 512;
const PER_CALL = 1000;
const WARM_UP_TASKS = 2000;
const SINGLES = 200;
const REST_MS = 10;
const POLL_MS = 20;
const ROUND_WITHIN_MS = 120_000;
