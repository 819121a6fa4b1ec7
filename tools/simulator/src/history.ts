/**
 * What happened, as it is told to the checkers: client operations, commits, what crossed the wire, and what workers executed.
 *
 * H1 Every event moves the rolling hash, so two runs of a seed that differ anywhere differ in it.
 * H2 The first violation ends the run.
 */
import type { Op, Verdict } from '@holdfast/committer';
import type { AttemptResult, LeaseKey, OnDisconnect } from '@holdfast/model';
import { hash32 } from '@holdfast/kernel';
import type { TaskRows } from '@holdfast/task-store';

/** One attempt as a worker really executed it. */
export interface Execution {
  readonly lease: LeaseKey;
  readonly worker: string;
  readonly incarnation: string;
  readonly onDisconnect: OnDisconnect;
  readonly from: number;
  to: number | undefined;
  /** The worker's process was stalled meanwhile: its own clock could not end anything. */
  stalled: boolean;
}

/** How an operation of the client ended: it happened, it certainly did not, or nobody knows. */
export type ClientOutcome =
  | { readonly kind: 'ok'; readonly value: unknown }
  | { readonly kind: 'fail'; readonly code: string }
  | { readonly kind: 'info' };

export interface ClientOperation {
  readonly name: string;
  /** The idempotency key of the run concerned. */
  readonly key: string;
  readonly tasks: number;
  readonly n?: number;
}

/** The world when everything has ended, or should have. */
export interface EndOfStory {
  readonly rows: TaskRows;
  /** Why something is still open; empty when nothing is. */
  readonly pending: readonly string[];
}

/** One property, judged on the history alone. */
export interface Checker {
  readonly name: string;
  /** Things judged so far: a checker that judged nothing proves nothing. */
  readonly samples: number;
  replied?(operation: ClientOperation, outcome: ClientOutcome, rows: () => TaskRows): void;
  /** An answer of this kind left the coordinator; it may arrive much later. */
  answered?(request: string, ok: boolean): void;
  /** The store applied a batch; nobody has heard of it yet. */
  committed?(op: Op, verdict: Verdict): void;
  /** The coordinator was told that a commit failed. */
  commitFailed?(): void;
  /** A coordinator's life begins. */
  began?(): void;
  /** A text left a process. `life` tells lives of the sender apart, `wire` links. */
  sent?(way: 'up' | 'down', wire: number, text: string): void;
  started?(execution: Execution, resumedAt: number | undefined): void;
  stopped?(execution: Execution): void;
  /** An attempt has ended with this result, as its executor told it. */
  attemptEnded?(lease: LeaseKey, result: AttemptResult): void;
  /** A checkpoint was acknowledged to its attempt. */
  checkpointSettled?(lease: LeaseKey, seq: number): void;
  /** A worker's spool has taken a result, or gives it up. */
  spooled?(worker: string, lease: LeaseKey): void;
  unspooled?(worker: string, lease: LeaseKey, rows: () => TaskRows): void;
  /** Its disk was full, or its machine lost its power: something may be missing in the next life. */
  spoolHarmed?(worker: string): void;
  /** A new life has read these keys in its spool. */
  spoolRead?(worker: string, keys: readonly string[]): void;
  sized?(sizes: Readonly<Record<string, number>>): void;
  ended?(end: EndOfStory): void;
}

export class Violation extends Error {
  readonly checker: string;
  constructor(checker: string, message: string) {
    super(`${checker}: ${message}`);
    this.name = 'Violation';
    this.checker = checker;
  }
}

export interface History {
  /** Adds a line to the story. */
  tell(now: number, who: string, what: string): void;
  /** The last lines of the story. */
  story(): readonly string[];
  readonly hash: number;
}

/** Creates an empty history that keeps `linesMax` lines. */
export function createHistory(linesMax: number, verbose: ((line: string) => void) | undefined): History {
  const lines: string[] = [];
  let next = 0;
  let hash = 0;
  return {
    tell(now, who, what) {
      hash = hash32(what, hash ^ Math.trunc(now * 8));
      const line = `${(now / 1000).toFixed(3).padStart(9)} ${who.padEnd(5)} ${what}`;
      verbose?.(line);
      lines[next % linesMax] = line;
      next += 1;
    },
    story: () => (next <= linesMax ? [...lines] : [...lines.slice(next % linesMax), ...lines.slice(0, next % linesMax)]),
    get hash() {
      return hash;
    },
  };
}
