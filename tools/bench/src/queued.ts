/** How much memory a coordinator needs for a queue that nobody works on. */
import type { TaskInput } from '@holdfast/client';
import { temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { type BenchReport, figureOf } from './report.ts';
import { startCoordinator } from './servers.ts';
import { usageOf } from './usage.ts';

/** Fills the queue of a coordinator without workers and asks the kernel how large it is then. */
export async function benchQueued({ repetitions = 3, size = 100_000, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const rss: number[] = [];
  const peak: number[] = [];
  const empty: number[] = [];
  const read: number[] = [];
  const perSecond: number[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    const sample = await fill(size);
    perSecond.push(sample.perSecond);
    if (sample.usage) {
      rss.push(sample.usage.full.rssMb);
      peak.push(sample.usage.full.rssPeakMb);
      empty.push(sample.usage.empty.rssMb);
      read.push(sample.usage.read.rssMb);
    }
    say(`${repetition}/${repetitions}: ${sample.usage?.full.rssMb.toFixed(1) ?? '?'} MB with ${size} tasks queued`);
  }
  const measured = rss.length > 0;
  return {
    name: 'queued',
    conditions: {
      ...conditions,
      sizes: { tasks: size, tasksPerCall: PER_CALL, kind: 'test, one file each, in one sealed run' },
      repetitions,
      memory:
        'resident memory of the coordinator process by /proc/PID/status, in millions of bytes, 1 s after the last answer; no worker connected; rss_read_mb after the first query of the API, which starts the thread of the reader',
    },
    figures: {
      ...(measured
        ? {
            rss_mb: figureOf(rss, 'MB'),
            rss_peak_mb: figureOf(peak, 'MB'),
            rss_empty_mb: figureOf(empty, 'MB'),
            rss_read_mb: figureOf(read, 'MB'),
          }
        : {}),
      submitted_per_s: figureOf(perSecond, 'tasks/s'),
    },
    notMeasured: measured ? [] : ['rss_mb and the other sizes: this system has no /proc'],
  };
}

async function fill(size: number) {
  const coordinator = await startCoordinator(temporaryFolder());
  try {
    const { client, pid } = coordinator;
    const before = usageOf(pid);
    const from = performance.now();
    const { id } = await client.submit({ name: 'a long queue', tasks: [] });
    for (let have = 0; have < size; have += PER_CALL) await client.addTasks(id, tasksOf(have, Math.min(PER_CALL, size - have)), have);
    await client.seal(id);
    const perSecond = (size * 1000) / (performance.now() - from);
    // Whatever it still does on its own is over by then; nothing of it is waited for by anybody.
    await new Promise((next) => setTimeout(next, 1000));
    const after = usageOf(pid);
    const { counts } = await client.run(id);
    if (counts.remaining !== size) throw new Error(`${counts.remaining} of ${size} tasks are queued`);
    const read = usageOf(pid);
    return { perSecond, usage: before && after && read && { empty: before, full: after, read } };
  } finally {
    await coordinator.stop();
  }
}

const tasksOf = (from: number, count: number): TaskInput[] =>
  Array.from({ length: count }, (_, index) => {
    const n = from + index;
    const file = `packages/part-${n % 97}/test/unit-${n}.test.ts`;
    return { name: file, body: { kind: 'test', unit: { file } }, predictedMs: 100 + (n % 5000) };
  });

const PER_CALL = 1000;
