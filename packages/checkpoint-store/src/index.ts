export {
  type CheckpointKey,
  type CheckpointRecord,
  type CheckpointTables,
  createCheckpointApplier,
  createTaskCheckpoints,
  type Digest,
  KEPT_MAX,
  type LeaseState,
  type ResumePoint,
  type TaskCheckpoints,
} from './apply.ts';
export type { CheckpointOp, CheckpointOps, SaveCheckpoint } from './ops.ts';
