/** The rows of the store in SQLite, by prepared statements. */
import type { SqliteStatement, SqliteTx } from '@holdfast/committer/sqlite';
import type { AttemptResult, Incarnation, Json, LeaseKey, RunCounts, RunSpec, TaskBody, TaskPolicy } from '@holdfast/model';
import type {
  AttemptRecord,
  EventRecord,
  ReadyRecord,
  RunRecord,
  TaskDescription,
  TaskRecord,
  TaskRows,
  TaskTables,
  WorkerRecord,
} from '../tables.ts';
import { ACTIVE, LIVE } from './schema.ts';

export interface SqliteTables extends TaskTables {
  rows(): TaskRows;
}

/** Prepares all statements. */
export function createSqliteTables(tx: SqliteTx): SqliteTables {
  return {
    ...runTables(tx),
    ...workerTables(tx),
    ...taskTables(tx),
    ...attemptTables(tx),
    ...readyTables(tx),
    ...eventTables(tx),
    rows: rowsOf(tx),
  };
}

type Part<Names extends keyof TaskTables> = Pick<TaskTables, Names>;

function runTables(
  tx: SqliteTx,
): Part<'raiseCoordinator' | 'run' | 'runById' | 'runByKey' | 'insertRun' | 'putRun' | 'count' | 'liveRuns' | 'takeSeq'> {
  const raise = tx
    .prepare('INSERT INTO coordinators VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET epoch = epoch + 1, wall = excluded.wall RETURNING epoch')
    .pluck();
  const read = runReader(tx);
  const select = tx.prepare(`${SELECT_RUN} WHERE run = ?`);
  const byId = tx.prepare(`${SELECT_RUN} WHERE id = ?`);
  const byKey = tx.prepare(`${SELECT_RUN} WHERE principal = ? AND key = ?`);
  const live = tx.prepare(`${SELECT_RUN} WHERE ${LIVE} ORDER BY run`);
  const addClass = tx.prepare('INSERT INTO classes (name) VALUES (?) ON CONFLICT DO NOTHING');
  const insert = tx.prepare(
    `INSERT INTO runs (id, name, principal, key, keyHash, class, state, sealed, version, created, ended)
     VALUES (?, ?, ?, ?, ?, (SELECT class FROM classes WHERE name = ?), ?, ?, ?, ?, ?)`,
  );
  const insertSpec = tx.prepare('INSERT INTO run_specs VALUES (?, ?, ?)');
  const update = tx.prepare('UPDATE runs SET state = ?, sealed = ?, version = ?, ended = ? WHERE run = ?');
  const count = tx.prepare(
    `UPDATE runs SET ${COUNTS.map((name) => `${name} = ${name} + ?`).join(', ')} WHERE run = ? RETURNING ${COUNTS.join(', ')}`,
  );
  const take = tx.prepare("UPDATE counters SET value = value + ? WHERE name = 'seq' RETURNING value").pluck();
  return {
    raiseCoordinator: (id, wall) => raise.get(id, wall) as number,
    run: (run) => read(select.get(run)),
    runById: (id) => read(byId.get(id)),
    runByKey: (principal, key) => read(byKey.get(principal, key)),
    insertRun(row) {
      addClass.run(row.class);
      const { id, name, principal, key, keyHash, state, sealed, version, created, ended } = row;
      const done = insert.run(id, name, principal, key, keyHash, row.class, state, sealed ? 1 : 0, version, created, ended);
      const run = Number(done.lastInsertRowid);
      insertSpec.run(run, JSON.stringify(row.spec), JSON.stringify(row.client));
      return run;
    },
    putRun: (row) => void update.run(row.state, row.sealed ? 1 : 0, row.version, row.ended, row.run),
    count: (run, change) => count.get(...COUNTS.map((name) => change[name] ?? 0), run) as RunCounts,
    liveRuns: () => live.all().map((row) => read(row)!),
    takeSeq: (counted) => (take.get(counted) as number) - counted,
  };
}

