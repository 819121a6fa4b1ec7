/**
 * What a task is: the least that a runner runs alone, usually one test file.
 *
 * A batch is an assignment: several leases executed by one runner process, each settled by itself. Batches are never stored.
 */
import type { Json } from './json.ts';

/** What a task does. What all tasks of a run share stands once, in `RunSpec`. */
export type TaskBody =
  | CommandBody
  | ModuleBody
  | TestBody
  /** Does nothing and passes. For measuring. */
  | { readonly kind: 'noop' };

/** A program with arguments; never a shell. */
export interface CommandBody {
  readonly kind: 'command';
  /** Program and arguments, length ≥ 1. */
  readonly argv: readonly string[];
  /** Relative to the run's folder; default: that folder. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How the command tells its results; default: the exit code decides. */
  readonly results?: CommandResults;
}

/** A file that the command writes, relative to `cwd`, or its standard output. */
export type CommandResults = { readonly format: 'junit'; readonly path: string } | { readonly format: 'tap' | 'go-json' };

/** A Node module: `export default async (ctx) => ...`, run in a child process. */
export interface ModuleBody {
  readonly kind: 'module';
  /** Path relative to the run's folder, or the name of a package that resolves there. */
  readonly path: string;
  /** Given to the module as `ctx.input`. */
  readonly input?: Json;
}

/** One unit of a test suite, run by the adapter that the run names. */
export interface TestBody {
  readonly kind: 'test';
  readonly unit: TestUnit;
}

/** The key of a unit is (project, pool, file): a runner may list one file several times. */
export interface TestUnit {
  /** Relative to the run's folder, with forward slashes. */
  readonly file: string;
  readonly project?: string;
  /** The runner's own pool where it matters, e.g. vitest's `typescript`. */
  readonly pool?: string;
}

/**
 * The same unit always gives the same text, another unit another one: key of history and of reports.
 * `web | typescript | a.test.ts`; parts that are missing are left out, except that a pool without a project is `- | typescript | a.test.ts`.
 */
export function unitText({ project, pool, file }: TestUnit): string {
  if (pool) return `${project || '-'} | ${pool} | ${file}`;
  return project ? `${project} | ${file}` : file;
}

/** How a suite is run on a worker. Plain data, made by an adapter's `recognise`, understood by the same adapter's host. */
export interface SuiteSpec {
  /** Name of the adapter: `vitest`, `node-test`. */
  readonly adapter: string;
  /** The runner's arguments that are kept (config, `-t`, environment choices), after those that Holdfast takes over were removed. */
  readonly args: readonly string[];
  /** The adapter's own data. */
  readonly options?: Readonly<Record<string, Json>>;
}

/** What the tasks of one run share; sent to a worker once per session. */
export interface RunSpec {
  /** Absolute folder on the worker, or relative to the worker's checkout root. Default: the worker's checkout root. */
  readonly cwd?: string;
  /** Environment given to each process, beside what the worker's policy lets through. */
  readonly env?: Readonly<Record<string, string>>;
  /** Names of variables whose values are masked in logs. */
  readonly secrets?: readonly string[];
  readonly suite?: SuiteSpec;
}

/** What happens to a lease when its worker cannot be reached and there is no evidence of its death. */
export type OnDisconnect =
  /** The worker stops at 0.8 × TTL by its own clock; granted again at TTL. No overlap. */
  | 'replace'
  /** At TTL a second attempt may start elsewhere; the first result wins. Default for tests. */
  | 'hedge'
  /** Granted again after `lostAfter`; the worker goes on until 0.8 × that. */
  | 'wait';

/** How a task is treated. Every field is explicit in the store; `DEFAULT_POLICY` fills what a submitter leaves out. */
export interface TaskPolicy {
  /** 0 (first) to 9; default 5. */
  readonly priority: number;
  /** Milliseconds from start to forced end; 0 = no limit. Default 0. The clock stands still while paused. */
  readonly timeoutMs: number;
  /** Milliseconds between SIGTERM and SIGKILL. Default 5,000. */
  readonly graceMs: number;
  /** Further attempts after a failed one, 0..20. Default 0. */
  readonly retries: number;
  /** Milliseconds before such an attempt. Default 0. */
  readonly retryDelayMs: number;
  /** Attempts that may be lost with their machine before `dead_letter`, 1..20. Default 3. */
  readonly maxLost: number;
  readonly onDisconnect: OnDisconnect;
}

export const DEFAULT_POLICY: TaskPolicy = {
  priority: 5,
  timeoutMs: 0,
  graceMs: 5000,
  retries: 0,
  retryDelayMs: 0,
  maxLost: 3,
  onDisconnect: 'hedge',
};

/** A task as its submitter describes it. */
export interface TaskSpec {
  /** For people and history, ≤ 512 characters: the unit's text, or the command line. */
  readonly name: string;
  readonly body: TaskBody;
  readonly policy: TaskPolicy;
  /** Predicted milliseconds, for progress and order; 0 = unknown. */
  readonly predictedMs: number;
  /** Numbers of tasks of the same run that must pass first. */
  readonly after?: readonly number[];
}
