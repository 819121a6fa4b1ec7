/**
 * The ops of checkpoints: state by which a later attempt, on any worker, goes on where an earlier one was.
 *
 * K1 A checkpoint is accepted iff its lease is valid and its `seq` is above the last accepted of that epoch; epochs order before `seq` (G9).
 * K2 It is acknowledged only after the commit.
 * K3 The last two are kept; one whose SHA-256 does not match is removed, named, and passed over for the next older one.
 * K4 Those of a task that is over are removed in the transaction that ends it.
 */
import type { BlobRef, Json, LeaseKey } from '@holdfast/model';

/**
 * Keeps `data` for the next attempt. Refused: `stale_lease` (also when another worker holds it, G21), `unknown_task`, `lower_seq`,
 * `duplicate`, and `missing_blob` when the bytes it refers to were not put.
 */
export interface SaveCheckpoint extends LeaseKey {
  readonly op: 'checkpoint.save';
  /** Ordinal of the worker that made it. */
  readonly worker: number;
  readonly seq: number;
  readonly data: Json;
  /** State too large for a row. */
  readonly blob?: BlobRef;
  readonly wall: number;
}

export interface CheckpointOps {
  'checkpoint.save': readonly [SaveCheckpoint, null];
}
export type CheckpointOp = CheckpointOps[keyof CheckpointOps][0];
