/** What the committer adds to SQLite, and whether what the disk does reaches the event loop of its owner. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import type { Op } from '@holdfast/committer';
import { openSqliteCommitter, openSqliteThread, type SqliteCommitter, type SqliteModule } from '@holdfast/committer/sqlite';
import type { Claimed } from '@holdfast/task-store';
import { SQLITE_STORE_URL } from '@holdfast/task-store/sqlite';
import { owned, temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { percentileOf, type BenchReport, figureOf } from './report.ts';
import { addTasks, claim, HELLO, openRun, runOf, valueOf, work } from './store-ops.ts';

/** Takes turns: raw SQLite, the committer, and a thread under load beside a process that keeps the disk busy. */
export async function benchStore({ repetitions = 5, size = 2000, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const single: number[] = [];
  const batched: number[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    const raw = rawRates(size);
    const ours = await committerRates(size);
    single.push(ours.single / raw.single);
    batched.push(ours.batched / raw.batched);
    say(
      `${repetition}/${repetitions}: one row ${ours.single.toFixed(0)} of ${raw.single.toFixed(0)} commits/s, batches ${ours.batched.toFixed(0)} of ${raw.batched.toFixed(0)} rows/s`,
    );
  }
  const loaded = await underLoad(LOAD_MS);
  const slow = await underLoad(LOAD_MS, true);
  return {
    name: 'store',
    conditions: {
      ...conditions,
      sizes: { commits: size, rowsPerBatch: BATCH },
      repetitions,
      durability: 'SQLite, WAL, synchronous=FULL, on both sides; the same statement in the same table',
      load: `tasks through their whole life in a thread, batches of ${BATCH} tasks, WAL checkpoints in between; _slow_disk: while another process writes and syncs 4 MiB again and again`,
      main_loop_delay: 'of the process that owns the thread; resolution 1 ms, which is part of the figure',
    },
    figures: {
      commit_vs_raw: figureOf(single, 'ratio'),
      batch_vs_raw: figureOf(batched, 'ratio'),
      db_op_avg_ms: figureOf([average(loaded.commitMs)], 'ms'),
      commit_p99_ms: percentileOf(loaded.commitMs, 0.99, 'ms'),
      main_loop_delay_p99_ms: figureOf([loaded.loopP99Ms, slow.loopP99Ms], 'ms'),
      db_op_avg_slow_disk_ms: figureOf([average(slow.commitMs)], 'ms'),
      main_loop_delay_slow_disk_p99_ms: figureOf([slow.loopP99Ms], 'ms'),
    },
    notMeasured: [],
  };
}

interface Rates {
  readonly single: number;
  readonly batched: number;
}

const INSERT = 'INSERT INTO rows VALUES (NULL, ?, ?)';
const TABLE = 'CREATE TABLE rows (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, value INTEGER NOT NULL) STRICT';

function rawRates(size: number): Rates {
  const db = new Database(join(temporaryFolder(), 'raw.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('wal_autocheckpoint = 0');
  db.exec(TABLE);
  const insert = db.prepare(INSERT);
  const [begin, commit] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')];
  const rates = ratesOf(size, (count) => {
    begin.run();
    for (let row = 0; row < count; row += 1) insert.run('row', row);
    commit.run();
  });
  db.close();
  return rates;
}

async function committerRates(size: number): Promise<Rates> {
  const module: SqliteModule = {
    name: 'bench',
    migrations: {
      '0001_rows': {
        up: async (db) =>
          void (await db.schema
            .createTable('rows')
            .addColumn('id', 'integer', (column) => column.primaryKey())
            .addColumn('kind', 'text', (column) => column.notNull())
            .addColumn('value', 'integer', (column) => column.notNull())
            .execute()),
      },
    },
    open(tx) {
      const insert = tx.prepare(INSERT);
      return (op) => ({ kind: 'applied', value: insert.run('row', (op as Op & { row: number }).row).changes });
    },
  };
  const committer: SqliteCommitter = await openSqliteCommitter({ path: join(temporaryFolder(), 'ours.db'), modules: [module] });
  const rates = ratesOf(size, (count) => {
    committer.commit(Array.from({ length: count }, (_, row) => ({ op: 'bench.add', row })));
  });
  committer.close();
  return rates;
}

function ratesOf(size: number, commit: (count: number) => void): Rates {
  const time = (times: number, count: number): number => {
    const from = performance.now();
    for (let turn = 0; turn < times; turn += 1) commit(count);
    return (times * count * 1000) / (performance.now() - from);
  };
  time(size / 10, 1);
  const single = time(size, 1);
  time(size / 100, BATCH);
  return { single, batched: time(size / 10, BATCH) };
}

/** Keeps a store's thread busy and watches the loop of this process. */
async function underLoad(ms: number, slowDisk = false): Promise<{ commitMs: number[]; loopP99Ms: number }> {
  const folder = temporaryFolder();
  const disk = slowDisk ? owned(spawn(process.execPath, ['-e', BUSY_DISK, join(folder, 'noise')], { stdio: 'ignore' })) : undefined;
  const store = await openSqliteThread({ path: join(folder, 'store.db'), modules: [SQLITE_STORE_URL] });
  await store.commit([HELLO]);
  const commitMs: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const commit = async (ops: Op[]) => {
    const from = performance.now();
    const verdicts = await store.commit(ops);
    commitMs.push(performance.now() - from);
    return verdicts;
  };
  let held: Claimed = { grants: [], skipped: [] };
  const until = performance.now() + ms;
  delay.enable();
  for (let turn = 0; performance.now() < until; turn += 1) {
    const run = runOf((await commit([openRun(`r${turn}`)]))[0]);
    const verdicts = await commit([addTasks(run, BATCH), ...work(held), claim(BATCH)]);
    held = valueOf<Claimed>(verdicts.at(-1));
  }
  delay.disable();
  disk?.kill('SIGKILL');
  await store.close();
  return { commitMs, loopP99Ms: delay.percentile(99) / 1e6 };
}

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const BATCH = 64;
const LOAD_MS = 10_000;
const BUSY_DISK = `
  const fs = require('node:fs');
  const file = fs.openSync(process.argv[1], 'w');
  const bytes = Buffer.alloc(4 * 1024 * 1024, 1);
  for (;;) { fs.writeSync(file, bytes, 0, bytes.length, 0); fs.fsyncSync(file); }`;
