/**
 * The ops of tasks: the whole vocabulary by which the truth about work changes.
 *
 * Each op is conditional; its verdict tells what became of it. Refusals name the state that decided.
 * Counters across tasks (`remaining`, open dependencies, losses) change in the same transaction as the task.
 *
 * O1 One terminal row per task, immutable; a result is accepted iff fence ≤ epoch of the result ≤ epoch of the task (G5).
 * O2 Only a grant raises an epoch, by one (G6). Revoking raises the fence; hedging does not.
 * O3 `ready` holds exactly the runnable tasks that no valid lease covers, and hedged ones.
 * O4 Every transition writes an event row in the same transaction (G16).
 */
import type {
  AttemptResult,
  CoordinatorId,
  Epoch,
  Incarnation,
  LeaseKey,
  OnDisconnect,
  RunCounts,
  RunId,
  RunOrd,
  RunSpec,
  RunState,
  TaskNo,
  TaskSpec,
  TaskState,
  WorkerId,
} from '@holdfast/model';
import type { CheckpointKey, ResumePoint } from '@holdfast/checkpoint-store';
import type { Json } from '@holdfast/model';

/** Begins a coordinator's life: raises its epoch and hands out all it must know to go on (the one recovery path, M4). */
export interface StartCoordinator {
  readonly op: 'task.startCoordinator';
  readonly coordinator: CoordinatorId;
  readonly wall: number;
}
export interface Started {
  readonly epoch: number;
  /** All runs that are open, sealed or interrupted, by ordinal. */
  readonly runs: readonly RunRow[];
  /** All workers that hold leases, by ordinal. */
  readonly workers: readonly WorkerRow[];
  /** All valid leases, by run, task and epoch. */
  readonly leases: readonly LeaseRow[];
  /** Runnable tasks by class, by name of class. */
  readonly ready: readonly ReadyCount[];
  /** Tasks that wait for their retry delay; the whole delay starts again. */
  readonly delayed: readonly { readonly run: RunOrd; readonly n: TaskNo; readonly delayMs: number }[];
}

export interface RunRow {
  readonly run: RunOrd;
  readonly id: RunId;
  readonly name: string;
  readonly state: RunState;
  readonly spec: RunSpec;
  /** The class of workers that may run its tasks. */
  readonly class: string;
  readonly counts: RunCounts;
}

export interface WorkerRow {
  /** Ordinal in this store. */
  readonly worker: number;
  readonly id: WorkerId;
  readonly principal: string;
  readonly incarnation: Incarnation;
  readonly sessionEpoch: number;
}

export interface LeaseRow extends LeaseKey {
  readonly worker: number;
  readonly incarnation: Incarnation;
  readonly state: 'leased' | 'running' | 'paused';
  readonly onDisconnect: OnDisconnect;
  /** A `ready` row exists beside the lease: a second attempt may start (policy `hedge`). */
  readonly hedged: boolean;
}

export interface ReadyCount {
  readonly class: string;
  readonly count: number;
}

/** Accepts a run. The same `key` of the same principal, or the same `id`, answers the same run; with another `keyHash`: refused `idempotency_mismatch`. */
export interface OpenRun {
  readonly op: 'task.openRun';
  readonly id: RunId;
  readonly name: string;
  readonly principal: string;
  readonly spec: RunSpec;
  readonly class: string;
  readonly key?: string;
  readonly keyHash?: string;
  /** For people: when it was submitted. */
  readonly wall: number;
  /** What the client wants to find again with the run: its command, its reporters. ≤ 64 KiB. */
  readonly client?: Json;
}
export interface OpenedRun {
  readonly run: RunOrd;
  readonly id: RunId;
  readonly existing: boolean;
}

/** Adds tasks in order, numbered on from the last. `expect`: number of tasks there must be before, so that a repeated call is refused `already_added`. Refused also: `unknown_run`, `run_closed`, `unknown_dependency` (a task may only wait for tasks with lower numbers). A task whose prerequisite ends without passing is cancelled with it. */
export interface AddTasks {
  readonly op: 'task.addTasks';
  readonly run: RunOrd;
  readonly expect?: number;
  readonly tasks: readonly TaskSpec[];
  /** Who adds them, for the log. */
  readonly principal?: string;
  readonly wall: number;
}
export interface AddedTasks {
  readonly first: TaskNo;
  readonly count: number;
  /** How many of them are runnable at once. */
  readonly ready: number;
  /** Those that were cancelled at once, by number. */
  readonly cancelled: readonly CancelledTask[];
}

/** A task that was cancelled with its prerequisite. */
export interface CancelledTask {
  readonly n: TaskNo;
  readonly reason: string;
}

