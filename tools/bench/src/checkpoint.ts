/** How many checkpoints of running tasks become durable in a second. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openSqliteThread } from '@holdfast/committer/sqlite';
import type { Claimed } from '@holdfast/task-store';
import { SQLITE_STORE_URL } from '@holdfast/task-store/sqlite';
import { temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { type BenchReport, figureOf } from './report.ts';
import { addTasks, claim, HELLO, openRun, saveCheckpoint, valueOf } from './store-ops.ts';

/** Every task saves its next state as soon as the last one is committed: one transaction holds one of each. */
export async function benchCheckpoint({ repetitions = 5, size = 20_000, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const store = await openSqliteThread({ path: join(temporaryFolder(), 'store.db'), modules: [SQLITE_STORE_URL] });
  const verdicts = await store.commit([openRun('saving'), HELLO, addTasks(1, TASKS), claim(TASKS)]);
  if (valueOf<Claimed>(verdicts.at(-1)).grants.length !== TASKS) throw new Error('not all tasks were granted');
  const states = Array.from({ length: TASKS }, () => randomBytes((STATE_BYTES / 4) * 3).toString('base64'));
  const perSecond: number[] = [];
  let seq = 0;
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    const from = performance.now();
    for (let saved = 0; saved < size; saved += TASKS) {
      seq += 1;
      const answers = await store.commit(states.map((state, index) => saveCheckpoint(index + 1, seq, state)));
      for (const answer of answers) valueOf(answer);
    }
    perSecond.push((Math.ceil(size / TASKS) * TASKS * 1000) / (performance.now() - from));
    say(`${repetition}/${repetitions}: ${perSecond.at(-1)!.toFixed(0)} checkpoints/s`);
  }
  await store.close();
  return {
    name: 'checkpoint',
    conditions: {
      ...conditions,
      sizes: { tasks: TASKS, stateBytes: STATE_BYTES, checkpoints: size },
      repetitions,
      durability: 'SQLite, WAL, synchronous=FULL, with the digest of each state; the last two of each task are kept',
    },
    figures: { checkpoints_per_s: figureOf(perSecond, 'checkpoints/s') },
    notMeasured: [],
  };
}

const TASKS = 64;
const STATE_BYTES = 4096;
