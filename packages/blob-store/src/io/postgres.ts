/** The ledger of blobs in PostgreSQL. */
import { type Collection, LOAD_ORDER, numbers, type PostgresModule, type PostgresTx, texts } from '@holdfast/committer/postgres';
import type { BlobDigest } from '@holdfast/model';
import { sql } from 'kysely';
import { type BlobLedger, type BlobRecord, type BlobTables, createBlobApplier, createBlobLedger } from '../ledger.ts';
import type { BlobOp } from '../ops.ts';

/** The module to register. */
export const postgresBlobModule: PostgresModule = {
  name: 'blob',
  migrations: {
    '0001_blobs': {
      up: async (db) => {
        for (const statement of FIRST) await sql.raw(statement).execute(db);
      },
    },
  },
  hint(given, needs) {
    const op = given as BlobOp;
    if (op.op === 'blob.touch') for (const digest of op.digests) needs.add(BLOBS, digest);
    else if (op.op === 'blob.collect') needs.add(IDLE, op);
    else {
      needs.add(BLOBS, op.digest);
      needs.add(USED, op.principal);
    }
  },
  scans: (op) => op.op === 'blob.collect',
  open: (tx) => createBlobApplier(postgresBlobTables(tx)),
};

/** The ledger over the same transaction, for modules that refer to blobs. */
export const postgresBlobLedger = (tx: PostgresTx): BlobLedger => createBlobLedger(postgresBlobTables(tx));

function postgresBlobTables(tx: PostgresTx): BlobTables {
  return {
    blob: (digest) => tx.get(BLOBS, digest),
    insert: (row) => tx.set(BLOBS, row.digest, row),
    put: (row) => tx.set(BLOBS, row.digest, row),
    delete: (digest) => tx.set(BLOBS, digest, undefined),
    idle: (before, limit) =>
      tx.get(IDLE, { before, limit })!.flatMap((digest) => {
        // It was found before it was locked.
        const row = tx.get(BLOBS, digest);
        return row && row.refs === 0 && row.touched < before ? [row] : [];
      }),
    used: (principal) => tx.get(USED, principal) ?? 0,
    addUsed: (principal, bytes) => tx.set(USED, principal, (tx.get(USED, principal) ?? 0) + bytes),
  };
}

const byText = { compare: (a: string, b: string): number => (a < b ? -1 : Number(a > b)) };

/** By digest, locked: references are counted. */
export const BLOBS: Collection<BlobDigest, BlobRecord> = {
  name: 'blobs',
  order: LOAD_ORDER.blobs,
  locks: byText,
  text: (digest) => digest,
  async load(db, digests) {
    const { rows } = await db.query(
      'blobs.load',
      'SELECT digest, size, refs, principal, touched FROM blobs WHERE digest = ANY($1::text[]) ORDER BY digest FOR NO KEY UPDATE',
      [texts(digests)],
    );
    return new Map((rows as unknown as BlobRecord[]).map((row) => [row.digest, row]));
  },
  write(db, changes) {
    const gone = changes.filter(({ before, now }) => before && !now).map(({ key }) => key);
    const put = changes.flatMap(({ now }) => (now ? [now] : []));
    const sent: Promise<unknown>[] = [];
    if (gone.length > 0) sent.push(db.query('blobs.delete', 'DELETE FROM blobs WHERE digest = ANY($1::text[])', [texts(gone)]));
    if (put.length > 0) {
      sent.push(
        db.query('blobs.write', WRITE, [
          texts(put.map((row) => row.digest)),
          numbers(put.map((row) => row.size)),
          numbers(put.map((row) => row.refs)),
          texts(put.map((row) => row.principal)),
          numbers(put.map((row) => row.touched)),
        ]),
      );
    }
    return sent;
  },
};

/** Bytes by principal, locked. */
const USED: Collection<string, number> = {
  name: 'blob use',
  order: LOAD_ORDER.blobs + 0.5,
  locks: byText,
  text: (principal) => principal,
  async load(db, principals) {
    const { rows } = await db.query(
      'blobUse.load',
      'SELECT principal, bytes FROM blob_use WHERE principal = ANY($1::text[]) ORDER BY principal FOR NO KEY UPDATE',
      [texts(principals)],
    );
    return new Map(rows.map((row) => [row['principal'] as string, row['bytes'] as number]));
  },
  write: (db, changes) => [
    db.query(
      'blobUse.write',
      'INSERT INTO blob_use SELECT * FROM unnest($1::text[], $2::int8[]) ON CONFLICT (principal) DO UPDATE SET bytes = excluded.bytes',
      [texts(changes.map(({ key }) => key)), numbers(changes.map(({ now }) => now!))],
    ),
  ],
};

interface IdleKey {
  readonly before: number;
  readonly limit: number;
}
/** Digests that nothing refers to, untouched since; with their rows and whose bytes they are. */
const IDLE: Collection<IdleKey, readonly BlobDigest[]> = {
  name: 'idle blobs',
  order: LOAD_ORDER.find,
  discovers: true,
  text: ({ before, limit }) => `${before} ${limit}`,
  async load(db, keys, needs) {
    const lists = new Map<string, readonly BlobDigest[]>();
    for (const { before, limit } of keys) {
      const { rows } = await db.query(
        'blobs.idle',
        'SELECT digest, principal FROM blobs WHERE refs = 0 AND touched < $1 ORDER BY digest LIMIT $2',
        [before, limit],
      );
      for (const row of rows) {
        needs.add(BLOBS, row['digest'] as BlobDigest);
        needs.add(USED, row['principal'] as string);
      }
      lists.set(
        `${before} ${limit}`,
        rows.map((row) => row['digest'] as BlobDigest),
      );
    }
    return lists;
  },
};

const WRITE = `INSERT INTO blobs (digest, size, refs, principal, touched)
  SELECT * FROM unnest($1::text[], $2::int8[], $3::int8[], $4::text[], $5::float8[])
  ON CONFLICT (digest) DO UPDATE SET refs = excluded.refs, touched = excluded.touched`;
const FIRST = [
  `CREATE TABLE blobs (
    digest text COLLATE "C" PRIMARY KEY, size int8 NOT NULL, refs int8 NOT NULL, principal text NOT NULL, touched float8 NOT NULL
  ) WITH (fillfactor = 50)`,
  'CREATE INDEX blobs_idle ON blobs (digest) WHERE refs = 0',
  'CREATE TABLE blob_use (principal text PRIMARY KEY, bytes int8 NOT NULL) WITH (fillfactor = 50)',
];
