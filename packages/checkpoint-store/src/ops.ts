/**
 * The ops of checkpoints: state by which a later attempt, on any worker, goes on where an earlier one was.
 *
 * K1 A checkpoint is accepted iff its lease is valid and its `seq` is above the last accepted of that epoch; epochs order before `seq` (G9).
 * K2 It is acknowledged only after the commit.
 * K3 The last two are kept; one whose SHA-256 does not match is passed over for the next older one.
 */
import type { Json, LeaseKey } from '@holdfast/model';

/** Keeps `data` for the next attempt. Refused: `stale_lease` (also when another worker holds it, G21), `unknown_task`, `lower_seq`, `duplicate`. */
export interface SaveCheckpoint extends LeaseKey {
  readonly op: 'checkpoint.save';
  /** Ordinal of the worker that made it. */
  readonly worker: number;
  readonly seq: number;
  readonly data: Json;
  readonly wall: number;
}

export interface CheckpointOps {
  'checkpoint.save': readonly [SaveCheckpoint, null];
}
export type CheckpointOp = CheckpointOps[keyof CheckpointOps][0];
