/**
 * The rows of the store in PostgreSQL: how each kind is loaded and written in sets.
 *
 * L1 A run's row is locked before anything that belongs to the run is read. So everything under a run changes in one transaction at a
 *    time, its counters are never lost, and its events are numbered in the order in which they are committed.
 */
import type { Json, RunSpec, TaskKey, TaskNo } from '@holdfast/model';
import { type Collection, isOrdinal, LOAD_ORDER, type Log, numbers, texts } from '@holdfast/committer/postgres';
import type { AttemptRecord, EventRecord, RunRecord, TaskDescription, TaskRecord, WorkerRecord } from '../tables.ts';
import { readAttempt, readRun, readTask, readWorker } from './postgres-rows.ts';
import { writeAttempts, writeReady, writeRuns, writeTasks, writeWorkers } from './postgres-writes.ts';

export type RunRow = Omit<RunRecord, 'spec' | 'client'>;
/** A task with all of its attempts, by epoch. */
export interface TaskBundle {
  readonly task: TaskRecord;
  /** Of `ready` rows that this batch makes: their class. */
  readonly className?: string;
  readonly attempts: readonly AttemptRecord[];
}

const byNumber = { compare: (a: number, b: number): number => a - b };
const text = (key: string): string => key;
const taskText = (key: TaskKey): string => `${key.run}.${key.n}`;
const keysOf = <Key extends TaskKey>(keys: readonly Key[]): Key[] => keys.filter(({ run, n }) => isOrdinal(run) && isOrdinal(n));
/** Sorted: rows are found, written and logged in one order whatever asked for them. */
const ordered = <Key extends TaskKey>(keys: readonly Key[]): Key[] => keysOf(keys).sort((a, b) => a.run - b.run || a.n - b.n);
const runsOf = (keys: readonly TaskKey[]): string => numbers(keys.map(({ run }) => run));
const nsOf = (keys: readonly TaskKey[]): string => numbers(keys.map(({ n }) => n));
const keyed = <Row extends TaskKey, Value>(rows: readonly Row[], value: (row: Row) => Value): Map<string, Value> =>
  new Map(rows.map((row) => [taskText(row), value(row)]));

export const WORKERS: Collection<number, WorkerRecord> = {
  name: 'workers',
  order: LOAD_ORDER.workers,
  locks: byNumber,
  text: String,
  async load(db, keys) {
    const { rows } = await db.query(
      'workers.load',
      'SELECT * FROM workers WHERE worker = ANY($1::int8[]) ORDER BY worker FOR NO KEY UPDATE',
      [numbers(keys.filter(isOrdinal))],
    );
    return new Map(rows.map((row) => [String(row['worker']), readWorker(row)]));
  },
  write: writeWorkers,
};

export const RUNS: Collection<number, RunRow> = {
  name: 'runs',
  order: LOAD_ORDER.runs,
  locks: byNumber,
  text: String,
  async load(db, keys) {
    const { rows } = await db.query('runs.load', `${SELECT_RUN} WHERE run = ANY($1::int8[]) ORDER BY run FOR NO KEY UPDATE OF runs`, [
      numbers(keys.filter(isOrdinal)),
    ]);
    return new Map(rows.map((row) => [String(row['run']), readRun(row)]));
  },
  write: writeRuns,
};

/** Of a run: what is large and seldom read. Written with the run. */
export const RUN_SPECS: Collection<number, { readonly spec: RunSpec; readonly client: Json }> = {
  name: 'run specs',
  order: LOAD_ORDER.rows,
  text: String,
  async load(db, keys) {
    const { rows } = await db.query('runSpecs.load', 'SELECT * FROM run_specs WHERE run = ANY($1::int8[])', [numbers(keys)]);
    return new Map(
      rows.map((row) => [
        String(row['run']),
        { spec: JSON.parse(row['spec'] as string) as RunSpec, client: JSON.parse(row['client'] as string) as Json },
      ]),
    );
  },
  write: (db, changes) => [
    db.query('runSpecs.insert', 'INSERT INTO run_specs SELECT * FROM unnest($1::int8[], $2::text[], $3::text[])', [
      numbers(changes.map(({ key }) => key)),
      texts(changes.map(({ now }) => JSON.stringify(now!.spec))),
      texts(changes.map(({ now }) => JSON.stringify(now!.client))),
    ]),
  ],
};

/** The last ordinal of runs and of workers, and the last number for a rank. */
export const NUMBERS: Collection<'run' | 'seq' | 'worker', number> = {
  name: 'numbers',
  order: LOAD_ORDER.numbers,
  locks: { compare: (a, b) => (a < b ? -1 : Number(a > b)) },
  text,
  async load(db, names) {
    const { rows } = await db.query(
      'numbers.load',
      'SELECT name, value FROM numbers WHERE name = ANY($1::text[]) ORDER BY name FOR NO KEY UPDATE',
      [texts(names)],
    );
    return new Map(rows.map((row) => [row['name'] as string, row['value'] as number]));
  },
  write: (db, changes) => [
    db.query(
      'numbers.write',
      'UPDATE numbers SET value = n.value FROM unnest($1::text[], $2::int8[]) AS n (name, value) WHERE numbers.name = n.name',
      [texts(changes.map(({ key }) => key)), numbers(changes.map(({ now }) => now!))],
    ),
  ],
};

