/**
 * The rows of the store and the narrow port over which the ops decide. Every adapter stores these rows its own way;
 * the decisions (`apply.ts`) exist once.
 */
import type {
  AttemptResult,
  Epoch,
  Incarnation,
  Json,
  LeaseKey,
  OnDisconnect,
  RunId,
  RunOrd,
  RunSpec,
  RunState,
  TaskNo,
  TaskPolicy,
  TaskState,
  WorkerId,
  RunCounts,
} from '@holdfast/model';
import type { ReadyCount } from './ops.ts';

export interface RunRecord {
  readonly run: RunOrd;
  readonly id: RunId;
  readonly name: string;
  readonly principal: string;
  readonly key: string | null;
  readonly keyHash: string | null;
  readonly class: string;
  readonly spec: RunSpec;
  readonly client: Json;
  readonly state: RunState;
  /** No more tasks will come; kept apart from `state`, since an interrupted run may be either. */
  readonly sealed: boolean;
  readonly version: number;
  readonly created: number;
  readonly ended: number | null;
  readonly counts: RunCounts;
}

export interface WorkerRecord {
  readonly worker: number;
  readonly id: WorkerId;
  /** Who said its first hello; nobody else may speak for it. */
  readonly principal: string;
  readonly incarnation: Incarnation;
  /** Incarnations that a later one has replaced, latest first; at most `FORMER_MAX`. */
  readonly former: readonly Incarnation[];
  readonly sessionEpoch: number;
  readonly coordinator: string;
  readonly name: string;
  readonly registration: Json;
  readonly seen: number;
}

/** What decides about a task; its body stands apart (`TaskTables.describe`). */
export interface TaskRecord {
  readonly run: RunOrd;
  readonly n: TaskNo;
  /** Fixed at insertion: number of the task in this store + priority × `RANK_STEP`. */
  readonly rank: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly maxLost: number;
  readonly onDisconnect: OnDisconnect;
  readonly state: TaskState;
  readonly epoch: Epoch;
  readonly fence: Epoch;
  readonly attempts: number;
  readonly lost: number;
  /** Attempts that ended failed, errored or timed out. */
  readonly failures: number;
  /** Tasks that must still pass first. */
  readonly blocked: number;
  /** Waits for its retry delay of so many ms; 0: does not wait. */
  readonly delayMs: number;
  /** A `ready` row exists. */
  readonly ready: boolean;
  /** Number of the task's last event, from 1. */
  readonly version: number;
  /** Epoch whose result ended the task; 0: none did. */
  readonly finalEpoch: Epoch;
  /** Why, when no result says it. */
  readonly reason: string | null;
  readonly ended: number | null;
}

export interface TaskDescription {
  readonly name: string;
  readonly predictedMs: number;
  /** A `TaskBody` as JSON text: it is stored, granted and sent as it is. */
  readonly body: string;
  readonly policy: TaskPolicy;
}

export type LeaseState = 'leased' | 'running' | 'paused';
/** A lease that is out, or how it ended: with a result, or without one. */
export type AttemptState = LeaseState | 'ended' | 'lost' | 'released' | 'revoked';

export interface AttemptRecord extends LeaseKey {
  readonly worker: number;
  readonly incarnation: Incarnation;
  readonly state: AttemptState;
  /** Its worker was silent past the TTL: a second attempt is wanted. */
  readonly hedge: boolean;
  readonly granted: number;
  readonly started: number | null;
  readonly ended: number | null;
  readonly reason: string | null;
  readonly result: AttemptResult | null;
}

export interface ReadyRecord {
  readonly class: string;
  readonly rank: number;
  readonly run: RunOrd;
  readonly n: TaskNo;
}

export type EventKind =
  | 'run.opened'
  | 'run.sealed'
  | 'run.interrupted'
  | 'run.resumed'
  | 'run.finished'
  | 'run.cancelled'
  /** Tasks `n` to `n + count - 1` were added, version 1 each. */
  | 'tasks.added'
  | 'task.granted'
  | 'task.started'
  | 'task.paused'
  | 'task.resumed'
  | 'task.finished'
  | 'task.lost'
  | 'task.released'
  | 'task.hedged'
  | 'task.unhedged'
  | 'task.ready'
  | 'task.cancelled'
  /** A kept checkpoint was damaged and passed over; the task stays as it is. */
  | 'checkpoint.corrupt';

