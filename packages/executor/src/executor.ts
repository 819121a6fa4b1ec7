/**
 * Attempts as real processes: the whole interface between a worker and its operating system.
 *
 * X1 For each lease started exactly one `ended` event comes, whatever the process does.
 * X2 When `ended` comes, no process of the attempt is left.
 * X3 Events of one lease are in order: started, (log | cases | note | checkpoint | paused)*, ended.
 */
import type { AttemptResult, CaseResult, Json, LeaseKey, RunId, RunSpec, SuiteSpec, TaskBody } from '@holdfast/model';

/** One lease to work on. */
export interface AttemptOrder extends LeaseKey {
  readonly name: string;
  readonly body: TaskBody;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly resumeFrom?: { readonly seq: number; readonly data: Json };
}

/** What all attempts of a run share on this worker. */
export interface RunContext {
  readonly id: RunId;
  readonly spec: RunSpec;
}

export type AttemptEvent =
  /** Its process works on it now. `pid` is absent for what runs inside the worker (`noop`). */
  | { readonly kind: 'started'; readonly lease: LeaseKey; readonly pid?: number }
  | { readonly kind: 'cases'; readonly lease: LeaseKey; readonly cases: readonly CaseResult[] }
  | { readonly kind: 'note'; readonly lease: LeaseKey; readonly note?: string; readonly fraction?: number }
  /** UTF-8 text, masked, at most 64 KiB. `offset`: bytes of log of this attempt before it, both streams together, dropped bytes included. */
  | { readonly kind: 'log'; readonly lease: LeaseKey; readonly offset: number; readonly stream: 'out' | 'err'; readonly text: string }
  /** Answer with `checkpointSettled` once it is committed. `seq` from 1 per attempt. */
  | { readonly kind: 'checkpoint'; readonly lease: LeaseKey; readonly seq: number; readonly data: Json }
  | { readonly kind: 'paused'; readonly lease: LeaseKey; readonly paused: boolean }
  | { readonly kind: 'ended'; readonly lease: LeaseKey; readonly result: AttemptResult };

export interface Executor {
  /** Starts an attempt on a slot (0-based). The slot is free again after `ended`. */
  start(order: AttemptOrder, run: RunContext, slot: number): void;
  /** SIGTERM to the group, SIGKILL after the order's grace. `ended` follows, as `cancelled`. Unknown leases are ignored. */
  stop(lease: LeaseKey): void;
  /** SIGSTOP or SIGCONT of the group; the timeout's clock stands still meanwhile. */
  pause(lease: LeaseKey, paused: boolean): void;
  /** The checkpoint is committed: `ctx.checkpoint()` resolves. */
  checkpointSettled(lease: LeaseKey, seq: number): void;
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