/** Reads a row of `runs`; `spec` and `client` are fetched only when asked for. */
function runReader(tx: SqliteTx): (row: unknown) => RunRecord | undefined {
  const spec = tx.prepare('SELECT spec FROM run_specs WHERE run = ?').pluck();
  const client = tx.prepare('SELECT client FROM run_specs WHERE run = ?').pluck();
  return (given) => {
    if (given === undefined) return undefined;
    const row = given as Omit<RunRecord, 'sealed'> & RunCounts & { sealed: number };
    const { run, id, name, principal, key, keyHash, state, version, created, ended } = row;
    const { total, remaining, passed, failed, errored, timedOut, cancelled, deadLetter, lostAttempts } = row;
    return {
      run,
      id,
      name,
      principal,
      key,
      keyHash,
      class: row.class,
      get spec() {
        return JSON.parse(spec.get(run) as string) as RunSpec;
      },
      get client() {
        return JSON.parse(client.get(run) as string) as Json;
      },
      state,
      sealed: row.sealed === 1,
      version,
      created,
      ended,
      counts: { total, remaining, passed, failed, errored, timedOut, cancelled, deadLetter, lostAttempts },
    };
  };
}

function workerTables(tx: SqliteTx): Part<'workerById' | 'worker' | 'putWorker'> {
  const byId = tx.prepare('SELECT * FROM workers WHERE id = ?');
  const select = tx.prepare('SELECT * FROM workers WHERE worker = ?');
  const put = tx.prepare('INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  return {
    workerById: (id) => readWorker(byId.get(id)),
    worker: (worker) => readWorker(select.get(worker)),
    putWorker(row) {
      const { id, principal, incarnation, sessionEpoch, coordinator, name, seen } = row;
      const worker = row.worker === 0 ? null : row.worker;
      const [former, registration] = [JSON.stringify(row.former), JSON.stringify(row.registration)];
      const done = put.run(worker, id, principal, incarnation, former, sessionEpoch, coordinator, name, registration, seen);
      return Number(done.lastInsertRowid);
    },
  };
}

function taskTables(
  tx: SqliteTx,
): Part<'task' | 'describe' | 'insertTask' | 'putTask' | 'unfinished' | 'delayed' | 'insertDependency' | 'dependents'> {
  const select = tx.prepare('SELECT * FROM tasks WHERE run = ? AND n = ?');
  const unfinished = tx.prepare(`SELECT * FROM tasks WHERE run = ? AND (${ACTIVE} OR state = 'queued') ORDER BY n`);
  const delayed = tx.prepare('SELECT * FROM tasks WHERE delayMs > 0 ORDER BY run, n');
  // A new task's other columns are constants: binding them took longer than writing them.
  const insert = tx.prepare("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', 0, 1, 0, 0, 0, ?, 0, ?, 1, 0, NULL, NULL)");
  const describe = tx.prepare('SELECT name, predictedMs, body, policy FROM descriptions WHERE run = ? AND n = ?');
  const insertDescription = tx.prepare(`INSERT INTO descriptions VALUES (${marks(6)})`);
  const update = tx.prepare(
    `UPDATE tasks SET state = ?, epoch = ?, fence = ?, attempts = ?, lost = ?, failures = ?, blocked = ?, delayMs = ?, ready = ?,
     version = ?, finalEpoch = ?, reason = ?, ended = ? WHERE run = ? AND n = ?`,
  );
  const insertDependency = tx.prepare('INSERT INTO dependencies VALUES (?, ?, ?)');
  // Most tasks have none, and asking for one row is several times cheaper than for all.
  const anyDependent = tx.prepare('SELECT 1 FROM dependencies WHERE run = ? AND n = ? LIMIT 1').pluck();
  const dependents = tx.prepare('SELECT dependent FROM dependencies WHERE run = ? AND n = ? ORDER BY dependent').pluck();
  const decided = (row: TaskRecord): unknown[] => {
    const { state, epoch, fence, attempts, lost, failures, blocked, delayMs, ready, version, finalEpoch, reason, ended } = row;
    return [state, epoch, fence, attempts, lost, failures, blocked, delayMs, ready ? 1 : 0, version, finalEpoch, reason, ended];
  };
  return {
    task: (run, n) => readTask(select.get(run, n)),
    describe(run, n) {
      const row = describe.get(run, n) as { name: string; predictedMs: number; body: string; policy: string };
      return { ...row, body: JSON.parse(row.body) as TaskBody, policy: JSON.parse(row.policy) as TaskPolicy };
    },
    insertTask(row: TaskRecord, description: TaskDescription) {
      const { run, n, rank, retries, retryDelayMs, maxLost, onDisconnect, blocked, ready } = row;
      insert.run(run, n, rank, retries, retryDelayMs, maxLost, onDisconnect, blocked, ready ? 1 : 0);
      const { name, predictedMs, body, policy } = description;
      insertDescription.run(row.run, row.n, name, predictedMs, JSON.stringify(body), JSON.stringify(policy));
    },
    putTask: (row) => void update.run(...decided(row), row.run, row.n),
    unfinished: (run) => unfinished.all(run).map((row) => readTask(row)!),
    delayed: () => delayed.all().map((row) => readTask(row)!),
    insertDependency: (run, n, dependent) => void insertDependency.run(run, n, dependent),
    dependents: (run, n) => (anyDependent.get(run, n) === undefined ? [] : (dependents.all(run, n) as number[])),
  };
}

