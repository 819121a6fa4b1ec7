/**
 * Attempts as real processes: the whole interface between a worker and its operating system.
 *
 * X1 For each lease started exactly one `ended` event comes, whatever the process does.
 * X2 When `ended` comes, no process of the attempt is left.
 * X3 Events of one lease are in order: started, (log | cases | note | checkpoint | paused)*, ended.
 */
import type { AttemptOrder, LeaseKey, RunId, RunSpec, SuiteSpec } from '@holdfast/model';

/** What all attempts of a run share on this worker. */
export interface RunContext {
  readonly id: RunId;
  readonly spec: RunSpec;
}

export interface Executor {
  /** Starts an attempt on a slot (0-based). The slot is free again after `ended`. */
  start(order: AttemptOrder, run: RunContext, slot: number): void;
  /** SIGTERM to the group, SIGKILL after the order's grace. `ended` follows, as `cancelled`. Unknown leases are ignored. */
  stop(lease: LeaseKey): void;
  /** SIGSTOP or SIGCONT of the group; the timeout's clock stands still meanwhile. */
  pause(lease: LeaseKey, paused: boolean): void;
  /** The checkpoint is committed: `ctx.checkpoint()` resolves. With `problem` it cannot be kept, and the call rejects. */
  checkpointSettled(lease: LeaseKey, seq: number, problem?: string): void;
  /** Starts the warm host of a suite on a slot before its first order comes. */
  prewarm(suite: SuiteSpec, run: { readonly cwd: string; readonly env: Readonly<Record<string, string>> }, slot: number): void;
  /** Closes hosts that no open run uses. */
  runEnded(run: number): void;
  /** Stops everything; resolves when no process is left. */
  close(): Promise<void>;
}

/** What a worker's owner lets tasks do. Absent fields allow everything that the field governs, except `environment`. */
export interface WorkerPolicy {
  /** Programs that `command` tasks may run: a path, or the bare name of one on PATH. */
  readonly commands?: readonly string[];
  /** Folders, absolute, inside which all working folders and modules must lie, links resolved. Default: the worker's root. */
  readonly folders?: readonly string[];
  /** Names of variables that tasks inherit from the worker, beside PATH, HOME, LANG, TZ, TMPDIR, USER, SHELL, TERM, CI, NODE_ENV, NO_COLOR, FORCE_COLOR; a trailing * matches any rest. Names that change how programs load (LD_PRELOAD, NODE_OPTIONS, BASH_ENV) must stand here to be set by a task either. */
  readonly environment?: readonly string[];
  /** Bytes of address space per process; default: no limit. */
  readonly memoryMax?: number;
  /** Open files per process; default: no limit. */
  readonly descriptorsMax?: number;
}
