/** The ledger of blobs in SQLite. */
import type { SqliteModule, SqliteTx } from '@holdfast/committer/sqlite';
import { sql } from 'kysely';
import { type BlobLedger, type BlobRecord, createBlobApplier, createBlobLedger, type OpenBlobTables } from '../ledger.ts';

/** The module to register. */
export const sqliteBlobModule: SqliteModule = {
  name: 'blob',
  migrations: {
    '0001_blobs': {
      up: async (db) => {
        for (const statement of FIRST) await sql.raw(statement).execute(db);
      },
    },
  },
  open: (tx) => createBlobApplier(sqliteBlobTables(tx)),
};

/** The ledger over the same transaction, for modules that refer to blobs. */
export const sqliteBlobLedger = (tx: SqliteTx): BlobLedger => createBlobLedger(sqliteBlobTables(tx));

/** The rows; for tests and checks. */
export function sqliteBlobTables(tx: SqliteTx): OpenBlobTables {
  const select = tx.prepare('SELECT digest, size, refs, principal, touched FROM blobs WHERE digest = ?');
  const insert = tx.prepare('INSERT INTO blobs (digest, size, refs, principal, touched) VALUES (?, ?, ?, ?, ?)');
  const update = tx.prepare('UPDATE blobs SET refs = ?, touched = ? WHERE digest = ?');
  const remove = tx.prepare('DELETE FROM blobs WHERE digest = ?');
  const idle = tx.prepare(
    'SELECT digest, size, refs, principal, touched FROM blobs WHERE refs = 0 AND touched < ? ORDER BY digest LIMIT ?',
  );
  const used = tx.prepare('SELECT bytes FROM blob_use WHERE principal = ?').pluck();
  const addUsed = tx.prepare('INSERT INTO blob_use VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes');
  const all = tx.prepare('SELECT digest, size, refs, principal, touched FROM blobs ORDER BY digest');
  return {
    blob: (digest) => select.get(digest) as BlobRecord | undefined,
    insert: (row) => void insert.run(row.digest, row.size, row.refs, row.principal, row.touched),
    put: (row) => void update.run(row.refs, row.touched, row.digest),
    delete: (digest) => void remove.run(digest),
    idle: (before, limit) => idle.all(before, limit) as BlobRecord[],
    used: (principal) => (used.get(principal) as number | undefined) ?? 0,
    addUsed: (principal, bytes) => void addUsed.run(principal, bytes),
    rows: () => all.all() as BlobRecord[],
  };
}

const FIRST = [
  `CREATE TABLE blobs (
    digest TEXT PRIMARY KEY, size INTEGER NOT NULL, refs INTEGER NOT NULL, principal TEXT NOT NULL, touched REAL NOT NULL
  ) STRICT, WITHOUT ROWID`,
  'CREATE INDEX blobs_idle ON blobs (digest) WHERE refs = 0',
  'CREATE TABLE blob_use (principal TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID',
];
