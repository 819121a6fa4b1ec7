/** What a scheduler is told and what it decides. Plain data, no clock: durations are milliseconds, everything else is a count. */
import type { OrderedTask, Strategy } from './order.ts';

export interface SchedulerTask extends OrderedTask {
  /** Unique among the tasks that wait or run. */
  readonly id: string;
  /** What must fit: the key of a requirement class. */
  readonly class: string;
  /** Who it is counted for: a run, or a tenant. */
  readonly flow: string;
  /** Slots it takes, ≥ 1; `all` takes a whole worker. Default 1. */
  readonly cost?: number | 'all';
  /** At most `limitOf(key)` tasks of one key run at a time. */
  readonly concurrencyKey?: string;
  /** Goes to the worker of the last task with the same word if that has room: a warm cache, a loaded model. */
  readonly affinity?: string;
  /** Workers to keep away from while another one that fits is there: where it failed before. */
  readonly avoid?: readonly string[];
}

export interface SchedulerWorker {
  readonly id: string;
  /** Workers of one shape fit the same classes: the key of their facts. */
  readonly shape: string;
  /** Slots in all, ≥ 0. */
  readonly slots: number;
  /** `cordoned` and `draining` workers get nothing new. Default `active`. */
  readonly state?: 'active' | 'cordoned' | 'draining';
}

/** How a shape fits a class: 0 not at all, 1 by its first alternative, 2 by its second... A later one counts only while no active worker has an earlier one. */
export type FitLevel = number;

export interface SchedulerOptions {
  readonly fits: (shape: string, className: string) => FitLevel;
  /** Default: `STRATEGIES.fair`. */
  readonly strategy?: Strategy;
  /** Tasks of weight 1 that a step of priority is worth. Default `PRIORITY_STEP`. */
  readonly priorityStep?: number;
  /** Share of a flow, 1..1000. Default 1 each. */
  readonly weightOf?: (flow: string) => number;
  /** Tasks of one concurrency key at a time. Default 1 each. */
  readonly limitOf?: (key: string) => number;
}

export interface Placement {
  readonly task: string;
  readonly worker: string;
  /** Slots taken. */
  readonly cost: number;
  /** Rank by which it came first. */
  readonly rank: number;
  /** `affinity`: that worker had its predecessor. `reserved`: that worker was kept free for it. */
  readonly because: 'first' | 'affinity' | 'reserved';
}

/** Why a task is where it is. */
export type Explanation =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'running'; readonly worker: string; readonly because: Placement['because']; readonly rank: number }
  /** No worker that is here fits, whatever it does; `shapes` were asked. */
  | { readonly kind: 'noneFits'; readonly class: string; readonly shapes: readonly string[] }
  /** Some fit, but all of them are cordoned or draining. */
  | { readonly kind: 'allCordoned'; readonly workers: readonly string[] }
  /** As many of its key run as may. */
  | { readonly kind: 'keyFull'; readonly key: string; readonly running: number; readonly limit: number }
  /** A worker is kept free for it. */
  | { readonly kind: 'reserved'; readonly worker: string; readonly free: number; readonly cost: number }
  /** Workers fit and are busy; `ahead` tasks of its class go first, by rank. */
  | { readonly kind: 'queued'; readonly rank: number; readonly ahead: number; readonly workers: number; readonly slots: number };

export interface Scheduler {
  /** Tasks arrive together: order inside one arrival is the strategy's. Ids that are known are passed over. Complexity: O(n log n). */
  add(tasks: readonly SchedulerTask[]): void;
  /** A task is over or was taken away, wherever it was. */
  remove(id: string): void;
  /** A running task goes back to its old place in the queue, away from the worker it was on if `avoid` says so. */
  requeue(id: string, avoid?: boolean): void;
  /** A worker is here, or has changed. What it runs stays with it. */
  setWorker(worker: SchedulerWorker): void;
  /** A worker is gone; what it ran is queued again at its old place. Returns those tasks, by id. */
  removeWorker(id: string): readonly string[];
  /** Places all that can be placed now, up to `limit`, first come by rank. Deterministic. */
  place(limit?: number): readonly Placement[];
  explain(id: string): Explanation;
  /** Tasks that no worker here can ever run, by id; at most `limit`. */
  unplaceable(limit: number): readonly string[];
  readonly queued: number;
  readonly running: number;
}
