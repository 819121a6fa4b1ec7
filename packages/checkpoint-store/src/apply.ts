/** Decisions about checkpoints over an adapter's rows. */
import type { Op, Verdict } from '@holdfast/committer';
import { unreachable } from '@holdfast/kernel';
import type { Json, LeaseKey, TaskKey } from '@holdfast/model';
import type { CheckpointOp } from './ops.ts';

/** One kept checkpoint. `text` is the JSON as it is stored, `digest` its SHA-256 in hex. */
export interface CheckpointRecord extends LeaseKey {
  readonly seq: number;
  readonly text: string;
  readonly digest: string;
  readonly wall: number;
}

/** What a later attempt starts from. */
export interface ResumePoint {
  readonly seq: number;
  readonly data: Json;
}

export interface CheckpointTables {
  /** All kept checkpoints of a task, latest first: by epoch, then seq, descending. At most `KEPT_MAX`. */
  kept(key: TaskKey): CheckpointRecord[];
  insert(row: CheckpointRecord): void;
  delete(row: CheckpointRecord): void;
}

/** How a lease stands for this worker: `valid` only for its holder. Comes from the task store. */
export type LeaseState = (key: LeaseKey, worker: number) => 'valid' | 'stale' | 'unknown';
/** SHA-256 of UTF-8 text, in hex. */
export type Digest = (text: string) => string;

/** Returns what a store module's `open` returns. */
export function createCheckpointApplier(tables: CheckpointTables, leaseState: LeaseState, digest: Digest): (op: Op) => Verdict {
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
    for (const row of kept.slice(KEPT_MAX - 1)) tables.delete(row);
    const text = JSON.stringify(op.data);
    tables.insert({ run: op.run, n: op.n, epoch: op.epoch, seq: op.seq, text, digest: digest(text), wall: op.wall });
    return { kind: 'applied', value: null };
  };
}

/** The latest kept checkpoint whose digest matches (K3). */
export function latestGood(tables: CheckpointTables, key: TaskKey, digest: Digest): ResumePoint | undefined {
  for (const row of tables.kept(key)) {
    if (digest(row.text) === row.digest) return { seq: row.seq, data: JSON.parse(row.text) as Json };
  }
  return undefined;
}

/** Checkpoints kept per task. */
export const KEPT_MAX = 2;
