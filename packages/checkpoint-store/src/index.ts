export type { CheckpointOp, CheckpointOps, SaveCheckpoint } from './ops.ts';