/** One transition. After it the element has this state, version and fence; `seq` is given by the store, without gaps. */
export interface EventRecord {
  readonly seq: number;
  readonly run: RunOrd;
  /** 0: the run itself. */
  readonly n: TaskNo;
  readonly version: number;
  readonly kind: EventKind;
  /** The lease concerned; 0: none. */
  readonly epoch: Epoch;
  readonly state: string;
  readonly fence: Epoch;
  /** Who did it: a worker's ordinal, or null. */
  readonly worker: number | null;
  /** Who asked for it, where someone did. */
  readonly principal: string | null;
  readonly reason: string | null;
  readonly count: number;
  readonly wall: number;
}

/** Every row of the store, for checks and comparisons: sorted by key, `ready` by class and rank. */
export interface TaskRows {
  readonly runs: readonly RunRecord[];
  readonly workers: readonly WorkerRecord[];
  readonly tasks: readonly TaskRecord[];
  readonly attempts: readonly AttemptRecord[];
  readonly ready: readonly ReadyRecord[];
  readonly events: readonly EventRecord[];
}

/** How the counters of a run move; each field is added. */
export type CountChange = { readonly [Name in keyof RunCounts]?: number };

/** What the ops need of an adapter. Lists are sorted as their comment says; rows are never changed in place. */
export interface TaskTables {
  /** Raises and returns the epoch of a coordinator, from 1. */
  raiseCoordinator(id: string, wall: number): number;

  run(run: RunOrd): RunRecord | undefined;
  runById(id: RunId): RunRecord | undefined;
  runByKey(principal: string, key: string): RunRecord | undefined;
  /** Inserts with the next ordinal, which it returns; `counts` start at 0. */
  insertRun(row: Omit<RunRecord, 'run'>): RunOrd;
  /** Writes `state`, `sealed`, `version` and `ended`. */
  putRun(row: RunRecord): void;
  count(run: RunOrd, change: CountChange): RunCounts;
  /** Open, sealed and interrupted runs, by ordinal. */
  liveRuns(): RunRecord[];

  workerById(id: WorkerId): WorkerRecord | undefined;
  worker(worker: number): WorkerRecord | undefined;
  /** Inserts (`worker` 0: with the next ordinal) or replaces; returns the ordinal. */
  putWorker(row: WorkerRecord): number;

  /** Number for the rank of the next `count` tasks; takes them. */
  takeSeq(count: number): number;
  task(run: RunOrd, n: TaskNo): TaskRecord | undefined;
  describe(run: RunOrd, n: TaskNo): TaskDescription;
  /** A new row: queued, epoch 0, fence 1, version 1; only rank, policy, `blocked` and `ready` differ. */
  insertTask(row: TaskRecord, description: TaskDescription, className: string): void;
  /** Writes the row; `ready` rows are the caller's to keep in step. */
  putTask(row: TaskRecord): void;
  /** Tasks of a run that are not terminal, by number. */
  unfinished(run: RunOrd): TaskRecord[];
  /** Tasks with a retry delay, by run and number. */
  delayed(): TaskRecord[];
  insertDependency(run: RunOrd, n: TaskNo, dependent: TaskNo): void;
  /** Tasks that wait for `n`, by number. */
  dependents(run: RunOrd, n: TaskNo): TaskNo[];

  attempt(key: LeaseKey): AttemptRecord | undefined;
  insertAttempt(row: AttemptRecord): void;
  putAttempt(row: AttemptRecord): void;
  /** Attempts of a task that are leased, running or paused, by epoch. */
  active(run: RunOrd, n: TaskNo): AttemptRecord[];
  /** The same of one worker, or of all, by run, number and epoch. */
  activeOf(worker?: number): AttemptRecord[];

  insertReady(row: ReadyRecord): void;
  deleteReady(row: ReadyRecord): void;
  /** Up to `limit` rows of a class behind `from`, by rank, run and number. */
  readyFrom(className: string, from: ReadyRecord | undefined, limit: number): ReadyRecord[];
  /** By name of class; none with 0. */
  readyCounts(): ReadyCount[];

  insertEvent(row: Omit<EventRecord, 'seq'>): void;
}

/** Replaced incarnations of a worker that are remembered. */
export const FORMER_MAX = 8;
/** How many places one step of priority is worth: a task overtakes at most 9 × this many of lower priority (G22). */
export const RANK_STEP = 100_000;