function attemptTables(tx: SqliteTx): Part<'attempt' | 'insertAttempt' | 'putAttempt' | 'active' | 'activeOf'> {
  const select = tx.prepare('SELECT * FROM attempts WHERE run = ? AND n = ? AND epoch = ?');
  const insert = tx.prepare(`INSERT INTO attempts VALUES (${marks(12)})`);
  const update = tx.prepare(
    'UPDATE attempts SET state = ?, hedge = ?, started = ?, ended = ?, reason = ?, result = ? WHERE run = ? AND n = ? AND epoch = ?',
  );
  const active = tx.prepare(`SELECT * FROM attempts WHERE run = ? AND n = ? AND ${ACTIVE} ORDER BY epoch`);
  const ofWorker = tx.prepare(`SELECT * FROM attempts INDEXED BY attempts_active WHERE worker = ? AND ${ACTIVE} ORDER BY run, n, epoch`);
  const all = tx.prepare(`SELECT * FROM attempts INDEXED BY attempts_active WHERE ${ACTIVE} ORDER BY run, n, epoch`);
  const text = (result: AttemptResult | null): string | null => (result === null ? null : JSON.stringify(result));
  return {
    attempt: (key: LeaseKey) => readAttempt(select.get(key.run, key.n, key.epoch)),
    insertAttempt(row) {
      const { run, n, epoch, worker, incarnation, state, hedge, granted, started, ended, reason } = row;
      insert.run(run, n, epoch, worker, incarnation, state, hedge ? 1 : 0, granted, started, ended, reason, text(row.result));
    },
    putAttempt(row) {
      update.run(row.state, row.hedge ? 1 : 0, row.started, row.ended, row.reason, text(row.result), row.run, row.n, row.epoch);
    },
    active: (run, n) => active.all(run, n).map((row) => readAttempt(row)!),
    activeOf: (worker) => (worker === undefined ? all.all() : ofWorker.all(worker)).map((row) => readAttempt(row)!),
  };
}

