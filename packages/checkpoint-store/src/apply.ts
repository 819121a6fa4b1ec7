/** Decisions about checkpoints over an adapter's rows. */
import type { BlobLedger } from '@holdfast/blob-store';
import type { Op, Verdict } from '@holdfast/committer';
import { unreachable } from '@holdfast/kernel';
import type { BlobRef, Json, LeaseKey, TaskKey } from '@holdfast/model';
import type { CheckpointOp } from './ops.ts';

/** One kept checkpoint. `text` is the JSON as it is stored, `digest` its SHA-256 in hex. */
export interface CheckpointRecord extends LeaseKey {
  readonly seq: number;
  readonly text: string;
  readonly digest: string;
  /** What is too large for a row. */
  readonly blob: BlobRef | null;
  readonly wall: number;
}

/** Which attempt saved it, and as its how manyth. */
export interface CheckpointKey {
  readonly epoch: number;
  readonly seq: number;
}

/** What a later attempt starts from. */
export interface ResumePoint extends CheckpointKey {
  readonly data: Json;
  readonly blob?: BlobRef;
}

export interface CheckpointTables {
  /** All kept checkpoints of a task, latest first: by epoch, then seq, descending. At most `KEPT_MAX`. */
  kept(key: TaskKey): CheckpointRecord[];
  insert(row: CheckpointRecord): void;
  delete(row: TaskKey & CheckpointKey): void;
}

/** How a lease stands for this worker: `valid` only for its holder. Comes from the task store. */
export type LeaseState = (key: LeaseKey, worker: number) => 'valid' | 'stale' | 'unknown';
/** SHA-256 of UTF-8 text, in hex. */
export type Digest = (text: string) => string;

/** What the task store does with checkpoints, in its own transactions. */
export interface TaskCheckpoints {
  /** Good ones of a task, latest first; whatever does not match its digest is removed and named (K3). */
  resume(key: TaskKey, wall: number): { readonly good: readonly ResumePoint[]; readonly corrupt: readonly CheckpointKey[] };
  /** Removes one that its reader could not use. False: it is not kept. */
  drop(key: TaskKey, which: CheckpointKey, wall: number): boolean;
  /** The task is over: removes all of them (K4). */
  prune(key: TaskKey, wall: number): void;
}

/** Returns what a store module's `open` returns. */
export function createCheckpointApplier(
  tables: CheckpointTables,
  leaseState: LeaseState,
  blobs: BlobLedger,
  digest: Digest,
): (op: Op) => Verdict {
  return (given) => {
    const op = given as CheckpointOp;
    if (op.op !== 'checkpoint.save') return unreachable(op.op);
    const state = leaseState(op, op.worker);
    if (state !== 'valid') return { kind: 'refused', reason: state === 'unknown' ? 'unknown_task' : 'stale_lease' };
    const kept = tables.kept(op);
    const last = kept[0];
    if (last && (last.epoch > op.epoch || (last.epoch === op.epoch && last.seq >= op.seq))) {
      const reason = last.epoch === op.epoch && last.seq === op.seq ? 'duplicate' : 'lower_seq';
      return { kind: 'refused', reason, row: { epoch: last.epoch, seq: last.seq } };
    }
    if (op.blob) {
      if (!blobs.has(op.blob.digest)) return { kind: 'refused', reason: 'missing_blob', row: { digest: op.blob.digest } };
      blobs.reference(op.blob.digest);
    }
    for (const row of kept.slice(KEPT_MAX - 1)) remove(tables, blobs, row, op.wall);
    const text = JSON.stringify(op.data);
    const { run, n, epoch, seq, wall } = op;
    tables.insert({ run, n, epoch, seq, text, digest: digest(text), blob: op.blob ?? null, wall });
    return { kind: 'applied', value: null };
  };
}

/** Makes what the task store needs over the same transaction. */
export function createTaskCheckpoints(tables: CheckpointTables, blobs: BlobLedger, digest: Digest): TaskCheckpoints {
  return {
    resume(key, wall) {
      const good: ResumePoint[] = [];
      const corrupt: CheckpointKey[] = [];
      for (const row of tables.kept(key)) {
        const { epoch, seq } = row;
        if (digest(row.text) === row.digest) {
          good.push({ epoch, seq, data: JSON.parse(row.text) as Json, ...(row.blob ? { blob: row.blob } : {}) });
        } else {
          corrupt.push({ epoch, seq });
          remove(tables, blobs, row, wall);
        }
      }
      return { good, corrupt };
    },
    drop(key, which, wall) {
      const row = tables.kept(key).find((one) => one.epoch === which.epoch && one.seq === which.seq);
      if (row) remove(tables, blobs, row, wall);
      return row !== undefined;
    },
    prune(key, wall) {
      for (const row of tables.kept(key)) remove(tables, blobs, row, wall);
    },
  };
}

function remove(tables: CheckpointTables, blobs: BlobLedger, row: CheckpointRecord, wall: number): void {
  tables.delete(row);
  if (row.blob) blobs.release(row.blob.digest, wall);
}

/** Checkpoints kept per task. */
export const KEPT_MAX = 2;
