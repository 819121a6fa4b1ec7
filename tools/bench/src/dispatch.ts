/** What it costs to hand a task to a worker and to record its end durably, when the task itself does nothing. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskInput } from '@holdfast/client';
import type { RunId } from '@holdfast/model';
import { temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { type BenchReport, figureOf, quantile } from './report.ts';
import { type CoordinatorProcess, startCoordinator, startWorker, type WorkerProcess } from './servers.ts';
import { type Usage, usageOf } from './usage.ts';

/** Throughput first, then one task at a time on the same two processes, idle in between. */
export async function benchDispatch({ repetitions = 5, size = 20_000, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const folder = temporaryFolder();
  // A worker belongs to a checkout: an empty one.
  const checkout = join(folder, 'checkout');
  mkdirSync(checkout);
  const coordinator = await startCoordinator(folder);
  try {
    const worker = await startWorker(checkout, coordinator, SLOTS);
    try {
      await throughput(coordinator, worker, WARM_UP_TASKS);
      const rounds: Round[] = [];
      for (let repetition = 1; repetition <= repetitions; repetition += 1) {
        rounds.push(await throughput(coordinator, worker, size));
        say(`${repetition}/${repetitions}: ${rounds.at(-1)!.perSecond.toFixed(0)} tasks/s`);
      }
      const singles = await oneByOne(coordinator, SINGLES);
      const { figures, notMeasured } = figuresOf(rounds, singles);
      return {
        name: 'dispatch',
        conditions: {
          ...conditions,
          sizes: { tasks: size, tasksPerCall: PER_CALL, slots: SLOTS, singles: SINGLES },
          repetitions,
          durability: 'SQLite, WAL, synchronous=FULL: every grant before it is sent, every result before it is acknowledged',
          processes: 'one coordinator, one worker, one submitter, all on this machine, over real HTTP and WebSockets',
          tasks_per_s: 'from the first submit call until the run is finished in the store, submitting included; asked every 20 ms',
          pickup:
            'from the call that adds one task until the event of its grant, which leaves together with the assignment; the events of the run are followed',
        },
        figures,
        notMeasured,
      };
    } finally {
      await worker.stop();
    }
  } finally {
    await coordinator.stop();
  }
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

async function finished({ client }: CoordinatorProcess, id: RunId, size: number): Promise<void> {
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
  const at = (samples: readonly number[], q: number) => {
    const sorted = samples.toSorted((a, b) => a - b);
    return { ...figureOf(samples, 'ms'), median: Number(quantile(sorted, q).toPrecision(4)) };
  };
  return {
    figures: {
      tasks_per_s: figureOf(
        rounds.map((round) => round.perSecond),
        'tasks/s',
      ),
      // Of a percentile, `median` holds the percentile itself, `min` and `max` the extremes of all samples.
      pickup_p50_ms: at(pickupMs, 0.5),
      pickup_p99_ms: at(pickupMs, 0.99),
      recorded_p50_ms: at(doneMs, 0.5),
      recorded_p99_ms: at(doneMs, 0.99),
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

const noops = (count: number): TaskInput[] => Array.from({ length: count }, () => ({ name: 'nothing', body: { kind: 'noop' } }));

const SLOTS = 256;
const PER_CALL = 1000;
const WARM_UP_TASKS = 2000;
const SINGLES = 200;
const REST_MS = 10;
const POLL_MS = 20;
const ROUND_WITHIN_MS = 120_000;
