/** How well a worker has done with a kind of task: adaptive distribution by history (C11). Chooses among those that fit, never makes one fit. */

/** What is kept for each worker and kind of task. Times are of successful attempts. */
export interface WorkerHistory {
  readonly passed: number;
  readonly failed: number;
  /** Sum over successful attempts of duration over prediction, in thousandths. */
  readonly slowness: number;
}

export const NO_HISTORY: WorkerHistory = { passed: 0, failed: 0, slowness: 0 };

/** Adds an attempt; older ones fade by 1/32 each, so that a repaired machine is trusted again. `durationMs` and `predictedMs` of a pass; 0: not known. */
export function learn(
  history: WorkerHistory,
  attempt: { readonly passed: boolean; readonly durationMs: number; readonly predictedMs: number },
): WorkerHistory {
  const keep = (value: number): number => value - value / 32;
  if (!attempt.passed) return { passed: keep(history.passed), failed: keep(history.failed) + 1, slowness: keep(history.slowness) };
  const ratio = attempt.predictedMs > 0 && attempt.durationMs > 0 ? (attempt.durationMs * 1000) / attempt.predictedMs : 1000;
  return { passed: keep(history.passed) + 1, failed: keep(history.failed), slowness: keep(history.slowness) + Math.min(10_000, ratio) };
}

/** 0..1000: 1000 for always passing at or above the predicted speed. Without history 750: worth trying before a bad one, after a good one. */
export function suitability({ passed, failed, slowness }: WorkerHistory): number {
  // Two attempts of a plain worker are assumed, so that one failure does not condemn.
  const success = (passed + 1.5) / (passed + failed + 2);
  const pace = passed > 0 ? Math.min(1, 1000 / Math.max(1, slowness / passed)) : 1;
  return Math.floor(1000 * success * pace);
}
