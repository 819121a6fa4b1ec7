/** How attempts, tasks and test cases end. */
import type { Artifact } from './artifact.ts';

/** How one attempt ended on its worker. */
export type AttemptOutcome =
  /** Did what it should. */
  | 'passed'
  /** Ran, and said no: a test failed, or the command's exit code was not 0. */
  | 'failed'
  /** Could not run or did not finish properly: spawn failed, the runner crashed, a file did not load. */
  | 'errored'
  /** Ended by force when its time was up. */
  | 'timed_out'
  /** Ended by force because someone asked. */
  | 'cancelled';

/** The verdict on one test case, over all attempts. */
export type Grade =
  | 'passed'
  | 'failed'
  /** Failed, then passed in a later attempt. */
  | 'flaky'
  | 'skipped'
  /** Every attempt died with its machine. */
  | 'infra_lost'
  /** Listed, but nothing proves how it ended. */
  | 'not_proven'
  /** Failed, and the repository says that this is known. */
  | 'quarantined';

/** Why a case failed. */
export interface Failure {
  /** First line says it; ≤ 8 KiB. */
  readonly message: string;
  /** Stack with file and line, ≤ 32 KiB. */
  readonly stack?: string;
  /** Expected against actual, ≤ 32 KiB. */
  readonly diff?: string;
}

/** One test case of one attempt, as the runner's own reporter told it. */
export interface CaseResult {
  /** Titles from the outermost suite to the test, length ≥ 1. */
  readonly path: readonly string[];
  /** Relative to the run's folder. */
  readonly file: string;
  readonly project?: string;
  /** 1-based; absent when the runner does not tell. */
  readonly line?: number;
  readonly grade: 'passed' | 'failed' | 'flaky' | 'skipped';
  readonly durationMs: number;
  /** How often the runner itself ran it, ≥ 1. */
  readonly attempts: number;
  readonly failure?: Failure;
}

/** What a worker reports of one ended attempt. Recorded once per task at most as its final one (G5). */
export interface AttemptResult {
  readonly outcome: AttemptOutcome;
  /** Why, when the outcome does not say it: `exit code 3`, `killed by SIGSEGV`, `no test file matched`. ≤ 8 KiB. */
  readonly reason?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  /** From start to end on the worker's monotonic clock, pauses excluded. */
  readonly durationMs: number;
  readonly cases: readonly CaseResult[];
  /** Errors that belong to the file and to no case. */
  readonly errors?: readonly Failure[];
  /** Files it left, by name. Recorded only when their bytes are durable (G19). Absent: none. */
  readonly artifacts?: readonly Artifact[];
  /** Log bytes written and dropped, exact. */
  readonly log?: { readonly bytes: number; readonly droppedBytes: number };
}
