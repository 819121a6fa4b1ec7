/** What `/metrics` tells of checkpoints, counted as their ops commit. */
import type { SaveCheckpoint } from '@holdfast/checkpoint-store';
import type { Op, Verdict } from '@holdfast/committer';
import type { Claimed } from '@holdfast/task-store';
import type { Metrics } from './metrics.ts';

export interface CheckpointMetrics {
  committed(ops: readonly Op[], verdicts: readonly Verdict[]): void;
  corrupt(): void;
}

/** Registers them. */
export function addCheckpointMetrics(metrics: Metrics): CheckpointMetrics {
  let [saved, resumed] = [0, 0];
  const created = metrics.counter('holdfast_checkpoints_created', 'Checkpoints kept.');
  const restored = metrics.counter('holdfast_checkpoints_restored', 'Attempts that were given a checkpoint to go on from.');
  const damaged = metrics.counter('holdfast_checkpoints_corrupt', 'Checkpoints that their reader found damaged.');
  const bytes = metrics.counter('holdfast_checkpoint_bytes', 'Bytes of checkpoints kept.');
  metrics.gauge('holdfast_checkpoints_restoration_ratio', 'Restored by created.', () => [[{}, saved === 0 ? 0 : resumed / saved]]);
  return {
    committed(ops, verdicts) {
      ops.forEach(({ op }, index) => {
        if (op !== 'checkpoint.save' && op !== 'task.claim') return;
        const verdict = verdicts[index];
        if (verdict?.kind !== 'applied') return;
        if (op === 'checkpoint.save') {
          const { blob, data } = ops[index] as SaveCheckpoint;
          saved += 1;
          created.add();
          bytes.add({}, blob?.size ?? sizeOf(data));
        } else {
          const count = (verdict.value as Claimed).grants.reduce((sum, grant) => sum + (grant.resumeFrom ? 1 : 0), 0);
          if (count === 0) return;
          resumed += count;
          restored.add({}, count);
        }
      });
    },
    corrupt: () => damaged.add(),
  };
}

/** As its envelope says; a state without one counts as its text. */
const sizeOf = (data: SaveCheckpoint['data']): number => {
  const size = typeof data === 'object' && data !== null ? (data as { size?: unknown }).size : undefined;
  return typeof size === 'number' ? size : JSON.stringify(data).length;
};