export const TASKS: Collection<TaskKey, TaskBundle> = {
  name: 'tasks',
  order: LOAD_ORDER.rows,
  text: taskText,
  requires: (key, needs) => needs.add(RUNS, key.run),
  async load(db, given) {
    const keys = ordered(given);
    const values = [runsOf(keys), nsOf(keys)];
    const [tasks, attempts] = await Promise.all([
      db.query('tasks.load', `SELECT tasks.* FROM ${KEYS} JOIN tasks USING (run, n)`, values),
      db.query('attempts.load', `SELECT attempts.* FROM ${KEYS} JOIN attempts USING (run, n) ORDER BY run, n, epoch`, values),
    ]);
    const own = new Map<string, AttemptRecord[]>();
    for (const row of attempts.rows.map(readAttempt)) {
      const list = own.get(taskText(row));
      if (list) list.push(row);
      else own.set(taskText(row), [row]);
    }
    return keyed(tasks.rows.map(readTask), (task) => ({ task, attempts: own.get(taskText(task)) ?? [] }));
  },
  write: (db, changes) => [...writeTasks(db, changes), ...writeAttempts(db, changes), ...writeReady(db, changes)],
};

export const DESCRIPTIONS: Collection<TaskKey, TaskDescription> = {
  name: 'descriptions',
  order: LOAD_ORDER.rows,
  text: taskText,
  async load(db, given) {
    const keys = ordered(given);
    const { rows } = await db.query('descriptions.load', `SELECT d.* FROM ${KEYS} JOIN descriptions AS d USING (run, n)`, [
      runsOf(keys),
      nsOf(keys),
    ]);
    return keyed(
      rows as never as (TaskKey & { name: string; predictedMs: number; body: string; policy: string })[],
      ({ name, predictedMs, body, policy }) => ({
        name,
        predictedMs,
        body,
        policy: JSON.parse(policy) as TaskDescription['policy'],
      }),
    );
  },
  write: (db, changes) => [
    db.query(
      'descriptions.insert',
      'INSERT INTO descriptions SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::float8[], $5::text[], $6::text[])',
      [
        runsOf(changes.map(({ key }) => key)),
        nsOf(changes.map(({ key }) => key)),
        texts(changes.map(({ now }) => now!.name)),
        numbers(changes.map(({ now }) => now!.predictedMs)),
        texts(changes.map(({ now }) => now!.body)),
        texts(changes.map(({ now }) => JSON.stringify(now!.policy))),
      ],
    ),
  ],
};

/** Tasks that wait for one, by number; with all of them. */
export const DEPENDENTS: Collection<TaskKey, readonly TaskNo[]> = {
  name: 'dependents',
  order: LOAD_ORDER.findOfRun,
  text: taskText,
  requires: (key, needs) => needs.add(RUNS, key.run),
  async load(db, given, needs) {
    const keys = ordered(given);
    const { rows } = await db.query(
      'dependents.load',
      `SELECT d.* FROM ${KEYS} JOIN dependencies AS d USING (run, n) ORDER BY run, n, dependent`,
      [runsOf(keys), nsOf(keys)],
    );
    const lists = new Map(keys.map((key) => [taskText(key), [] as TaskNo[]]));
    for (const { run, n, dependent } of rows as unknown as { run: number; n: number; dependent: number }[]) {
      lists.get(taskText({ run, n }))!.push(dependent);
      needs.add(TASKS, { run, n: dependent });
    }
    return lists;
  },
  write(db, changes) {
    const rows = changes.flatMap(({ key, before, now }) => now!.slice(before?.length ?? 0).map((dependent) => ({ ...key, dependent })));
    return [
      db.query('dependents.insert', 'INSERT INTO dependencies SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[])', [
        runsOf(rows),
        nsOf(rows),
        numbers(rows.map(({ dependent }) => dependent)),
      ]),
    ];
  },
};

export const EVENTS: Log<Omit<EventRecord, 'seq'>> = {
  name: 'events',
  write(db, rows) {
    const column = <Name extends keyof Omit<EventRecord, 'seq'>>(name: Name) => rows.map((row) => row[name]);
    return [
      db.query('events.insert', INSERT_EVENTS, [
        numbers(column('run')),
        numbers(column('n')),
        numbers(column('version')),
        texts(column('kind')),
        numbers(column('epoch')),
        texts(column('state')),
        numbers(column('fence')),
        numbers(column('worker')),
        texts(column('principal')),
        texts(column('reason')),
        numbers(column('count')),
        numbers(column('wall')),
      ]),
    ];
  },
};

const KEYS = 'unnest($1::int8[], $2::int8[]) AS k (run, n)';
const SELECT_RUN = 'SELECT runs.*, classes.name AS "className" FROM runs JOIN classes ON classes.class = runs.class';
const INSERT_EVENTS = `INSERT INTO events (run, n, version, kind, epoch, state, fence, worker, principal, reason, count, wall)
  SELECT run, n, version, kind, epoch, state, fence, worker, principal, reason, count, wall FROM unnest(
    $1::int8[], $2::int8[], $3::int8[], $4::text[], $5::int8[], $6::text[], $7::int8[], $8::int8[], $9::text[], $10::text[], $11::int8[], $12::float8[]
  ) WITH ORDINALITY AS e (run, n, version, kind, epoch, state, fence, worker, principal, reason, count, wall, place) ORDER BY place`;
