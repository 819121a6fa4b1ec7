/** What a run will look like on given workers: the schedule that taking the longest first gives, played through. For `plan`, what-if and deadlines. */
import { createHeap } from './heap.ts';
import { longestFirst } from './order.ts';
import { lowerBoundMs, type SplitItem } from './split.ts';

export interface ForecastWorker {
  readonly id: string;
  /** ≥ 1. */
  readonly slots: number;
  /** Thousandths of the reference machine. Default 1000. */
  readonly speed?: number;
  /** Milliseconds until it takes its first task. Default 0. */
  readonly readyMs?: number;
}
export interface ForecastStep {
  readonly task: string;
  readonly worker: string;
  /** 0-based. */
  readonly slot: number;
  readonly startMs: number;
  readonly endMs: number;
}
export interface Forecast {
  readonly steps: readonly ForecastStep[];
  /** When the last task ends. */
  readonly makespanMs: number;
  /** No schedule can be shorter. */
  readonly lowerBoundMs: number;
  /** Share of slot time that is work, 0..1000, from the start to the makespan. */
  readonly efficiency: number;
}

/** `given`: in the order of the items, as a queue without durations would. `longestFirst`: the default. */
export type ForecastOrder = 'longestFirst' | 'given';

/** Plays a run through. `overheadMs` is added to each task. Without workers nothing runs and the makespan is Infinity. Complexity: O(k log n). */
export function forecast(
  items: readonly SplitItem[],
  workers: readonly ForecastWorker[],
  options: { readonly order?: ForecastOrder; readonly overheadMs?: number } = {},
): Forecast {
  const free = createHeap<{ readonly worker: string; readonly slot: number; readonly speed: number }>();
  const speeds: number[] = [];
  for (const { id, slots, speed = 1000, readyMs = 0 } of workers) {
    for (let slot = 0; slot < slots; slot += 1) {
      free.push(readyMs, { worker: id, slot, speed });
      speeds.push(speed);
    }
  }
  const work = items.map(({ id, durationMs }) => ({ id, durationMs: durationMs + (options.overheadMs ?? 0) }));
  const bound = lowerBoundMs(work, speeds);
  if (speeds.length === 0) return { steps: [], makespanMs: items.length === 0 ? 0 : Infinity, lowerBoundMs: bound, efficiency: 0 };
  const order =
    options.order === 'given' ? work.map((_, index) => index) : longestFirst(work.map(({ durationMs }) => ({ predictedMs: durationMs })));
  const steps: ForecastStep[] = [];
  for (const index of order) {
    const { id, durationMs } = work[index]!;
    const startMs = free.peekKey();
    const { worker, slot, speed } = free.pop()!;
    const endMs = startMs + Math.round((durationMs * 1000) / speed);
    steps.push({ task: id, worker, slot, startMs, endMs });
    free.push(endMs, { worker, slot, speed });
  }
  const makespanMs = steps.reduce((most, step) => Math.max(most, step.endMs), 0);
  const busy = steps.reduce((sum, step) => sum + (step.endMs - step.startMs), 0);
  return {
    steps,
    makespanMs,
    lowerBoundMs: bound,
    efficiency: makespanMs === 0 ? 1000 : Math.floor((busy * 1000) / (makespanMs * speeds.length)),
  };
}

/** Whether work can end in time, and if not, how many more slots like these it takes. */
export type Feasibility =
  | { readonly kind: 'feasible'; readonly endMs: number }
  | {
      readonly kind: 'infeasible';
      readonly endMs: number;
      /** More slots of speed 1000; undefined: none help, since one task alone is too long. */
      readonly moreSlots: number | undefined;
    };

/** Whether all items can end within `deadlineMs` on these workers. */
export function feasibility(items: readonly SplitItem[], workers: readonly ForecastWorker[], deadlineMs: number): Feasibility {
  const { makespanMs } = forecast(items, workers);
  if (makespanMs <= deadlineMs) return { kind: 'feasible', endMs: makespanMs };
  const longest = items.reduce((most, item) => Math.max(most, item.durationMs), 0);
  if (longest > deadlineMs) return { kind: 'infeasible', endMs: makespanMs, moreSlots: undefined };
  // Longest first fits by then with one slot a task at the latest.
  let [none, enough] = [0, items.length];
  while (enough - none > 1) {
    const middle = (none + enough) >> 1;
    if (forecast(items, [...workers, { id: 'more', slots: middle }]).makespanMs <= deadlineMs) enough = middle;
    else none = middle;
  }
  return { kind: 'infeasible', endMs: makespanMs, moreSlots: enough };
}
