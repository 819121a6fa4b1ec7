/**
 * What a host and its owner say to each other: NDJSON, one object a line, owner to host on file descriptor 3,
 * host to owner on file descriptor 4. Standard output and error carry what the tests print, nothing else.
 *
 * H1 One `run` at a time per host; its `case` and `end` lines name it by `id`.
 * H2 A host that ends without `end` for a run it was given has crashed in that run.
 * H3 Date, timers and fs are captured at load: tests mock them.
 */
import type { CaseResult, Failure, SuiteSpec, TestUnit } from '@holdfast/model';

/** Owner to host. The first is always `open`. */
export type HostRequest =
  /** Load the runner from the project in `cwd`. `slot` is 0-based over all slots of the worker: databases and ports are told apart by it. */
  | { readonly t: 'open'; readonly cwd: string; readonly suite: SuiteSpec; readonly slot: number }
  /** List all units the arguments select. */
  | { readonly t: 'list' }
  | { readonly t: 'run'; readonly id: number; readonly unit: TestUnit }
  /** Close in order: global teardown, then exit 0; 1 if the teardown failed, which makes the plain command fail, too. The end of the stream means the same. */
  | { readonly t: 'close' };

/** Host to owner. */
export type HostEvent =
  | { readonly t: 'ready'; readonly runner: string; readonly version: string }
  /** The runner cannot work here: bad config, not installed, unsupported version. The host exits. */
  | { readonly t: 'unusable'; readonly reason: string }
  | {
      readonly t: 'listed';
      readonly units: readonly TestUnit[];
      /** Sentences for the user: what the project's own config asks for and is left out. */
      readonly notes?: readonly string[];
      /** The project's own config calls an empty list a success. */
      readonly passWithNoTests?: boolean;
      /** The project's own config wants one file at a time. */
      readonly serial?: boolean;
    }
  /** A test of run `id` begins: whoever ends the runner now is known by name. */
  | { readonly t: 'at'; readonly id: number; readonly test: string }
  /** A test case of run `id` ended. */
  | { readonly t: 'case'; readonly id: number; readonly result: CaseResult }
  /** Run `id` ended. `cases`: how many `case` lines it had. `ok`: the runner itself calls it a success. */
  | {
      readonly t: 'end';
      readonly id: number;
      readonly ok: boolean;
      readonly cases: number;
      /** Errors that belong to the file and to no case: it did not load, an unhandled error. */
      readonly errors: readonly Failure[];
      readonly durationMs: number;
      /** No unit can run in this host any more: each would end like this one. A new host may do better. */
      readonly broken?: boolean;
      /** The host has had its day (its memory has grown): the next unit needs a new one. */
      readonly recycle?: boolean;
    };
