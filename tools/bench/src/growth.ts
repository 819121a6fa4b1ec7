/** Whether a coordinator under steady load grows. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import { finished, noops } from './dispatch.ts';
import type { BenchOptions } from './main.ts';
import { type BenchReport, figureOf, quantile } from './report.ts';
import { startCoordinator, startWorker } from './servers.ts';
import { usageOf } from './usage.ts';

/** Runs of a thousand tasks, one after another, for so many minutes; the coordinator's memory is read every two seconds. */
export async function benchGrowth({ minutes = 30, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const folder = temporaryFolder();
  const checkout = join(folder, 'checkout');
  mkdirSync(checkout);
  const coordinator = await startCoordinator(folder);
  const worker = await startWorker(checkout, coordinator, SLOTS);
  const samples: number[] = [];
  const sampler = setInterval(() => {
    const usage = usageOf(coordinator.pid);
    if (usage) samples.push(usage.rssMb);
  }, SAMPLE_EVERY_MS);
  const from = performance.now();
  let tasks = 0;
  let told = 0;
  while (performance.now() - from < minutes * 60_000) {
    const { id } = await coordinator.client.submit({ name: 'steady', tasks: [] });
    await coordinator.client.addTasks(id, noops(PER_RUN), 0);
    await coordinator.client.seal(id);
    await finished(coordinator, id, PER_RUN);
    tasks += PER_RUN;
    const passed = Math.floor((performance.now() - from) / 60_000);
    if (passed > told) say(`${(told = passed)} min: ${tasks} tasks, ${samples.at(-1)?.toFixed(1) ?? '?'} MB`);
  }
  clearInterval(sampler);
  await worker.stop();
  await coordinator.stop();
  // What a process needs to get warm is no growth: the first tenth is left out.
  const tenth = Math.max(1, Math.floor(samples.length / 10));
  const middle = (part: readonly number[]): number =>
    quantile(
      part.toSorted((a, b) => a - b),
      0.5,
    );
  const measured = samples.length >= 20;
  return {
    name: 'growth',
    conditions: {
      ...conditions,
      sizes: { minutes, tasksPerRun: PER_RUN, tasks, slots: SLOTS },
      rss_growth_mb: 'median of the last tenth of the time less that of the second tenth, of the coordinator',
    },
    figures: measured
      ? {
          rss_growth_mb: figureOf([middle(samples.slice(-tenth)) - middle(samples.slice(tenth, 2 * tenth))], 'MB'),
          rss_mb: figureOf(samples, 'MB'),
        }
      : {},
    notMeasured: measured ? [] : ['rss_growth_mb: too short, or this system has no /proc'],
  };
}

const SLOTS = 512;
const PER_RUN = 1000;
const SAMPLE_EVERY_MS = 2000;
