/** Which running tasks deserve a second attempt elsewhere. The epoch rules decide what that means; this only chooses. */

export interface RunningTask {
  readonly id: string;
  /** Milliseconds since it began. */
  readonly runningMs: number;
  /** 0: unknown. */
  readonly predictedMs: number;
  /** It has a second attempt already, or may have none. */
  readonly hedged: boolean;
}

export interface HedgeOptions {
  /** Times the prediction, in thousandths, after which a task is late. Default 2000. */
  readonly late?: number;
  /** Never before this many milliseconds. Default 5,000. */
  readonly leastMs?: number;
  /** At most this share of running tasks at a time, in thousandths, but at least one. Default 100. */
  readonly budget?: number;
}

/**
 * The latest first, at most as many as there are idle slots and as the budget allows. Nothing while work is queued: an idle slot is better used for that.
 * A task without prediction is late against the median of the others.
 */
export function chooseStragglers(
  running: readonly RunningTask[],
  idleSlots: number,
  queued: number,
  options: HedgeOptions = {},
): readonly string[] {
  if (queued > 0 || idleSlots <= 0 || running.length === 0) return [];
  const { late = 2000, leastMs = 5000, budget = 100 } = options;
  const predictions = running
    .map((task) => task.predictedMs)
    .filter((ms) => ms > 0)
    .sort((a, b) => a - b);
  const typical = predictions[predictions.length >> 1] ?? Infinity;
  const lateness = (task: RunningTask): number => (task.runningMs * 1000) / (task.predictedMs > 0 ? task.predictedMs : typical);
  const hedged = running.filter((task) => task.hedged).length;
  const allowed = Math.max(1, Math.floor((running.length * budget) / 1000)) - hedged;
  return running
    .filter((task) => !task.hedged && task.runningMs >= leastMs && lateness(task) >= late)
    .sort((a, b) => lateness(b) - lateness(a) || (a.id < b.id ? -1 : 1))
    .slice(0, Math.max(0, Math.min(idleSlots, allowed)))
    .map((task) => task.id);
}
