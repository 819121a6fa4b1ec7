/** Tasks, checkpoints and the ledger of blobs in memory: what the simulator and the tests of cores run against. */
import type { Committer, StoreModule } from '@holdfast/committer';
import { createMemoryCommitter, type MemoryTx } from '@holdfast/committer/memory';
import type { LeaseState } from '@holdfast/checkpoint-store';
import { memoryBlobLedger, memoryBlobModule } from '@holdfast/blob-store/ledger';
import { createMemoryCheckpointModule, memoryTaskCheckpoints } from '@holdfast/checkpoint-store/memory';
import { createTaskApplier } from './apply.ts';
import { isActive } from './attempt-ops.ts';
import { createMemoryTables } from './memory-tables.ts';
import type { Neighbours } from './neighbours.ts';
import type { AttemptRecord, TaskRecord, TaskRows } from './tables.ts';

export interface MemoryTaskModule extends StoreModule<MemoryTx> {
  /** Every row, sorted by key. */
  rows(): TaskRows;
}

/** Creates the module. `neighbours` reaches the modules beside it over the same transaction. */
export function createMemoryTaskModule(neighbours: (tx: MemoryTx) => Neighbours): MemoryTaskModule {
  let tables: ReturnType<typeof createMemoryTables> | undefined;
  return {
    name: 'task',
    open(tx) {
      tables = createMemoryTables(tx);
      return createTaskApplier(tables, neighbours(tx));
    },
    rows: () => tables!.rows(),
  };
}

/** How a lease stands, for the checkpoint store. */
export function memoryLeaseState(tx: MemoryTx): LeaseState {
  const tasks = tx.table<string, TaskRecord>('tasks');
  const attempts = tx.table<string, AttemptRecord>('attempts');
  return (key, worker) => {
    const task = tasks.get(`${key.run}.${key.n}`);
    if (!task) return 'unknown';
    const attempt = attempts.get(`${key.run}.${key.n}.${key.epoch}`);
    return attempt?.worker === worker && isActive(attempt) && key.epoch >= task.fence ? 'valid' : 'stale';
  };
}

export interface MemoryStore {
  readonly committer: Committer;
  rows(): TaskRows;
}

/** Creates a committer with tasks, checkpoints, the ledger of blobs and `extra` modules, over empty tables. */
export function createMemoryStore(extra: readonly StoreModule<MemoryTx>[] = []): MemoryStore {
  const tasks = createMemoryTaskModule((tx) => {
    const blobs = memoryBlobLedger(tx);
    return { blobs, checkpoints: memoryTaskCheckpoints(tx, blobs) };
  });
  const checkpoints = createMemoryCheckpointModule({ leaseState: memoryLeaseState, blobs: memoryBlobLedger });
  return { committer: createMemoryCommitter([tasks, checkpoints, memoryBlobModule, ...extra]), rows: tasks.rows };
}
