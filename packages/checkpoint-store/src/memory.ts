/** Checkpoints in memory. Memory does not rot, so the digest is injected, and by default a checksum good enough for tests. */
import type { StoreModule } from '@holdfast/committer';
import type { MemoryTx } from '@holdfast/committer/memory';
import { hash32 } from '@holdfast/kernel';
import { type TaskKey, taskText } from '@holdfast/model';
import {
  type CheckpointRecord,
  type CheckpointTables,
  createCheckpointApplier,
  type Digest,
  latestGood,
  type LeaseState,
  type ResumePoint,
} from './apply.ts';

export interface MemoryCheckpointPorts {
  readonly leaseState: (tx: MemoryTx) => LeaseState;
  /** Default: a 32-bit checksum. */
  readonly digest?: Digest;
}

/** Creates the module. `leaseState` makes the reader of leases over the same transaction. */
export function createMemoryCheckpointModule(ports: MemoryCheckpointPorts): StoreModule<MemoryTx> {
  return {
    name: 'checkpoint',
    open: (tx) => createCheckpointApplier(memoryTables(tx), ports.leaseState(tx), ports.digest ?? checksum),
  };
}

/** The reader of resume points that the task store's claim needs. */
export function memoryLatestCheckpoint(tx: MemoryTx, digest: Digest = checksum): (key: TaskKey) => ResumePoint | undefined {
  const tables = memoryTables(tx);
  return (key) => latestGood(tables, key, digest);
}

function memoryTables(tx: MemoryTx): CheckpointTables {
  const rows = tx.table<string, readonly CheckpointRecord[]>('checkpoints');
  return {
    kept: (key) => [...(rows.get(taskText(key)) ?? [])],
    insert: (row) => rows.set(taskText(row), [row, ...(rows.get(taskText(row)) ?? [])]),
    delete(row) {
      const left = (rows.get(taskText(row)) ?? []).filter((other) => other.epoch !== row.epoch || other.seq !== row.seq);
      rows.set(taskText(row), left);
    },
  };
}

const checksum: Digest = (text) => hash32(text).toString(16);