/** No more tasks will come. A run without unfinished tasks is finished by it. Refused: `unknown_run`. Repeated: applied. */
export interface SealRun {
  readonly op: 'task.sealRun';
  readonly run: RunOrd;
  /** Who says so, for the log. */
  readonly principal?: string;
  readonly wall: number;
}

/** What a run is after an op that may have ended it. */
export interface RunNow {
  readonly run: RunOrd;
  readonly state: RunState;
  readonly counts: RunCounts;
  /** True only in the one verdict that ended the run. */
  readonly ended: boolean;
}

/**
 * A worker's session begins: compare-and-set on its row (S3). Every applied one raises `sessionEpoch`. The first one ties the id to its
 * principal. Refused: `other_principal`, and `superseded` when a later process of this worker was here, as far as the last
 * `FORMER_MAX` processes are known.
 */
export interface HelloWorker {
  readonly op: 'task.hello';
  readonly worker: WorkerId;
  /** Who registers it: the name of its token, which rotation keeps. */
  readonly principal: string;
  readonly incarnation: Incarnation;
  readonly coordinator: CoordinatorId;
  readonly name: string;
  readonly registration: Json;
  readonly wall: number;
}
export interface HelloApplied {
  readonly worker: number;
  readonly sessionEpoch: number;
  /** All valid leases of this worker, of this and of earlier incarnations, by run, task and epoch. */
  readonly held: readonly LeaseRow[];
}

/** Grants up to `credits` runnable tasks of these classes, lowest rank first, never a task that this worker holds. Refused: `stale_session`. */
export interface Claim {
  readonly op: 'task.claim';
  readonly worker: number;
  readonly sessionEpoch: number;
  readonly classes: readonly string[];
  readonly credits: number;
  readonly wall: number;
}
export interface Grant extends LeaseKey {
  readonly name: string;
  readonly class: string;
  /** A `TaskBody` as JSON text. */
  readonly body: string;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly onDisconnect: OnDisconnect;
  /** The latest good checkpoint of any earlier attempt; `older`: the one before, if the latest has its bytes elsewhere. */
  readonly resumeFrom?: ResumePoint & { readonly older?: ResumePoint };
}
export interface Claimed {
  readonly grants: readonly Grant[];
  /** With fewer grants than credits: how many rows of the classes are left, none of them for this worker, since it holds the task. */
  readonly skipped: readonly ReadyCount[];
}

/** An op on a lease, by the worker that holds it. Of any other worker, every such op is refused `stale_lease` (G21). */
export interface LeaseOp extends LeaseKey {
  /** Ordinal of the worker that says so, or of whom it is said. */
  readonly worker: number;
}

/** Its process began to work. Refused: `stale_lease`, `unknown_task`, `bad_transition`. */
export interface StartAttempt extends LeaseOp {
  readonly op: 'task.started';
  readonly wall: number;
}

/** The lease was paused or goes on. Refused as `task.started`. */
export interface PauseAttempt extends LeaseOp {
  readonly op: 'task.paused';
  readonly paused: boolean;
  readonly wall: number;
}

/**
 * Records a result (O1). Refused: `duplicate` (this epoch's result is recorded), `stale_lease`, `unknown_task`, and `missing_blob`
 * when it names an artifact whose bytes are not durable (G19).
 */
export interface FinishAttempt extends LeaseOp {
  readonly op: 'task.finished';
  readonly result: AttemptResult;
  readonly wall: number;
}
/** What became of the task and its run, after `task.finished`, `task.lost`, `task.released` or a cancel. */
export interface TaskNow {
  readonly state: TaskState;
  readonly class: string;
  /** A `ready` row was inserted: runnable again at once, or a lost second attempt's place came back. */
  readonly ready: boolean;
  /** Set: runnable after this delay, by `task.makeReady`. */
  readonly delayMs?: number;
  /** Other valid leases of the task, to be stopped as revoked. */
  readonly revoked: readonly LeaseRow[];
  /** A `ready` row of a hedge was removed, so one fewer task of `class` is runnable; with `ready` both happened. */
  readonly unready: boolean;
  readonly run: RunNow;
  /** Tasks that became runnable because this one passed, by class. */
  readonly released: readonly ReadyCount[];
  /** Tasks that were cancelled because this one did not pass, prerequisites before those that wait for them. */
  readonly cancelled: readonly CancelledTask[];
}

/**
 * The attempt died with its machine: one loss more; queued again with the fence above the epoch, or `dead_letter` at `maxLost`. While
 * another lease of the task is valid the task stays with it, and the fence rises no further than to that one. Refused as `task.finished`.
 */
