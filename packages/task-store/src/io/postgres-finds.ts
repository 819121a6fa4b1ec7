/**
 * How a batch finds rows that its ops do not name by key: by the names that people and workers use, by rank, or by what they are.
 * What is found is loaded with it, under its lock; until then it is a hint.
 */
import { CHECKPOINTS } from '@holdfast/checkpoint-store/postgres';
import { type Collection, isOrdinal, LOAD_ORDER, type Needs, numbers, plainText, texts } from '@holdfast/committer/postgres';
import type { LeaseKey, TaskKey, TaskNo } from '@holdfast/model';
import type { ReadyRecord } from '../tables.ts';
import { DESCRIPTIONS, RUN_SPECS, RUNS, TASKS, WORKERS } from './postgres-collections.ts';
import { ACTIVE, LIVE } from './schema.ts';

const text = (key: string): string => key;

/** The first ready rows of a class. */
export interface Window {
  readonly rows: readonly ReadyRecord[];
  /** There are no more. */
  readonly whole: boolean;
}
export interface WindowKey {
  readonly class: string;
  /** How many more rows are wanted than are there. */
  readonly more: number;
}

export const WORKER_IDS: Collection<string, number> = {
  name: 'worker ids',
  order: LOAD_ORDER.find,
  discovers: true,
  text,
  async load(db, ids, needs) {
    const { rows } = await db.query('workers.find', 'SELECT worker, id FROM workers WHERE id = ANY($1::text[])', [texts(ids)]);
    for (const row of rows) {
      needs.add(WORKERS, row['worker'] as number);
      needs.add(HELD, row['worker'] as number);
    }
    return found(
      ids,
      rows,
      ({ id }) => id as string,
      ({ worker }) => worker as number,
    );
  },
};

export const RUN_IDS: Collection<string, number> = {
  name: 'run ids',
  order: LOAD_ORDER.find,
  discovers: true,
  text,
  async load(db, ids, needs) {
    const { rows } = await db.query('runs.findById', 'SELECT run, id FROM runs WHERE id = ANY($1::text[])', [texts(ids)]);
    for (const row of rows) needs.add(RUNS, row['run'] as number);
    return found(
      ids,
      rows,
      ({ id }) => id as string,
      ({ run }) => run as number,
    );
  },
};

export interface RunKey {
  readonly principal: string;
  readonly key: string;
}

const runKeyText = ({ principal, key }: RunKey): string => JSON.stringify([plainText(principal), plainText(key)]);
export const RUN_KEYS: Collection<RunKey, number> = {
  name: 'run keys',
  order: LOAD_ORDER.find,
  discovers: true,
  text: runKeyText,
  async load(db, keys, needs) {
    const { rows } = await db.query(
      'runs.findByKey',
      'SELECT run, runs.principal, runs.key FROM unnest($1::text[], $2::text[]) AS k (principal, key) JOIN runs USING (principal, key)',
      [texts(keys.map(({ principal }) => principal)), texts(keys.map(({ key }) => key))],
    );
    for (const row of rows) needs.add(RUNS, row['run'] as number);
    return new Map(rows.map((row) => [runKeyText(row as never), row['run'] as number]));
  },
};

/** Ready rows by class, from the lowest rank on. Unlocked hints: a row counts while its task, under the lock of its run, is ready. */
export const WINDOWS: Collection<WindowKey, Window> = {
  name: 'windows',
  order: LOAD_ORDER.find,
  discovers: true,
  text: (key) => key.class,
  merge: (a, b) => ({ class: a.class, more: a.more + b.more }),
  async load(db, keys, needs, current) {
    const ends = keys.map((key) => current(key)?.rows.at(-1));
    const { rows } = await db.query('ready.load', NEXT_READY, [
      texts(keys.map((key) => key.class)),
      numbers(keys.map(({ more }) => Math.min(more, WINDOW_MAX))),
      numbers(ends.map((end) => end?.rank ?? -1)),
      numbers(ends.map((end) => end?.run ?? 0)),
      numbers(ends.map((end) => end?.n ?? 0)),
    ]);
    const ready = rows as unknown as ReadyRecord[];
    for (const row of ready) {
      needs.add(TASKS, row);
      needs.add(DESCRIPTIONS, row);
      needs.add(CHECKPOINTS, { run: row.run, n: row.n });
    }
    return new Map(
      keys.map((key) => {
        const own = ready.filter((row) => row.class === key.class);
        return [key.class, { rows: [...(current(key)?.rows ?? []), ...own], whole: own.length < Math.min(key.more, WINDOW_MAX) }];
      }),
    );
  },
};

