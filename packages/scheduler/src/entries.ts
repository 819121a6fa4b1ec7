/** What the scheduler keeps of tasks and workers. */
import type { Placement, SchedulerTask, SchedulerWorker } from './contract.ts';
import type { Shape, TaskClass } from './fit-index.ts';
import type { Heap } from './heap.ts';

export type Place =
  | { readonly kind: 'queued' | 'parked' | 'gone' }
  | { readonly kind: 'reserved'; readonly worker: WorkerEntry }
  | { readonly kind: 'running'; readonly worker: WorkerEntry; readonly cost: number; readonly because: Placement['because'] };

export interface TaskEntry {
  readonly spec: SchedulerTask;
  readonly rank: number;
  readonly one: TaskClass<TaskEntry, KeyBucket>;
  place: Place;
  /** Workers it failed on, beside those that `spec.avoid` names. */
  avoid: ReadonlySet<string> | undefined;
}

/** The waiting tasks of one class and one concurrency key: one entry of the class's queue, by its first task, or none while the key is full. */
export interface KeyBucket {
  readonly key: string;
  readonly one: TaskClass<TaskEntry, KeyBucket>;
  readonly tasks: Heap<TaskEntry>;
  /** Rank under which it stands in the class's queue; entries with another rank are passed over. */
  listed: number | undefined;
}

export interface WorkerEntry {
  spec: SchedulerWorker;
  shape: Shape<TaskClass<TaskEntry, KeyBucket>, WorkerEntry>;
  used: number;
  readonly running: Set<TaskEntry>;
  /** The task that it is kept free for (A4). */
  reserved: TaskEntry | undefined;
}

export const QUEUED: Place = { kind: 'queued' };
export const PARKED: Place = { kind: 'parked' };
export const GONE: Place = { kind: 'gone' };

export const isActive = (spec: SchedulerWorker): boolean => (spec.state ?? 'active') === 'active';
/** Slots that it may be given now: none while it is kept free for somebody. */
export const freeOf = (worker: WorkerEntry): number => (isActive(worker.spec) && !worker.reserved ? worker.spec.slots - worker.used : 0);
/** Whether a task could run there if nothing else did. */
export const couldRun = (worker: WorkerEntry, task: TaskEntry): boolean =>
  isActive(worker.spec) && worker.spec.slots > 0 && widthOn(task, worker) <= worker.spec.slots && !avoids(task, worker);
export const widthOn = (task: TaskEntry, worker: WorkerEntry): number => (task.one.cost === 'all' ? worker.spec.slots : task.one.cost);
export const hasRoom = (worker: WorkerEntry, task: TaskEntry): boolean => freeOf(worker) > 0 && widthOn(task, worker) <= freeOf(worker);
export const avoids = (task: TaskEntry, worker: WorkerEntry): boolean =>
  (task.avoid?.has(worker.spec.id) ?? false) || (task.spec.avoid?.includes(worker.spec.id) ?? false);
export const byId = (a: WorkerEntry, b: WorkerEntry): number => (a.spec.id < b.spec.id ? -1 : 1);
