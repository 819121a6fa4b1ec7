/** Checkpoints in SQLite, with SHA-256. */
import { createHash } from 'node:crypto';
import type { BlobLedger } from '@holdfast/blob-store';
import type { SqliteModule, SqliteTx } from '@holdfast/committer/sqlite';
import type { BlobDigest } from '@holdfast/model';
import { type Kysely, sql } from 'kysely';
import {
  type CheckpointRecord,
  type CheckpointTables,
  createCheckpointApplier,
  createTaskCheckpoints,
  type Digest,
  type LeaseState,
  type TaskCheckpoints,
} from '../apply.ts';

export interface SqliteCheckpointPorts {
  readonly leaseState: (tx: SqliteTx) => LeaseState;
  readonly blobs: (tx: SqliteTx) => BlobLedger;
}

/** Creates the module. Its ports make readers over the same transaction. */
export function createCheckpointModule(ports: SqliteCheckpointPorts): SqliteModule {
  return {
    name: 'checkpoint',
    migrations: {
      '0001_checkpoints': { up: (db) => run(db, [FIRST]) },
      '0002_blobs': { up: (db) => run(db, SECOND) },
    },
    open: (tx) => createCheckpointApplier(sqliteTables(tx), ports.leaseState(tx), ports.blobs(tx), sha256),
  };
}

/** What the task store needs of checkpoints. Where none was ever kept, the end of a task asks nothing. */
export function sqliteTaskCheckpoints(tx: SqliteTx, blobs: BlobLedger): TaskCheckpoints {
  const tables = sqliteTables(tx);
  const checkpoints = createTaskCheckpoints(tables, blobs, sha256);
  return {
    ...checkpoints,
    prune(key, wall) {
      if (tables.used()) checkpoints.prune(key, wall);
    },
  };
}

interface Tables extends CheckpointTables {
  /** Whether there may be any row. */
  used(): boolean;
}

/** The tables of one file: all who ask share them, and so know of each other's rows. */
function sqliteTables(tx: SqliteTx): Tables {
  const known = TABLES.get(tx) ?? createTables(tx);
  TABLES.set(tx, known);
  return known;
}

const TABLES = new WeakMap<SqliteTx, Tables>();

function createTables(tx: SqliteTx): Tables {
  const select = tx.prepare(
    `SELECT run, n, epoch, seq, text, digest, wall, blob, blobSize FROM checkpoints WHERE run = ? AND n = ?
     ORDER BY epoch DESC, seq DESC`,
  );
  const insert = tx.prepare(
    'INSERT INTO checkpoints (run, n, epoch, seq, wall, digest, text, blob, blobSize) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const remove = tx.prepare('DELETE FROM checkpoints WHERE run = ? AND n = ? AND epoch = ? AND seq = ?');
  let used = tx.prepare('SELECT 1 FROM checkpoints LIMIT 1').pluck().get() !== undefined;
  return {
    used: () => used,
    kept: (key) => (select.all(key.run, key.n) as Row[]).map(readRow),
    insert(row) {
      used = true;
      const { run: ord, n, epoch, seq, wall, digest, text, blob } = row;
      insert.run(ord, n, epoch, seq, wall, digest, text, blob?.digest ?? null, blob?.size ?? null);
    },
    delete: (row) => void remove.run(row.run, row.n, row.epoch, row.seq),
  };
}

type Row = Omit<CheckpointRecord, 'blob'> & { readonly blob: BlobDigest | null; readonly blobSize: number | null };

const readRow = ({ blob, blobSize, ...row }: Row): CheckpointRecord => ({
  ...row,
  blob: blob === null ? null : { digest: blob, size: blobSize! },
});

async function run(db: Kysely<unknown>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const sha256: Digest = (text) => createHash('sha256').update(text).digest('hex');

const FIRST = `CREATE TABLE checkpoints (
  run INTEGER NOT NULL, n INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, wall REAL NOT NULL,
  digest TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (run, n, epoch, seq)
) STRICT, WITHOUT ROWID`;
const SECOND = ['ALTER TABLE checkpoints ADD COLUMN blob TEXT', 'ALTER TABLE checkpoints ADD COLUMN blobSize INTEGER'];
