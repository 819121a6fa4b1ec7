/** What attempts go on from: kept checkpoints that are good, and what becomes of those that are not. */
import type { Verdict } from '@holdfast/committer';
import { findOpenLease } from './attempt-ops.ts';
import type { Neighbours } from './neighbours.ts';
import type { CheckpointCorrupt, Grant } from './ops.ts';
import { applied, refused, writeTask } from './settle.ts';
import type { TaskRecord, TaskTables } from './tables.ts';

/** What a further attempt goes on from; each corrupt checkpoint that was passed over is an event. */
export function resumeOf(
  tables: TaskTables,
  task: TaskRecord,
  checkpoints: Neighbours['checkpoints'],
  wall: number,
): Pick<Grant, 'resumeFrom'> {
  const { good, corrupt } = checkpoints.resume(task, wall);
  let row = task;
  for (const key of corrupt) row = writeTask(tables, row, { kind: 'checkpoint.corrupt', wall, reason: checkpointText(key) });
  const [latest, older] = good;
  if (!latest) return {};
  // Whose bytes are elsewhere may turn out to be unusable there.
  return { resumeFrom: latest.blob && older ? { ...latest, older } : latest };
}

/** The worker that was to resume from a checkpoint found it damaged: it is removed, and an event says so. */
export function dropCheckpoint(tables: TaskTables, op: CheckpointCorrupt, { checkpoints }: Neighbours): Verdict<null> {
  const lease = findOpenLease(tables, op);
  if (lease.kind === 'refused') return lease;
  if (!checkpoints.drop(op, op.checkpoint, op.wall)) return refused('unknown_checkpoint');
  const { task } = lease.value;
  writeTask(tables, task, { kind: 'checkpoint.corrupt', worker: op.worker, wall: op.wall, reason: checkpointText(op.checkpoint) });
  return applied(null);
}

const checkpointText = ({ epoch, seq }: CheckpointCorrupt['checkpoint']): string => `checkpoint ${seq} of attempt ${epoch} is damaged`;
