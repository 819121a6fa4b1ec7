/**
 * The schema in PostgreSQL: the tables and columns of `schema.ts`, so that one set of queries reads both. Booleans are 0 or 1, JSON is text.
 *
 * Every key begins with the run. Rows that change often are narrow and their pages leave room for a new version beside the old one.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { ACTIVE, LIVE } from './schema.ts';

/** Migrations of module `task`, by name. Append only. */
export const TASK_POSTGRES_MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001_tasks': { up: (db) => run(db, FIRST) },
};

async function run(db: Kysely<unknown>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const ROOMY = 'WITH (fillfactor = 50)';
const COUNTS = ['total', 'remaining', 'passed', 'failed', 'errored', '"timedOut"', 'cancelled', '"deadLetter"', '"lostAttempts"'];
const FIRST = [
  'CREATE TABLE numbers (name text PRIMARY KEY, value int8 NOT NULL) WITH (fillfactor = 50)',
  "INSERT INTO numbers VALUES ('run', 0), ('seq', 0), ('worker', 0)",
  'CREATE TABLE classes (class int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE)',
  `CREATE TABLE runs (
    run int8 PRIMARY KEY, id text NOT NULL UNIQUE, name text NOT NULL, principal text NOT NULL, key text, "keyHash" text,
    class int8 NOT NULL, state text NOT NULL, sealed int8 NOT NULL, version int8 NOT NULL, created float8 NOT NULL, ended float8,
    ${COUNTS.map((name) => `${name} int8 NOT NULL DEFAULT 0`).join(', ')}
  ) ${ROOMY}`,
  'CREATE UNIQUE INDEX runs_key ON runs (principal, key) WHERE key IS NOT NULL',
  `CREATE INDEX runs_live ON runs (run) WHERE ${LIVE}`,
  'CREATE TABLE run_specs (run int8 PRIMARY KEY, spec text NOT NULL, client text NOT NULL)',
  `CREATE TABLE workers (
    worker int8 PRIMARY KEY, id text NOT NULL UNIQUE, principal text NOT NULL, incarnation text NOT NULL, former text NOT NULL,
    "sessionEpoch" int8 NOT NULL, coordinator text NOT NULL, name text NOT NULL, registration text NOT NULL, seen float8 NOT NULL
  ) ${ROOMY}`,
  `CREATE TABLE tasks (
    run int8 NOT NULL, n int8 NOT NULL, rank int8 NOT NULL,
    retries int8 NOT NULL, "retryDelayMs" float8 NOT NULL, "maxLost" int8 NOT NULL, "onDisconnect" text NOT NULL,
    state text NOT NULL, epoch int8 NOT NULL, fence int8 NOT NULL, attempts int8 NOT NULL, lost int8 NOT NULL,
    failures int8 NOT NULL, blocked int8 NOT NULL, "delayMs" float8 NOT NULL, ready int8 NOT NULL, version int8 NOT NULL,
    "finalEpoch" int8 NOT NULL, reason text, ended float8,
    PRIMARY KEY (run, n)
  ) ${ROOMY}`,
  'CREATE INDEX tasks_delayed ON tasks (run, n) WHERE "delayMs" > 0',
  `CREATE TABLE descriptions (
    run int8 NOT NULL, n int8 NOT NULL, name text NOT NULL, "predictedMs" float8 NOT NULL, body text NOT NULL, policy text NOT NULL,
    PRIMARY KEY (run, n)
  )`,
  'CREATE TABLE dependencies (run int8 NOT NULL, n int8 NOT NULL, dependent int8 NOT NULL, PRIMARY KEY (run, n, dependent))',
  `CREATE TABLE attempts (
    run int8 NOT NULL, n int8 NOT NULL, epoch int8 NOT NULL, worker int8 NOT NULL, incarnation text NOT NULL,
    state text NOT NULL, hedge int8 NOT NULL, granted float8 NOT NULL, started float8, ended float8, reason text, result text,
    PRIMARY KEY (run, n, epoch)
  ) ${ROOMY}`,
  `CREATE INDEX attempts_active ON attempts (worker) WHERE ${ACTIVE}`,
  'CREATE TABLE ready (class int8 NOT NULL, rank int8 NOT NULL, run int8 NOT NULL, n int8 NOT NULL, PRIMARY KEY (class, rank, run, n))',
  `CREATE TABLE events (
    seq int8 GENERATED ALWAYS AS IDENTITY, run int8 NOT NULL, n int8 NOT NULL, version int8 NOT NULL, kind text NOT NULL,
    epoch int8 NOT NULL, state text NOT NULL, fence int8 NOT NULL, worker int8, principal text, reason text,
    count int8 NOT NULL, wall float8 NOT NULL, PRIMARY KEY (run, seq)
  )`,
];
