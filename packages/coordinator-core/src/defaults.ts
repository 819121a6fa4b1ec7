/** The defaults of the design's section 5. */
import type { CoordinatorOptions } from './contract.ts';

export const DEFAULT_COORDINATOR_OPTIONS: Omit<CoordinatorOptions, 'id'> = {
  heartbeatEveryMs: 3000,
  leaseTtlMs: 10_000,
  lostAfterMs: 120_000,
  resumeWindowMs: 120_000,
  batchMax: 256,
  queuedMax: 100_000,
  beatEveryMs: 0,
};
