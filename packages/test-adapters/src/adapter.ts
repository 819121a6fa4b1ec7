/**
 * What a test runner must tell for Holdfast to run its suites: recognise, list, run, report.
 *
 * `recognise` is pure. Everything else happens in a *host*: a Node program of the adapter, started once per slot
 * inside the user's project, kept warm, and spoken to over its own channel (`host-protocol.ts`).
 *
 * A1 Results come through the runner's own reporter interface, never from its text.
 * A2 A green case list with a non-zero or dead runner is never green.
 * A3 Selection is exact: the units named, and nothing else.
 */
import type { SuiteSpec } from '@holdfast/model';
import { BORP_FILES } from './borp.ts';

/** A command as typed, after scripts and wrappers were resolved. */
export interface Command {
  readonly argv: readonly string[];
  /** Environment that wrappers such as cross-env put before it. */
  readonly env: Readonly<Record<string, string>>;
}

/** What `recognise` may know of the project; read by the caller, so that recognising stays pure. */
export interface ProjectFacts {
  /** Absolute. */
  readonly folder: string;
  /** `scripts` of package.json. */
  readonly scripts: Readonly<Record<string, string>>;
  /** Versions of installed packages that adapters asked for in `probes`, e.g. `{ vitest: '5.1.1' }`. */
  readonly versions: Readonly<Record<string, string>>;
  /** Texts of the files of `PROJECT_FILES` that are in `folder`, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Small files that recognising wants to know: configs of programs that stand in front of a runner. */
export const PROJECT_FILES: readonly string[] = BORP_FILES;

export type Recognised =
  | {
      readonly kind: 'suite';
      readonly suite: SuiteSpec;
      /** Environment of the command. */
      readonly env: Readonly<Record<string, string>>;
      /** Absolute folder it runs in. Default: the folder where it was typed; a script runs where its package.json is. */
      readonly cwd?: string;
      /** Sentences for the user: what was taken over, what is kept serial. */
      readonly notes: readonly string[];
      /** The runner's own flags that Holdfast takes over. */
      readonly takenOver: { readonly workers?: number; readonly failFast?: boolean };
    }
  /** This runner, but in a way that cannot be distributed (watch, ui, inspect): a usage error with what to type instead. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface TestAdapter {
  /** `vitest`, `node-test`. */
  readonly name: string;
  /** Packages whose installed versions `recognise` wants to know. */
  readonly probes: readonly string[];
  /** Undefined: not this runner. */
  recognise(command: Command, project: ProjectFacts): Recognised | undefined;
}
