/**
 * The schema in SQLite. Columns carry the names of the records' fields.
 *
 * Rows that change often are narrow; bodies, specs and results stand apart or are written once. Every key begins with the run.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Migrations of module `task`, by name. Append only. */
export const TASK_MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001_tasks': { up: (db) => run(db, FIRST) },
};

async function run(db: Kysely<unknown>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** Text of the condition by which partial indexes know the attempts that are out; queries must repeat it word by word. */
export const ACTIVE = "state IN ('leased', 'running', 'paused')";
export const LIVE = "state IN ('open', 'sealed', 'interrupted')";

const FIRST = [
  'CREATE TABLE coordinators (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, wall INTEGER NOT NULL) STRICT, WITHOUT ROWID',
  'CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID',
  "INSERT INTO counters VALUES ('seq', 0)",
  'CREATE TABLE classes (class INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT',
  `CREATE TABLE runs (
    run INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, principal TEXT NOT NULL, key TEXT, keyHash TEXT,
    class INTEGER NOT NULL REFERENCES classes, state TEXT NOT NULL, sealed INTEGER NOT NULL, version INTEGER NOT NULL,
    created REAL NOT NULL, ended REAL,
    total INTEGER NOT NULL DEFAULT 0, remaining INTEGER NOT NULL DEFAULT 0, passed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0, errored INTEGER NOT NULL DEFAULT 0, timedOut INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0, deadLetter INTEGER NOT NULL DEFAULT 0, lostAttempts INTEGER NOT NULL DEFAULT 0
  ) STRICT`,
  'CREATE UNIQUE INDEX runs_key ON runs (principal, key) WHERE key IS NOT NULL',
  `CREATE INDEX runs_live ON runs (run) WHERE ${LIVE}`,
  'CREATE TABLE run_specs (run INTEGER PRIMARY KEY REFERENCES runs, spec TEXT NOT NULL, client TEXT NOT NULL) STRICT',
  `CREATE TABLE workers (
    worker INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, principal TEXT NOT NULL, incarnation TEXT NOT NULL, former TEXT NOT NULL,
    sessionEpoch INTEGER NOT NULL, coordinator TEXT NOT NULL, name TEXT NOT NULL, registration TEXT NOT NULL, seen REAL NOT NULL
  ) STRICT`,
  `CREATE TABLE tasks (
    run INTEGER NOT NULL, n INTEGER NOT NULL, rank INTEGER NOT NULL,
    retries INTEGER NOT NULL, retryDelayMs REAL NOT NULL, maxLost INTEGER NOT NULL, onDisconnect TEXT NOT NULL,
    state TEXT NOT NULL, epoch INTEGER NOT NULL, fence INTEGER NOT NULL, attempts INTEGER NOT NULL, lost INTEGER NOT NULL,
    failures INTEGER NOT NULL, blocked INTEGER NOT NULL, delayMs REAL NOT NULL, ready INTEGER NOT NULL, version INTEGER NOT NULL,
    finalEpoch INTEGER NOT NULL, reason TEXT, ended REAL,
    PRIMARY KEY (run, n)
  ) STRICT, WITHOUT ROWID`,
  'CREATE INDEX tasks_delayed ON tasks (run, n) WHERE delayMs > 0',
  `CREATE TABLE descriptions (
    run INTEGER NOT NULL, n INTEGER NOT NULL, name TEXT NOT NULL, predictedMs REAL NOT NULL, body TEXT NOT NULL, policy TEXT NOT NULL,
    PRIMARY KEY (run, n)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE dependencies (
    run INTEGER NOT NULL, n INTEGER NOT NULL, dependent INTEGER NOT NULL, PRIMARY KEY (run, n, dependent)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE attempts (
    run INTEGER NOT NULL, n INTEGER NOT NULL, epoch INTEGER NOT NULL, worker INTEGER NOT NULL, incarnation TEXT NOT NULL,
    state TEXT NOT NULL, hedge INTEGER NOT NULL, granted REAL NOT NULL, started REAL, ended REAL, reason TEXT, result TEXT,
    PRIMARY KEY (run, n, epoch)
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX attempts_active ON attempts (worker) WHERE ${ACTIVE}`,
  `CREATE TABLE ready (
    class INTEGER NOT NULL, rank INTEGER NOT NULL, run INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (class, rank, run, n)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE events (
    seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, n INTEGER NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL,
    epoch INTEGER NOT NULL, state TEXT NOT NULL, fence INTEGER NOT NULL, worker INTEGER, principal TEXT, reason TEXT,
    count INTEGER NOT NULL, wall REAL NOT NULL
  ) STRICT`,
  'CREATE INDEX events_run ON events (run)',
];