export interface LoseAttempt extends LeaseOp {
  readonly op: 'task.lost';
  readonly reason: string;
  readonly wall: number;
}

/** Given back: fence above the epoch, queued again, no loss counted. Refused as `task.finished`. */
export interface ReleaseAttempt extends LeaseOp {
  readonly op: 'task.released';
  readonly wall: number;
}

/** A checkpoint that the attempt was given cannot be read. Refused as `task.started`, and `unknown_checkpoint`. */
export interface CheckpointCorrupt extends LeaseOp {
  readonly op: 'task.checkpointCorrupt';
  readonly checkpoint: CheckpointKey;
  readonly wall: number;
}

/** A second attempt may start; the first stays valid. Refused: `stale_lease`, `already_hedged`. */
export interface HedgeAttempt extends LeaseOp {
  readonly op: 'task.hedge';
  readonly wall: number;
}
/** The worker is back before a second attempt was granted: takes the `ready` row away. Refused: `stale_lease`, `not_hedged`. */
export interface UnhedgeAttempt extends LeaseOp {
  readonly op: 'task.unhedge';
  readonly sessionEpoch: number;
  readonly wall?: number;
}

/** A retry delay is over. Refused: `unknown_task`, `not_delayed`. */
export interface MakeReady {
  readonly op: 'task.makeReady';
  readonly run: RunOrd;
  readonly n: TaskNo;
  readonly wall?: number;
}

/** Cancels one task (G14). Refused: `unknown_task`, `terminal`. */
export interface CancelTask {
  readonly op: 'task.cancel';
  readonly run: RunOrd;
  readonly n: TaskNo;
  readonly principal: string;
  readonly wall: number;
}

/** Cancels all unfinished tasks of a run and ends it. Refused: `unknown_run`, `terminal`. */
export interface CancelRun {
  readonly op: 'task.cancelRun';
  readonly run: RunOrd;
  readonly principal: string;
  readonly wall: number;
}
/** Its owner left: leases are revoked without loss, nothing is granted until `task.resumeRun`, retry delays end. Refused as `task.cancelRun`; repeated: applied. */
export interface InterruptRun {
  readonly op: 'task.interruptRun';
  readonly run: RunOrd;
  readonly principal: string;
  readonly wall: number;
}
export interface RunStopped {
  readonly run: RunNow;
  readonly class: string;
  /** Leases that are no longer valid: to be stopped. */
  readonly revoked: readonly LeaseRow[];
  /** How many `ready` rows went away. */
  readonly unready: number;
}

/** Goes on with an interrupted run. A run that is open or sealed: applied, nothing changes. Refused: `unknown_run`, `terminal`. */
export interface ResumeRun {
  readonly op: 'task.resumeRun';
  readonly run: RunOrd;
  readonly principal: string;
  readonly wall: number;
}
export interface ResumedRun {
  readonly run: RunRow;
  readonly ready: number;
}

/** Each op with the value of its applied verdict. */
export interface TaskOps {
  'task.startCoordinator': readonly [StartCoordinator, Started];
  'task.openRun': readonly [OpenRun, OpenedRun];
  'task.addTasks': readonly [AddTasks, AddedTasks];
  'task.sealRun': readonly [SealRun, RunNow];
  'task.hello': readonly [HelloWorker, HelloApplied];
  'task.claim': readonly [Claim, Claimed];
  'task.started': readonly [StartAttempt, null];
  'task.paused': readonly [PauseAttempt, null];
  'task.finished': readonly [FinishAttempt, TaskNow];
  'task.lost': readonly [LoseAttempt, TaskNow];
  'task.released': readonly [ReleaseAttempt, TaskNow];
  'task.checkpointCorrupt': readonly [CheckpointCorrupt, null];
  'task.hedge': readonly [HedgeAttempt, { readonly class: string }];
  'task.unhedge': readonly [UnhedgeAttempt, { readonly class: string }];
  'task.makeReady': readonly [MakeReady, { readonly class: string; readonly ready: boolean }];
  'task.cancel': readonly [CancelTask, TaskNow];
  'task.cancelRun': readonly [CancelRun, RunStopped];
  'task.interruptRun': readonly [InterruptRun, RunStopped];
  'task.resumeRun': readonly [ResumeRun, ResumedRun];
}
export type TaskOpName = keyof TaskOps;
export type TaskOp = TaskOps[TaskOpName][0];
/** The applied value of an op. */
export type TaskApplied<Name extends TaskOpName> = TaskOps[Name][1];

export type { Epoch };
