/** Differences of rows as a few statements over arrays, however many rows they concern. */
import { type Change, numbers, type PostgresQueries, texts } from '@holdfast/committer/postgres';
import type { TaskKey } from '@holdfast/model';
import type { AttemptRecord, ReadyRecord, TaskRecord, WorkerRecord } from '../tables.ts';
import type { RunRow, TaskBundle } from './postgres-collections.ts';

type Writes = Promise<unknown>[];
const flags = (values: readonly boolean[]): string => numbers(values.map(Number));

export function writeWorkers(db: PostgresQueries, changes: readonly Change<number, WorkerRecord>[]): Writes {
  const rows = changes.map(({ now }) => now!);
  return [
    db.query(
      'workers.write',
      `INSERT INTO workers SELECT * FROM unnest(
         $1::int8[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::text[], $8::text[], $9::text[], $10::float8[])
       ON CONFLICT (worker) DO UPDATE SET incarnation = excluded.incarnation, former = excluded.former, "sessionEpoch" = excluded."sessionEpoch",
         coordinator = excluded.coordinator, name = excluded.name, registration = excluded.registration, seen = excluded.seen`,
      [
        numbers(rows.map((row) => row.worker)),
        texts(rows.map((row) => row.id)),
        texts(rows.map((row) => row.principal)),
        texts(rows.map((row) => row.incarnation)),
        texts(rows.map((row) => JSON.stringify(row.former))),
        numbers(rows.map((row) => row.sessionEpoch)),
        texts(rows.map((row) => row.coordinator)),
        texts(rows.map((row) => row.name)),
        texts(rows.map((row) => JSON.stringify(row.registration))),
        numbers(rows.map((row) => row.seen)),
      ],
    ),
  ];
}

export function writeRuns(db: PostgresQueries, changes: readonly Change<number, RunRow>[]): Writes {
  const made = changes.filter(({ before }) => !before).map(({ now }) => now!);
  const sent: Writes = [];
  if (made.length > 0) {
    sent.push(
      db.query(
        'classes.insert',
        'INSERT INTO classes (name) SELECT DISTINCT name FROM unnest($1::text[]) AS n (name) ON CONFLICT DO NOTHING',
        [texts(made.map((row) => row.class))],
      ),
      db.query(
        'runs.insert',
        `INSERT INTO runs (run, id, name, principal, key, "keyHash", class, state, sealed, version, created)
         SELECT r.run, r.id, r.name, r.principal, r.key, r.hash, classes.class, 'open', 0, 0, r.created
         FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::float8[])
           AS r (run, id, name, principal, key, hash, class, created) JOIN classes ON classes.name = r.class`,
        [
          numbers(made.map((row) => row.run)),
          texts(made.map((row) => row.id)),
          texts(made.map((row) => row.name)),
          texts(made.map((row) => row.principal)),
          texts(made.map((row) => row.key)),
          texts(made.map((row) => row.keyHash)),
          texts(made.map((row) => row.class)),
          numbers(made.map((row) => row.created)),
        ],
      ),
    );
  }
  const rows = changes.map(({ now }) => now!);
  sent.push(
    db.query('runs.update', UPDATE_RUNS, [
      numbers(rows.map((row) => row.run)),
      texts(rows.map((row) => row.state)),
      flags(rows.map((row) => row.sealed)),
      numbers(rows.map((row) => row.version)),
      numbers(rows.map((row) => row.ended)),
      ...COUNTS.map((name) => numbers(rows.map((row) => row.counts[name]))),
    ]),
  );
  return sent;
}

export function writeTasks(db: PostgresQueries, changes: readonly Change<TaskKey, TaskBundle>[]): Writes {
  const made = changes.filter(({ before }) => !before).map(({ now }) => now!.task);
  const kept = changes.filter(({ before, now }) => before && before.task !== now!.task).map(({ now }) => now!.task);
  const sent: Writes = [];
  if (made.length > 0) {
    sent.push(
      db.query('tasks.insert', INSERT_TASKS, [
        ...keys(made),
        numbers(made.map((row) => row.rank)),
        numbers(made.map((row) => row.retries)),
        numbers(made.map((row) => row.retryDelayMs)),
        numbers(made.map((row) => row.maxLost)),
        texts(made.map((row) => row.onDisconnect)),
        ...decided(made),
      ]),
    );
  }
  if (kept.length > 0) sent.push(db.query('tasks.update', UPDATE_TASKS, [...keys(kept), ...decided(kept)]));
  return sent;
}

const decided = (rows: readonly TaskRecord[]): string[] => [
  texts(rows.map((row) => row.state)),
  numbers(rows.map((row) => row.epoch)),
  numbers(rows.map((row) => row.fence)),
  numbers(rows.map((row) => row.attempts)),
  numbers(rows.map((row) => row.lost)),
  numbers(rows.map((row) => row.failures)),
  numbers(rows.map((row) => row.blocked)),
  numbers(rows.map((row) => row.delayMs)),
  flags(rows.map((row) => row.ready)),
  numbers(rows.map((row) => row.version)),
  numbers(rows.map((row) => row.finalEpoch)),
  texts(rows.map((row) => row.reason)),
  numbers(rows.map((row) => row.ended)),
];
const keys = (rows: readonly TaskKey[]): [string, string] => [numbers(rows.map((row) => row.run)), numbers(rows.map((row) => row.n))];

