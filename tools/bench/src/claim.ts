/** A long queue: what it costs to start on it, to hold it, and to claim from it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { authStoreUrl } from '@holdfast/auth/sqlite';
import { openSqliteThread } from '@holdfast/committer/sqlite';
import type { Claimed } from '@holdfast/task-store';
import { SQLITE_STORE_URL } from '@holdfast/task-store/sqlite';
import { temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { type BenchReport, figureOf, percentileOf } from './report.ts';
import { startCoordinator } from './servers.ts';
import { addTasks, claim, HELLO, openRun, runOf, valueOf, work } from './store-ops.ts';
import { usageOf } from './usage.ts';

/** Fills the file of a coordinator by the store's own ops, claims from it, then starts a coordinator on it. */
export async function benchClaim({ repetitions = 3, size = 1_000_000, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const folder = temporaryFolder();
  const data = join(folder, 'coordinator');
  mkdirSync(data);
  const store = await openSqliteThread({ path: join(data, 'holdfast.db'), modules: [SQLITE_STORE_URL, authStoreUrl] });
  const run = runOf((await store.commit([openRun('queued')]))[0]);
  await store.commit([HELLO]);
  for (let have = 0; have < size; have += PER_CALL) await store.commit([addTasks(run, Math.min(PER_CALL, size - have))]);
  say(`${size} tasks are queued`);

  const claimMs: number[] = [];
  for (let turn = 0; turn < CLAIMS; turn += 1) {
    const from = performance.now();
    const [verdict] = await store.commit([claim(CREDITS)]);
    claimMs.push(performance.now() - from);
    await store.commit([...work(valueOf<Claimed>(verdict)), addTasks(run, CREDITS)]);
  }
  await store.close();

  const coldStartMs: number[] = [];
  const rss: number[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    const from = performance.now();
    const coordinator = await startCoordinator(folder);
    coldStartMs.push(performance.now() - from);
    await new Promise((next) => setTimeout(next, REST_MS));
    const usage = usageOf(coordinator.pid);
    if (usage) rss.push(usage.rssMb);
    const { ready } = await coordinator.client.status();
    const queued = ready.reduce((sum, { count }) => sum + count, 0);
    await coordinator.stop();
    if (queued !== size) throw new Error(`${queued} of ${size} tasks are queued`);
    say(`${repetition}/${repetitions}: started in ${coldStartMs.at(-1)!.toFixed(0)} ms, ${rss.at(-1)?.toFixed(1) ?? '?'} MB`);
  }
  return {
    name: 'claim',
    conditions: {
      ...conditions,
      sizes: { tasks: size, claims: CLAIMS, creditsPerClaim: CREDITS },
      repetitions,
      claim_p99_ms: `one claim of ${CREDITS} tasks alone in its transaction, from the call to the verdict behind the writer thread, durable (synchronous=FULL)`,
      cold_start_ms: 'from the start of the process until it listens and its node runs, on the file with the queue',
      memory: 'resident memory of the coordinator process by /proc/PID/status, in millions of bytes, 1 s after it listens',
    },
    figures: {
      claim_p50_ms: percentileOf(claimMs, 0.5, 'ms'),
      claim_p99_ms: percentileOf(claimMs, 0.99, 'ms'),
      cold_start_ms: figureOf(coldStartMs, 'ms'),
      ...(rss.length > 0 ? { rss_mb: figureOf(rss, 'MB') } : {}),
    },
    notMeasured: rss.length > 0 ? [] : ['rss_mb: this system has no /proc'],
  };
}

const PER_CALL = 1000;
const CLAIMS = 1000;
const CREDITS = 64;
const REST_MS = 1000;
