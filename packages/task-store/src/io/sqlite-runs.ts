/** Runs, coordinators and counters in SQLite. A run's counters change with every result, so its row is kept and written once a transaction. */
import type { SqliteTx } from '@holdfast/committer/sqlite';
import type { Json, RunCounts, RunOrd, RunSpec } from '@holdfast/model';
import type { RunRecord, TaskTables } from '../tables.ts';
import { LIVE } from './schema.ts';

export interface SqliteRuns extends Pick<
  TaskTables,
  'raiseCoordinator' | 'run' | 'runById' | 'runByKey' | 'insertRun' | 'putRun' | 'count' | 'liveRuns' | 'takeSeq'
> {
  /** The number of a class in this store; 0: no run had it. */
  classOf(name: string): number;
  /** Writes what has changed. */
  flush(): void;
  /** The transaction was rolled back. */
  forget(): void;
  all(): RunRecord[];
}

type Facts = Omit<RunRecord, 'spec' | 'client'>;

/** Prepares the statements. */
export function createSqliteRuns(tx: SqliteTx): SqliteRuns {
  const raise = tx
    .prepare('INSERT INTO coordinators VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET epoch = epoch + 1, wall = excluded.wall RETURNING epoch')
    .pluck();
  const select = tx.prepare(`${SELECT} WHERE run = ?`);
  const byId = tx.prepare('SELECT run FROM runs WHERE id = ?').pluck();
  const byKey = tx.prepare('SELECT run FROM runs WHERE principal = ? AND key = ?').pluck();
  const live = tx.prepare(`SELECT run FROM runs WHERE ${LIVE} ORDER BY run`).pluck();
  const every = tx.prepare('SELECT run FROM runs ORDER BY run').pluck();
  const spec = tx.prepare('SELECT spec FROM run_specs WHERE run = ?').pluck();
  const client = tx.prepare('SELECT client FROM run_specs WHERE run = ?').pluck();
  const addClass = tx.prepare('INSERT INTO classes (name) VALUES (?) ON CONFLICT DO NOTHING');
  const selectClass = tx.prepare('SELECT class FROM classes WHERE name = ?').pluck();
  const insert = tx.prepare(
    `INSERT INTO runs (id, name, principal, key, keyHash, class, state, sealed, version, created, ended)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertSpec = tx.prepare('INSERT INTO run_specs VALUES (?, ?, ?)');
  const update = tx.prepare(
    `UPDATE runs SET state = ?, sealed = ?, version = ?, ended = ?, ${COUNTS.map((name) => `${name} = ?`).join(', ')} WHERE run = ?`,
  );
  const take = tx.prepare("UPDATE counters SET value = value + ? WHERE name = 'seq' RETURNING value").pluck();

  const kept = new Map<RunOrd, RunRecord>();
  const changed = new Set<RunOrd>();
  const classes = new Map<string, number>();

  /** `spec` and `client` are read only when asked for. */
  const recordOf = (facts: Facts): RunRecord => ({
    run: facts.run,
    id: facts.id,
    name: facts.name,
    principal: facts.principal,
    key: facts.key,
    keyHash: facts.keyHash,
    class: facts.class,
    state: facts.state,
    sealed: facts.sealed,
    version: facts.version,
    created: facts.created,
    ended: facts.ended,
    counts: facts.counts,
    get spec() {
      return JSON.parse(spec.get(facts.run) as string) as RunSpec;
    },
    get client() {
      return JSON.parse(client.get(facts.run) as string) as Json;
    },
  });

  function run(ordinal: RunOrd): RunRecord | undefined {
    const known = kept.get(ordinal);
    if (known) return known;
    const row = select.get(ordinal) as (Omit<Facts, 'sealed' | 'counts'> & RunCounts & { sealed: number }) | undefined;
    if (!row) return undefined;
    const { total, remaining, passed, failed, errored, timedOut, cancelled, deadLetter, lostAttempts } = row;
    const counts = { total, remaining, passed, failed, errored, timedOut, cancelled, deadLetter, lostAttempts };
    const record = recordOf({ ...row, sealed: row.sealed === 1, counts });
    kept.set(ordinal, record);
    return record;
  }

  function put(record: RunRecord): void {
    kept.set(record.run, record);
    changed.add(record.run);
  }

  function flush(): void {
    for (const ordinal of changed) {
      const { state, sealed, version, ended, counts } = kept.get(ordinal)!;
      update.run(state, sealed ? 1 : 0, version, ended, ...COUNTS.map((name) => counts[name]), ordinal);
    }
    changed.clear();
    if (kept.size > KEPT_MAX) kept.clear();
  }

  const listed = (ordinals: unknown[]): RunRecord[] => (ordinals as RunOrd[]).map((ordinal) => run(ordinal)!);

  function classOf(name: string): number {
    let number = classes.get(name);
    if (number === undefined) {
      number = (selectClass.get(name) as number | undefined) ?? 0;
      if (number > 0 && classes.size < KEPT_MAX) classes.set(name, number);
    }
    return number;
  }

  return {
    raiseCoordinator: (id, wall) => raise.get(id, wall) as number,
    run,
    runById: (id) => run((byId.get(id) as RunOrd | undefined) ?? 0),
    runByKey: (principal, key) => run((byKey.get(principal, key) as RunOrd | undefined) ?? 0),
    insertRun(row) {
      addClass.run(row.class);
      const { id, name, principal, key, keyHash, state, sealed, version, created, ended } = row;
      const done = insert.run(id, name, principal, key, keyHash, classOf(row.class), state, sealed ? 1 : 0, version, created, ended);
      const ordinal = Number(done.lastInsertRowid);
      insertSpec.run(ordinal, JSON.stringify(row.spec), JSON.stringify(row.client));
      return ordinal;
    },
    putRun(row) {
      const { state, sealed, version, ended } = row;
      put(recordOf({ ...factsOf(run(row.run)!), state, sealed, version, ended }));
    },
    count(ordinal, change) {
      const record = run(ordinal)!;
      const counts = addCounts(record.counts, change);
      put(recordOf({ ...factsOf(record), counts }));
      return counts;
    },
    liveRuns() {
      flush();
      return listed(live.all());
    },
    takeSeq: (counted) => (take.get(counted) as number) - counted,
    classOf,
    flush,
    forget() {
      kept.clear();
      changed.clear();
      classes.clear();
    },
    all: () => listed(every.all()).map((record) => ({ ...record })),
  };
}

/** Without the getters, which a spread would call. */
function factsOf(record: RunRecord): Facts {
  const { run, id, name, principal, key, keyHash, state, sealed, version, created, ended, counts } = record;
  return { run, id, name, principal, key, keyHash, class: record.class, state, sealed, version, created, ended, counts };
}

const addCounts = (counts: RunCounts, change: Partial<RunCounts>): RunCounts => ({
  total: counts.total + (change.total ?? 0),
  remaining: counts.remaining + (change.remaining ?? 0),
  passed: counts.passed + (change.passed ?? 0),
  failed: counts.failed + (change.failed ?? 0),
  errored: counts.errored + (change.errored ?? 0),
  timedOut: counts.timedOut + (change.timedOut ?? 0),
  cancelled: counts.cancelled + (change.cancelled ?? 0),
  deadLetter: counts.deadLetter + (change.deadLetter ?? 0),
  lostAttempts: counts.lostAttempts + (change.lostAttempts ?? 0),
});

const COUNTS = ['total', 'remaining', 'passed', 'failed', 'errored', 'timedOut', 'cancelled', 'deadLetter', 'lostAttempts'] as const;
const SELECT = 'SELECT runs.*, (SELECT name FROM classes WHERE classes.class = runs.class) AS class FROM runs';
const KEPT_MAX = 1024;