export function writeAttempts(db: PostgresQueries, changes: readonly Change<TaskKey, TaskBundle>[]): Writes {
  const made: AttemptRecord[] = [];
  const kept: AttemptRecord[] = [];
  for (const { before, now } of changes) {
    if (before?.attempts === now!.attempts) continue;
    // Attempts are never taken away and never change their place.
    now!.attempts.forEach((row, index) => {
      const former = before?.attempts[index];
      if (!former) made.push(row);
      else if (former !== row) kept.push(row);
    });
  }
  const sent: Writes = [];
  const epochs = (rows: readonly AttemptRecord[]): string => numbers(rows.map((row) => row.epoch));
  if (made.length > 0) {
    sent.push(
      db.query('attempts.insert', INSERT_ATTEMPTS, [
        ...keys(made),
        epochs(made),
        numbers(made.map((row) => row.worker)),
        texts(made.map((row) => row.incarnation)),
        numbers(made.map((row) => row.granted)),
        ...ended(made),
      ]),
    );
  }
  if (kept.length > 0) sent.push(db.query('attempts.update', UPDATE_ATTEMPTS, [...keys(kept), epochs(kept), ...ended(kept)]));
  return sent;
}

const ended = (rows: readonly AttemptRecord[]): string[] => [
  texts(rows.map((row) => row.state)),
  flags(rows.map((row) => row.hedge)),
  numbers(rows.map((row) => row.started)),
  numbers(rows.map((row) => row.ended)),
  texts(rows.map((row) => row.reason)),
  texts(rows.map((row) => (row.result === null ? null : JSON.stringify(row.result)))),
];

/** A `ready` row exists exactly while its task says so: the difference of the flags is the difference of the rows. */
export function writeReady(db: PostgresQueries, changes: readonly Change<TaskKey, TaskBundle>[]): Writes {
  const made: ReadyRecord[] = [];
  const gone: ReadyRecord[] = [];
  for (const { before, now } of changes) {
    const [was, is] = [before?.task.ready ?? false, now!.task.ready];
    if (was === is) continue;
    const { run, n, rank } = now!.task;
    (is ? made : gone).push({ class: now!.className!, rank, run, n });
  }
  const sent: Writes = [];
  const values = (rows: readonly ReadyRecord[]): string[] => [
    texts(rows.map((row) => row.class)),
    numbers(rows.map((row) => row.rank)),
    ...keys(rows),
  ];
  if (gone.length > 0) sent.push(db.query('ready.delete', DELETE_READY, values(gone)));
  if (made.length > 0) sent.push(db.query('ready.insert', INSERT_READY, values(made)));
  return sent;
}

const COUNTS = ['total', 'remaining', 'passed', 'failed', 'errored', 'timedOut', 'cancelled', 'deadLetter', 'lostAttempts'] as const;
const quotedCounts = COUNTS.map((name) => `"${name}"`);
const UPDATE_RUNS = `UPDATE runs SET state = r.state, sealed = r.sealed, version = r.version, ended = r.ended,
    ${quotedCounts.map((name) => `${name} = r.${name}`).join(', ')}
  FROM unnest($1::int8[], $2::text[], $3::int8[], $4::int8[], $5::float8[], ${COUNTS.map((_, index) => `$${index + 6}::int8[]`).join(', ')})
    AS r (run, state, sealed, version, ended, ${quotedCounts.join(', ')}) WHERE runs.run = r.run`;
const DECIDED = 'state, epoch, fence, attempts, lost, failures, blocked, "delayMs", ready, version, "finalEpoch", reason, ended';
const DECIDED_TYPES = ['text', 'int8', 'int8', 'int8', 'int8', 'int8', 'int8', 'float8', 'int8', 'int8', 'int8', 'text', 'float8'];
const typed = (from: number, types: readonly string[]): string => types.map((type, index) => `$${from + index}::${type}[]`).join(', ');
const INSERT_TASKS = `INSERT INTO tasks (run, n, rank, retries, "retryDelayMs", "maxLost", "onDisconnect", ${DECIDED})
  SELECT * FROM unnest(${typed(1, ['int8', 'int8', 'int8', 'int8', 'float8', 'int8', 'text', ...DECIDED_TYPES])})`;
const UPDATE_TASKS = `UPDATE tasks SET ${DECIDED.split(', ')
  .map((name) => `${name} = t.${name}`)
  .join(', ')}
  FROM unnest(${typed(1, ['int8', 'int8', ...DECIDED_TYPES])}) AS t (run, n, ${DECIDED}) WHERE tasks.run = t.run AND tasks.n = t.n`;
const ENDED = 'state, hedge, started, ended, reason, result';
const ENDED_TYPES = ['text', 'int8', 'float8', 'float8', 'text', 'text'];
const INSERT_ATTEMPTS = `INSERT INTO attempts (run, n, epoch, worker, incarnation, granted, ${ENDED})
  SELECT * FROM unnest(${typed(1, ['int8', 'int8', 'int8', 'int8', 'text', 'float8', ...ENDED_TYPES])})`;
const UPDATE_ATTEMPTS = `UPDATE attempts SET ${ENDED.split(', ')
  .map((name) => `${name} = a.${name}`)
  .join(', ')}
  FROM unnest(${typed(1, ['int8', 'int8', 'int8', ...ENDED_TYPES])}) AS a (run, n, epoch, ${ENDED})
  WHERE attempts.run = a.run AND attempts.n = a.n AND attempts.epoch = a.epoch`;
const READY = `unnest(${typed(1, ['text', 'int8', 'int8', 'int8'])}) AS r (name, rank, run, n) JOIN classes AS c ON c.name = r.name`;
const INSERT_READY = `INSERT INTO ready SELECT c.class, r.rank, r.run, r.n FROM ${READY}`;
const DELETE_READY = `DELETE FROM ready USING ${READY}
  WHERE ready.class = c.class AND ready.rank = r.rank AND ready.run = r.run AND ready.n = r.n`;
