/** What the HTTP API answers and takes, as plain data. The coordinator builds these, the client reads them. */
import type { Scope } from '@holdfast/auth';
import type {
  Artifact,
  AttemptResult,
  Fingerprint,
  Json,
  RunCounts,
  RunId,
  RunSpec,
  RunState,
  TaskBody,
  TaskPolicy,
  TaskState,
} from '@holdfast/model';
import type { LogTold, RunEvent } from '@holdfast/results';

/** A run for people and clients. Its spec is left out: its environment may hold secrets. */
export interface RunView {
  readonly id: RunId;
  readonly name: string;
  readonly principal: string;
  readonly state: RunState;
  readonly counts: RunCounts;
  /** Wall-clock milliseconds, for people. */
  readonly createdWall: number;
  readonly endedWall: number | null;
}

/** One run, as asked for by its id. */
export interface RunDetail extends RunView {
  /** No more tasks will come. */
  readonly sealed: boolean;
  /** What the submitter wanted to find again. */
  readonly client: Json;
}

export interface TaskView {
  readonly n: number;
  readonly name: string;
  readonly kind: TaskBody['kind'];
  readonly state: TaskState;
  readonly epoch: number;
  /** Grants so far. */
  readonly attempts: number;
  readonly lost: number;
  readonly predictedMs: number;
  readonly reason: string | null;
  /** Rises with every transition. */
  readonly version: number;
}

export interface AttemptView {
  readonly epoch: number;
  readonly worker: string;
  readonly state: string;
  readonly grantedWall: number;
  readonly startedWall: number | null;
  readonly endedWall: number | null;
  readonly reason: string | null;
  readonly result: AttemptResult | null;
}

/** One transition of a task, as the log of events has it. */
export interface TaskEventView {
  readonly seq: number;
  readonly version: number;
  readonly kind: string;
  readonly epoch: number;
  readonly state: string;
  readonly worker: string | null;
  readonly principal: string | null;
  readonly reason: string | null;
  readonly wall: number;
}

export interface TaskDetail extends TaskView {
  readonly policy: TaskPolicy;
  /** Numbers of the tasks that must pass first. */
  readonly after: readonly number[];
  readonly attemptRows: readonly AttemptView[];
  readonly events: readonly TaskEventView[];
}

/** A file that an attempt left. */
export interface ArtifactView extends Artifact {
  readonly n: number;
  readonly epoch: number;
  /** Name of the task. */
  readonly task: string;
  readonly worker: string;
}

/** By task, attempt and the order in which the attempt named them. */
export interface ArtifactPage {
  readonly artifacts: readonly ArtifactView[];
  /** Number of the last task of this page: where the next one begins. */
  readonly after: number;
  readonly more: boolean;
}

/** What was recorded of a run, in the order of the store. */
export interface ResultPage {
  /** `finished`, `lost`, and `task` for what ended without a result. */
  readonly events: readonly RunEvent[];
  /** Where the next page begins. */
  readonly after: number;
  readonly more: boolean;
}

/** Lines of an event stream that are not events of the run. Readers ignore kinds that they do not know. */
export type StreamLine =
  /** The first line. `running`: `task` events of what is leased, running or paused. */
  | { readonly e: 'snapshot'; readonly run: RunView; readonly running: readonly RunEvent[] }
  | { readonly e: 'beat' }
  /** The reader was too slow, its token ended, or the coordinator restarts: read a new snapshot. */
  | { readonly e: 'resync'; readonly reason: string };

/** One piece of what an attempt printed. */
export type LogChunk = Omit<LogTold, 'e'>;

/** A task as clients send it: what is left out of its policy has the defaults of `DEFAULT_POLICY`. */
export interface TaskInput {
  readonly name: string;
  readonly body: TaskBody;
  readonly policy?: Partial<TaskPolicy>;
  readonly predictedMs?: number;
  readonly after?: readonly number[];
}

export interface SubmitRun {
  readonly name: string;
  readonly spec?: RunSpec;
  readonly fingerprint?: Fingerprint;
  /** ≤ 64 KiB, given back with the run. */
  readonly client?: Json;
  /** ≤ 1,000; add the rest with `addTasks`. */
  readonly tasks?: readonly TaskInput[];
  /** No more tasks will come. Default false. */
  readonly seal?: boolean;
}

/** A token without its secret. */
export interface TokenView {
  readonly keyId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdWall: number;
  readonly expiresWall: number;
  readonly revokedWall?: number;
}

/** A new token; its text is shown this once. */
export interface MintedToken {
  readonly token: string;
  readonly facts: TokenView;
}