/** Leases that were out on a worker when the batch began; 0: on all workers. */
export const HELD: Collection<number, readonly LeaseKey[]> = {
  name: 'held',
  order: LOAD_ORDER.findHeld,
  discovers: true,
  text: String,
  async load(db, workers, needs) {
    const own = workers.filter((worker) => worker !== 0);
    const [some, all] = await Promise.all([
      db.query('held.load', `SELECT worker, run, n, epoch FROM attempts WHERE worker = ANY($1::int8[]) AND ${ACTIVE}`, [numbers(own)]),
      own.length < workers.length ? db.query('held.all', `SELECT 0 AS worker, run, n, epoch FROM attempts WHERE ${ACTIVE}`) : undefined,
    ]);
    const lists = new Map(workers.map((worker) => [String(worker), [] as LeaseKey[]]));
    for (const { worker, ...key } of [...some.rows, ...(all?.rows ?? [])] as unknown as (LeaseKey & { worker: number })[]) {
      lists.get(String(worker))!.push(key);
      needs.add(TASKS, key);
    }
    return lists;
  },
};

export type ListName = 'live runs' | 'delayed tasks';

/** Keys of rows that are found by what they are, when the batch has written all before. */
export const LISTS: Collection<ListName, readonly TaskKey[]> = {
  name: 'lists',
  order: LOAD_ORDER.find,
  discovers: true,
  text,
  async load(db, names, needs) {
    const [live, delayed] = await Promise.all([
      db.query('runs.live', `SELECT run, 0 AS n FROM runs WHERE ${LIVE} ORDER BY run`),
      db.query('tasks.delayed', 'SELECT run, n FROM tasks WHERE "delayMs" > 0 ORDER BY run, n'),
    ]);
    const lists: Readonly<Record<ListName, readonly TaskKey[]>> = {
      'live runs': live.rows as never,
      'delayed tasks': delayed.rows as never,
    };
    if (names.includes('live runs')) {
      for (const { run } of lists['live runs']) {
        needs.add(RUNS, run);
        needs.add(RUN_SPECS, run);
      }
    }
    if (names.includes('delayed tasks')) for (const key of lists['delayed tasks']) needs.add(TASKS, key);
    return new Map(names.map((name) => [name, lists[name]]));
  },
};

/** Tasks of a run that are not over, by number. */
export const UNFINISHED: Collection<number, readonly TaskNo[]> = {
  name: 'unfinished',
  order: LOAD_ORDER.findOfRun,
  text: String,
  requires: (run, needs) => needs.add(RUNS, run),
  async load(db, given, needs) {
    const runs = given.filter(isOrdinal);
    const { rows } = await db.query(
      'tasks.unfinished',
      `SELECT run, n FROM tasks WHERE run = ANY($1::int8[]) AND (${ACTIVE} OR state = 'queued') ORDER BY run, n`,
      [numbers(runs)],
    );
    const lists = new Map(given.map((run) => [String(run), [] as TaskNo[]]));
    for (const key of rows as unknown as TaskKey[]) {
      lists.get(String(key.run))!.push(key.n);
      needs.add(TASKS, key);
      needs.add(CHECKPOINTS, key);
    }
    return lists;
  },
};

export const READY_COUNTS: Collection<'all', readonly { readonly class: string; readonly count: number }[]> = {
  name: 'ready counts',
  order: LOAD_ORDER.rows,
  text,
  async load(db) {
    const { rows } = await db.query(
      'ready.counts',
      'SELECT name AS class, count FROM (SELECT class AS id, count(*) AS count FROM ready GROUP BY class) AS c JOIN classes ON class = id',
    );
    return new Map([['all', (rows as unknown as { class: string; count: number }[]).sort((a, b) => (a.class < b.class ? -1 : 1))]]);
  },
};

/** What a claim of one class will read. */
export const needWindow = (needs: Needs, className: string, more: number): void => needs.add(WINDOWS, { class: className, more });

/** Answers each asked text, in its own spelling, with what the row of its plain spelling says. */
function found<Row, Value>(
  asked: readonly string[],
  rows: readonly Row[],
  textOf: (row: Row) => string,
  value: (row: Row) => Value,
): Map<string, Value> {
  const known = new Map(rows.map((row) => [textOf(row), value(row)]));
  return new Map(asked.flatMap((one) => (known.has(plainText(one)) ? [[one, known.get(plainText(one))!] as const] : [])));
}

const NEXT_READY = `SELECT w.name AS class, r.rank, r.run, r.n
  FROM unnest($1::text[], $2::int8[], $3::int8[], $4::int8[], $5::int8[]) AS w (name, more, rank, run, n)
  JOIN classes AS c ON c.name = w.name
  CROSS JOIN LATERAL (
    SELECT rank, run, n FROM ready WHERE class = c.class AND (ready.rank, ready.run, ready.n) > (w.rank, w.run, w.n) ORDER BY rank, run, n LIMIT w.more
  ) AS r`;
/** Rows of one class that are read at once. */
const WINDOW_MAX = 4096;
