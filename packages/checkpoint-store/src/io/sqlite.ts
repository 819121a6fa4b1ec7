/** Checkpoints in SQLite, with SHA-256. */
import { createHash } from 'node:crypto';
import type { SqliteModule, SqliteTx } from '@holdfast/committer/sqlite';
import type { TaskKey } from '@holdfast/model';
import { sql } from 'kysely';
import {
  type CheckpointRecord,
  type CheckpointTables,
  createCheckpointApplier,
  type Digest,
  latestGood,
  type LeaseState,
  type ResumePoint,
} from '../apply.ts';

/** Creates the module. `leaseState` makes the reader of leases over the same transaction. */
export function createCheckpointModule(ports: { readonly leaseState: (tx: SqliteTx) => LeaseState }): SqliteModule {
  return {
    name: 'checkpoint',
    migrations: {
      '0001_checkpoints': {
        up: async (db) => {
          await sql.raw(FIRST).execute(db);
        },
      },
    },
    open: (tx) => createCheckpointApplier(sqliteTables(tx), ports.leaseState(tx), sha256),
  };
}

/** The reader of resume points that the task store's claim needs. */
export function sqliteLatestCheckpoint(tx: SqliteTx): (key: TaskKey) => ResumePoint | undefined {
  const tables = sqliteTables(tx);
  return (key) => latestGood(tables, key, sha256);
}

function sqliteTables(tx: SqliteTx): CheckpointTables {
  const select = tx.prepare(
    'SELECT run, n, epoch, seq, text, digest, wall FROM checkpoints WHERE run = ? AND n = ? ORDER BY epoch DESC, seq DESC',
  );
  const insert = tx.prepare('INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)');
  const remove = tx.prepare('DELETE FROM checkpoints WHERE run = ? AND n = ? AND epoch = ? AND seq = ?');
  return {
    kept: (key) => select.all(key.run, key.n) as CheckpointRecord[],
    insert: (row) => void insert.run(row.run, row.n, row.epoch, row.seq, row.wall, row.digest, row.text),
    delete: (row) => void remove.run(row.run, row.n, row.epoch, row.seq),
  };
}

const sha256: Digest = (text) => createHash('sha256').update(text).digest('hex');

const FIRST = `CREATE TABLE checkpoints (
  run INTEGER NOT NULL, n INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, wall REAL NOT NULL,
  digest TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (run, n, epoch, seq)
) STRICT, WITHOUT ROWID`;