function readyTables(tx: SqliteTx): Part<'insertReady' | 'deleteReady' | 'readyFrom' | 'readyCounts'> {
  const insert = tx.prepare('INSERT INTO ready SELECT class, ?, ?, ? FROM classes WHERE name = ?');
  const remove = tx.prepare(
    'DELETE FROM ready WHERE class = (SELECT class FROM classes WHERE name = ?) AND rank = ? AND run = ? AND n = ?',
  );
  const first = tx.prepare(
    'SELECT rank, run, n FROM ready WHERE class = (SELECT class FROM classes WHERE name = ?) ORDER BY rank, run, n LIMIT ?',
  );
  const next = tx.prepare(
    `SELECT rank, run, n FROM ready WHERE class = (SELECT class FROM classes WHERE name = ?) AND (rank, run, n) > (?, ?, ?)
     ORDER BY rank, run, n LIMIT ?`,
  );
  const counts = tx.prepare(
    'SELECT name AS class, count FROM (SELECT class AS id, count(*) AS count FROM ready GROUP BY class) JOIN classes ON class = id ORDER BY name',
  );
  const named = (statement: SqliteStatement, className: string, ...rest: unknown[]): ReadyRecord[] =>
    (statement.all(className, ...rest) as Omit<ReadyRecord, 'class'>[]).map((row) => ({ class: className, ...row }));
  return {
    insertReady: (row) => void insert.run(row.rank, row.run, row.n, row.class),
    deleteReady: (row) => void remove.run(row.class, row.rank, row.run, row.n),
    readyFrom: (className, from, limit) =>
      from ? named(next, className, from.rank, from.run, from.n, limit) : named(first, className, limit),
    readyCounts: () => counts.all() as { class: string; count: number }[],
  };
}

function eventTables(tx: SqliteTx): Part<'insertEvent'> {
  const insert = tx.prepare(`INSERT INTO events VALUES (NULL, ${marks(12)})`);
  return {
    insertEvent(row) {
      const { run, n, version, kind, epoch, state, fence, worker, principal, reason, count, wall } = row;
      insert.run(run, n, version, kind, epoch, state, fence, worker, principal, reason, count, wall);
    },
  };
}

function rowsOf(tx: SqliteTx): () => TaskRows {
  const read = runReader(tx);
  return () => ({
    runs: tx
      .prepare(`${SELECT_RUN} ORDER BY run`)
      .all()
      .map((row) => ({ ...read(row)! })),
    workers: tx
      .prepare('SELECT * FROM workers ORDER BY worker')
      .all()
      .map((row) => readWorker(row)!),
    tasks: tx
      .prepare('SELECT * FROM tasks ORDER BY run, n')
      .all()
      .map((row) => readTask(row)!),
    attempts: tx
      .prepare('SELECT * FROM attempts ORDER BY run, n, epoch')
      .all()
      .map((row) => readAttempt(row)!),
    ready: tx
      .prepare('SELECT name AS class, rank, run, n FROM ready JOIN classes USING (class) ORDER BY name, rank, run, n')
      .all() as ReadyRecord[],
    events: tx.prepare('SELECT * FROM events ORDER BY seq').all() as EventRecord[],
  });
}

const readTask = (row: unknown): TaskRecord | undefined =>
  row === undefined ? undefined : { ...(row as TaskRecord), ready: (row as { ready: number }).ready === 1 };

function readWorker(given: unknown): WorkerRecord | undefined {
  if (given === undefined) return undefined;
  const row = given as Omit<WorkerRecord, 'former' | 'registration'> & { former: string; registration: string };
  return { ...row, former: JSON.parse(row.former) as Incarnation[], registration: JSON.parse(row.registration) as Json };
}

function readAttempt(given: unknown): AttemptRecord | undefined {
  if (given === undefined) return undefined;
  const row = given as Omit<AttemptRecord, 'hedge' | 'result'> & { hedge: number; result: string | null };
  return { ...row, hedge: row.hedge === 1, result: row.result === null ? null : (JSON.parse(row.result) as AttemptResult) };
}

const marks = (count: number): string => Array.from({ length: count }, () => '?').join(', ');
const COUNTS = ['total', 'remaining', 'passed', 'failed', 'errored', 'timedOut', 'cancelled', 'deadLetter', 'lostAttempts'] as const;
const SELECT_RUN = 'SELECT runs.*, (SELECT name FROM classes WHERE classes.class = runs.class) AS class FROM runs';
