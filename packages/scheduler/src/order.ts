/**
 * In which order tasks leave: one integer rank each, fixed when the task arrives, so that ageing needs no clock and no queue is ever re-sorted.
 *
 * R1 Fair: each flow (a run, or a tenant's runs) has a tag that moves by 1/weight a task; a flow that was idle begins at the tag that is being served
 *    (start-time fair queuing, Goyal et al. 1996). Flows with work therefore share by weight, however much each has queued.
 * R2 A step of priority is worth `priorityStep` tasks of weight 1. So a task is overtaken, by each other flow, at most 9 × priorityStep + 1 times its weight (G22).
 * R3 Inside one arrival the longest predicted go first.
 */

/** What decides the order of a task. */
export interface OrderedTask {
  /** 0 (first) to 9. */
  readonly priority: number;
  /** Predicted milliseconds; 0 = unknown. */
  readonly predictedMs: number;
  /** Milliseconds until it should have ended, counted from its arrival; undefined: no deadline. */
  readonly deadlineMs?: number;
}

/** The one number that a flow keeps: the tag of its last task. `weight` 1..1000, default 1; twice the weight, twice the share. */
export interface FlowState {
  readonly tag: number;
  readonly weight: number;
}

export type StrategyName = 'fair' | 'fifo' | 'deadline';

/** A way to order tasks. `virtual` is the tag that is being served, `seq` the number of the arrival's first task. */
export interface Strategy {
  readonly name: string;
  /** Ranks of one arrival, in the order of its tasks, and the flow after it. Lower goes first; equal ranks go by arrival. */
  ranks(
    tasks: readonly OrderedTask[],
    flow: FlowState,
    at: { readonly virtual: number; readonly seq: number; readonly priorityStep: number },
  ): { readonly ranks: readonly number[]; readonly flow: FlowState };
}

/** One task of weight 1 moves a tag by this much, so that weights up to 1000 stay integers. */
export const TAG_UNIT = 1000;
/** Default of `priorityStep`, in tasks of weight 1. */
export const PRIORITY_STEP = 100;

const fair = (boost: (task: OrderedTask, step: number) => number): Strategy['ranks'] => {
  return (tasks, flow, { virtual, priorityStep }) => {
    const step = priorityStep * TAG_UNIT;
    const each = Math.max(1, Math.floor(TAG_UNIT / Math.min(1000, Math.max(1, flow.weight))));
    let tag = Math.max(flow.tag, virtual);
    const ranks = Array.from({ length: tasks.length }, () => 0);
    for (const index of longestFirst(tasks)) {
      tag += each;
      const task = tasks[index]!;
      ranks[index] = tag + task.priority * step - boost(task, step);
    }
    return { ranks, flow: { ...flow, tag } };
  };
};

/** Flows share by weight; inside a flow by priority, then longest first. The default. */
const FAIR: Strategy = { name: 'fair', ranks: fair(() => 0) };
/** As fair, but what must end soon is moved up, by less than one step of priority (R2 holds with one step more). */
const DEADLINE: Strategy = {
  name: 'deadline',
  ranks: fair((task, step) => {
    if (task.deadlineMs === undefined) return 0;
    const slack = Math.max(0, task.deadlineMs - task.predictedMs);
    return Math.floor((step * SLACK_HALF_MS) / (SLACK_HALF_MS + slack));
  }),
};
/** First come, first served, by priority: what a single user expects of a queue. */
const FIFO: Strategy = {
  name: 'fifo',
  ranks: (tasks, flow, { seq, priorityStep }) => ({
    ranks: tasks.map((task, index) => (seq + index + task.priority * priorityStep) * TAG_UNIT),
    flow,
  }),
};

export const STRATEGIES: Readonly<Record<StrategyName, Strategy>> = { fair: FAIR, fifo: FIFO, deadline: DEADLINE };

/** Indexes by predicted length, longest first; unknown ones in the middle, where a typical task would be; equal ones as they came. */
export function longestFirst(tasks: readonly Pick<OrderedTask, 'predictedMs'>[]): readonly number[] {
  const known = tasks.map((task) => task.predictedMs).filter((ms) => ms > 0);
  const typical = known.sort((a, b) => a - b)[Math.floor(known.length / 2)] ?? 0;
  const lengths = tasks.map((task) => (task.predictedMs > 0 ? task.predictedMs : typical));
  return lengths.map((_, index) => index).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
}

/** With this much slack a deadline moves a task up by half a step of priority. */
const SLACK_HALF_MS = 60_000;
