/** Checkpoints in PostgreSQL, with SHA-256. */
import { createHash } from 'node:crypto';
import type { BlobLedger } from '@holdfast/blob-store';
import {
  type Collection,
  isOrdinal,
  LOAD_ORDER,
  type Needs,
  numbers,
  type PostgresModule,
  type PostgresTx,
  texts,
} from '@holdfast/committer/postgres';
import { type BlobDigest, type LeaseKey, type TaskKey, taskText } from '@holdfast/model';
import { sql } from 'kysely';
import {
  type CheckpointRecord,
  type CheckpointTables,
  createCheckpointApplier,
  createTaskCheckpoints,
  type Digest,
  type LeaseState,
  type TaskCheckpoints,
} from '../apply.ts';
import type { CheckpointOp } from '../ops.ts';

export interface PostgresCheckpointPorts {
  /** Makes the reader of leases over the same transaction. */
  readonly leaseState: (tx: PostgresTx) => LeaseState;
  readonly blobs: (tx: PostgresTx) => BlobLedger;
  /** What the reader of leases will need of a lease. It must lock what a checkpoint belongs to. */
  readonly hintLease: (key: LeaseKey, needs: Needs) => void;
}

/** Creates the module. Its ports make readers over the same transaction. */
export function createPostgresCheckpointModule(ports: PostgresCheckpointPorts): PostgresModule {
  return {
    name: 'checkpoint',
    migrations: {
      '0001_checkpoints': {
        up: async (db) => {
          await sql.raw(FIRST).execute(db);
        },
      },
    },
    hint(given, needs) {
      const op = given as CheckpointOp;
      ports.hintLease(op, needs);
      needs.add(CHECKPOINTS, keyOf(op));
    },
    open: (tx) => createCheckpointApplier(postgresTables(tx), ports.leaseState(tx), ports.blobs(tx), sha256),
  };
}

/** What the task store needs of checkpoints. */
export const postgresTaskCheckpoints = (tx: PostgresTx, blobs: BlobLedger): TaskCheckpoints =>
  createTaskCheckpoints(postgresTables(tx), blobs, sha256);

const keyOf = ({ run, n }: TaskKey): TaskKey => ({ run, n });

function postgresTables(tx: PostgresTx): CheckpointTables {
  const kept = (key: TaskKey): readonly CheckpointRecord[] => tx.get(CHECKPOINTS, keyOf(key)) ?? [];
  return {
    kept: (key) => [...kept(key)],
    insert: (row) => tx.set(CHECKPOINTS, keyOf(row), [row, ...kept(row)]),
    delete: (row) =>
      tx.set(
        CHECKPOINTS,
        keyOf(row),
        kept(row).filter((other) => other.epoch !== row.epoch || other.seq !== row.seq),
      ),
  };
}

/** The kept checkpoints of a task, latest first. Guarded by the lock of what they belong to. */
export const CHECKPOINTS: Collection<TaskKey, readonly CheckpointRecord[]> = {
  name: 'checkpoints',
  order: LOAD_ORDER.rows,
  text: taskText,
  async load(db, given) {
    const keys = given.filter(({ run, n }) => isOrdinal(run) && isOrdinal(n));
    const { rows } = await db.query(
      'checkpoints.load',
      `SELECT c.* FROM unnest($1::int8[], $2::int8[]) AS k (run, n) JOIN checkpoints AS c USING (run, n) ORDER BY epoch DESC, seq DESC`,
      [numbers(keys.map(({ run }) => run)), numbers(keys.map(({ n }) => n))],
    );
    const lists = new Map<string, CheckpointRecord[]>(keys.map((key) => [taskText(key), []]));
    for (const { blob, blobSize, ...row } of rows as unknown as (Omit<CheckpointRecord, 'blob'> & {
      blob: BlobDigest | null;
      blobSize: number;
    })[]) {
      lists.get(taskText(row))!.push({ ...row, blob: blob === null ? null : { digest: blob, size: blobSize } });
    }
    return lists;
  },
  write(db, changes) {
    const made = changes.flatMap(({ before, now }) => (now ?? []).filter((row) => !before?.includes(row)));
    const gone = changes.flatMap(({ before, now }) => (before ?? []).filter((row) => !now?.includes(row)));
    const keys = (rows: readonly CheckpointRecord[]): string[] => [
      numbers(rows.map(({ run }) => run)),
      numbers(rows.map(({ n }) => n)),
      numbers(rows.map(({ epoch }) => epoch)),
      numbers(rows.map(({ seq }) => seq)),
    ];
    const sent: Promise<unknown>[] = [];
    if (gone.length > 0) sent.push(db.query('checkpoints.delete', DELETE, keys(gone)));
    if (made.length > 0) {
      sent.push(
        db.query('checkpoints.insert', INSERT, [
          ...keys(made),
          numbers(made.map(({ wall }) => wall)),
          texts(made.map(({ digest }) => digest)),
          texts(made.map(({ text }) => text)),
          texts(made.map(({ blob }) => blob?.digest ?? null)),
          numbers(made.map(({ blob }) => blob?.size ?? null)),
        ]),
      );
    }
    return sent;
  },
};

const sha256: Digest = (text) => createHash('sha256').update(text).digest('hex');
const FIRST = `CREATE TABLE checkpoints (
  run int8 NOT NULL, n int8 NOT NULL, epoch int8 NOT NULL, seq int8 NOT NULL, wall float8 NOT NULL,
  digest text NOT NULL, text text NOT NULL, blob text, "blobSize" int8, PRIMARY KEY (run, n, epoch, seq)
)`;
const INSERT =
  'INSERT INTO checkpoints SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::float8[], $6::text[], $7::text[], $8::text[], $9::int8[])';
const DELETE = `DELETE FROM checkpoints AS c USING unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[]) AS k (run, n, epoch, seq)
  WHERE c.run = k.run AND c.n = k.n AND c.epoch = k.epoch AND c.seq = k.seq`;
