export {
  type CheckpointRecord,
  type CheckpointTables,
  createCheckpointApplier,
  type Digest,
  KEPT_MAX,
  latestGood,
  type LeaseState,
  type ResumePoint,
} from './apply.ts';
export type { CheckpointOp, CheckpointOps, SaveCheckpoint } from './ops.ts';
