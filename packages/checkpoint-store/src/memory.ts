/** Checkpoints in memory. Memory does not rot, so the digest is injected, and by default a checksum good enough for tests. */
import type { BlobLedger } from '@holdfast/blob-store';
import type { StoreModule } from '@holdfast/committer';
import type { MemoryTx } from '@holdfast/committer/memory';
import { hash32 } from '@holdfast/kernel';
import { taskText } from '@holdfast/model';
import {
  type CheckpointRecord,
  type CheckpointTables,
  createCheckpointApplier,
  createTaskCheckpoints,
  type Digest,
  type LeaseState,
  type TaskCheckpoints,
} from './apply.ts';

export interface MemoryCheckpointPorts {
  readonly leaseState: (tx: MemoryTx) => LeaseState;
  readonly blobs: (tx: MemoryTx) => BlobLedger;
  /** Default: a 32-bit checksum. */
  readonly digest?: Digest;
}

/** Creates the module. Its ports make readers over the same transaction. */
export function createMemoryCheckpointModule(ports: MemoryCheckpointPorts): StoreModule<MemoryTx> {
  return {
    name: 'checkpoint',
    open: (tx) => createCheckpointApplier(memoryTables(tx), ports.leaseState(tx), ports.blobs(tx), ports.digest ?? checksum),
  };
}

/** What the task store needs of checkpoints. */
export const memoryTaskCheckpoints = (tx: MemoryTx, blobs: BlobLedger, digest: Digest = checksum): TaskCheckpoints =>
  createTaskCheckpoints(memoryTables(tx), blobs, digest);

function memoryTables(tx: MemoryTx): CheckpointTables {
  const rows = tx.table<string, readonly CheckpointRecord[]>('checkpoints');
  return {
    kept: (key) => [...(rows.get(taskText(key)) ?? [])],
    insert: (row) => rows.set(taskText(row), [row, ...(rows.get(taskText(row)) ?? [])]),
    delete(row) {
      const left = (rows.get(taskText(row)) ?? []).filter((other) => other.epoch !== row.epoch || other.seq !== row.seq);
      if (left.length > 0) rows.set(taskText(row), left);
      else rows.delete(taskText(row));
    },
  };
}

const checksum: Digest = (text) => hash32(text).toString(16);
