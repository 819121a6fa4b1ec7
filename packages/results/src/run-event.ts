/**
 * What a coordinator tells the client of a run, as NDJSON: one plain object a line, in the order it happened.
 *
 * V1 Only `finished` and `lost` decide verdicts. Everything else is news for people.
 * V2 `finished.result.cases` is complete. `cases` is live news of it: it may be dropped, and is never counted.
 * V3 Events may be told again after a reconnect; (n, epoch) is the identity of an attempt.
 * V4 Unknown kinds and unknown fields are ignored by readers, so that either side may be older.
 */
import type { AttemptResult, CaseResult, Epoch, RunCounts, RunState, TaskBody, TaskNo, TaskState } from '@holdfast/model';

export type RunEvent = RunTold | NoticeTold | WorkerTold | TaskTold | CasesTold | AttemptFinished | AttemptLost | LogTold | RunEnded;

/** The run is in this state now. First event of every stream. */
export interface RunTold {
  readonly e: 'run';
  readonly state: RunState;
  readonly counts: RunCounts;
}

/** Why the run waits, for people: no worker has its state of the repository. */
export interface NoticeTold {
  readonly e: 'notice';
  /** One sentence. */
  readonly text: string;
}

/** Something happened to a worker that may work on this run. */
export interface WorkerTold {
  readonly e: 'worker';
  /** Its name for people; the identity within one stream. */
  readonly worker: string;
  /** `lost`: cannot be reached. `left`: said goodbye. */
  readonly change: 'joined' | 'lost' | 'back' | 'left';
  /** Attempts it runs at the same time. */
  readonly slots: number;
  /** Why it was lost or left, for people. */
  readonly reason?: string;
}

/** A task is in this state now. The first one of each task lists it. */
export interface TaskTold {
  readonly e: 'task';
  readonly n: TaskNo;
  /** `unitText` of a test file, or the command line; empty: as told before. */
  readonly name: string;
  readonly state: TaskState;
  /** Absent: unknown; then a task that reports cases is a test file. */
  readonly kind?: TaskBody['kind'];
  readonly epoch?: Epoch;
  readonly worker?: string;
  /** 1-based count of attempts so far. */
  readonly attempt?: number;
  readonly reason?: string;
  readonly durationMs?: number;
  /** From history; 0 or absent: unknown. */
  readonly predictedMs?: number;
}

/** Cases of a running attempt, as they end (V2). */
export interface CasesTold {
  readonly e: 'cases';
  readonly n: TaskNo;
  readonly epoch: Epoch;
  readonly worker: string;
  readonly cases: readonly CaseResult[];
}

/** The recorded result of an attempt. */
export interface AttemptFinished {
  readonly e: 'finished';
  readonly n: TaskNo;
  readonly epoch: Epoch;
  readonly worker: string;
  readonly result: AttemptResult;
  /** No further attempt will follow. */
  readonly final: boolean;
}

/** The attempt died with its machine: it says nothing about the test. */
export interface AttemptLost {
  readonly e: 'lost';
  readonly n: TaskNo;
  readonly epoch: Epoch;
  readonly worker: string;
  readonly reason: string;
}

/** What an attempt printed. `offset`: bytes of log of this attempt before it. */
export interface LogTold {
  readonly e: 'log';
  readonly n: TaskNo;
  readonly epoch: Epoch;
  readonly stream: 'out' | 'err';
  readonly text: string;
  readonly offset: number;
}

/** Last event of a stream: nothing more will come of this run. */
export interface RunEnded {
  readonly e: 'ended';
  readonly state: RunState;
  readonly counts: RunCounts;
  /** From submission to end on the coordinator's clock; absent: the reader's own. */
  readonly wallMs?: number;
}
