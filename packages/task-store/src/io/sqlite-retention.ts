/**
 * Forgets finished runs: by age, or beyond a number, in batches of bounded size.
 *
 * T1 Only runs that are over are forgotten, and never the newest run nor the run of the newest event: ordinals and event numbers are not
 *    given twice.
 * T2 What rows refer to by hash is let go with them, in the same transaction.
 * T3 A run is gone for readers at once, with its row; what belonged to it follows in later batches, also after a crash.
 */
import { sqliteBlobLedger } from '@holdfast/blob-store/sqlite';
import type { Op } from '@holdfast/committer';
import type { SqliteModule, SqliteTx } from '@holdfast/committer/sqlite';
import type { BlobDigest } from '@holdfast/model';
import { sql } from 'kysely';

/** One batch. Never refused. */
export interface PruneRuns extends Op {
  readonly op: 'retention.prune';
  /** Runs that are over and are kept, newest first; absent: all. ≥ 1. */
  readonly keep?: number;
  /** Runs that ended before this wall time are forgotten; absent: none for their age. */
  readonly beforeWall?: number;
  /** Rows to delete at most, beside those of runs themselves. */
  readonly limit: number;
  readonly wall: number;
}
export interface PrunedRuns {
  /** Public ids of runs that this batch took away. */
  readonly forgotten: readonly string[];
  /** Rows deleted. */
  readonly rows: number;
  /** There is more to do. */
  readonly more: boolean;
}

/** Creates the module. Its tables are those of tasks and checkpoints, which must be registered before it. */
export function createRetentionModule(): SqliteModule {
  return {
    name: 'retention',
    migrations: {
      '0001_retention': {
        up: async (db) => void (await sql`CREATE TABLE retention_runs (run INTEGER PRIMARY KEY) STRICT`.execute(db)),
      },
    },
    open(tx) {
      const doom = createDoom(tx);
      const first = tx.prepare('SELECT run FROM retention_runs ORDER BY run LIMIT 1').pluck();
      const done = tx.prepare('DELETE FROM retention_runs WHERE run = ?');
      const blobs = sqliteBlobLedger(tx);
      const parts = PARTS.map(({ table, key, digests }) => {
        const some = `(SELECT * FROM ${table} WHERE run = ? ORDER BY ${key} LIMIT ?)`;
        return {
          referred:
            digests === undefined ? undefined : tx.prepare(`SELECT digest FROM (${digests(some)}) WHERE digest IS NOT NULL`).pluck(),
          remove: tx.prepare(`DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE run = ? ORDER BY ${key} LIMIT ?)`),
        };
      });
      /** Returns how many rows went. */
      const removeSome = (part: (typeof parts)[number], run: number, limit: number, wall: number): number => {
        for (const digest of (part.referred?.all(run, limit) ?? []) as BlobDigest[]) blobs.release(digest, wall);
        return part.remove.run(run, limit).changes;
      };
      return (given) => {
        const op = given as PruneRuns;
        const forgotten = doom(op);
        let left = op.limit;
        for (let run = first.get() as number | undefined; run !== undefined && left > 0; run = first.get() as number | undefined) {
          for (const part of parts) if (left > 0) left -= removeSome(part, run, left, op.wall);
          if (left > 0) done.run(run);
        }
        const value: PrunedRuns = { forgotten, rows: op.limit - left, more: first.get() !== undefined || forgotten.length === DOOMED_MAX };
        return { kind: 'applied', value };
      };
    },
  };
}

/** Takes runs away from readers and notes that their rows must go. */
function createDoom(tx: SqliteTx): (op: PruneRuns) => string[] {
  const select = tx.prepare(
    `SELECT run, id FROM runs
     WHERE state IN ('finished', 'cancelled') AND run < (SELECT max(run) FROM runs)
       AND run <> (SELECT run FROM events ORDER BY seq DESC LIMIT 1)
       AND (ended < ? OR run <= (SELECT run FROM runs WHERE state IN ('finished', 'cancelled') ORDER BY run DESC LIMIT 1 OFFSET ?))
     ORDER BY run LIMIT ${DOOMED_MAX}`,
  );
  const note = tx.prepare('INSERT INTO retention_runs VALUES (?)');
  const removeSpec = tx.prepare('DELETE FROM run_specs WHERE run = ?');
  const removeRun = tx.prepare('DELETE FROM runs WHERE run = ?');
  return ({ keep, beforeWall }) => {
    const rows = select.all(beforeWall ?? -1, keep ?? Number.MAX_SAFE_INTEGER) as { readonly run: number; readonly id: string }[];
    for (const { run } of rows) {
      note.run(run);
      removeSpec.run(run);
      removeRun.run(run);
    }
    return rows.map(({ id }) => id);
  };
}

interface Part {
  readonly table: string;
  /** What tells its rows apart. */
  readonly key: string;
  /** The digests that the given rows refer to. */
  readonly digests?: (rows: string) => string;
}
/** What belongs to a run. */
const PARTS: readonly Part[] = [
  { table: 'checkpoints', key: 'run, n, epoch, seq', digests: (rows) => `SELECT json_extract(blob, '$.digest') AS digest FROM ${rows}` },
  {
    table: 'attempts',
    key: 'run, n, epoch',
    digests: (rows) => `SELECT json_extract(value, '$.digest') AS digest FROM ${rows}, json_each(result, '$.artifacts')`,
  },
  { table: 'descriptions', key: 'run, n' },
  { table: 'dependencies', key: 'run, n, dependent' },
  { table: 'tasks', key: 'run, n' },
  { table: 'events', key: 'seq' },
];
/** Runs taken away by one batch. */
const DOOMED_MAX = 64;
