/**
 * The one way to write (rules M2 and M3): a batch of conditional ops goes in, one verdict per op comes out, in one transaction.
 *
 * C1 Ops never raise: whatever a caller can cause is a verdict. A throw means that the store is in doubt (M4).
 * C2 All ops of a batch commit together, or the batch's outcome is unknown and the caller must stop (M4).
 * C3 A verdict is known only after the commit is durable.
 */
import type { Json } from '@holdfast/model';

/** What the store decided about one op. `row` is the state that decided it, as plain data. */
export type Verdict<Applied = unknown> =
  | { readonly kind: 'applied'; readonly value: Applied }
  | { readonly kind: 'refused'; readonly reason: string; readonly row?: Json };

/** An op names its module and what to do. Plain JSON, like the value of its verdict: it may cross a thread as text. */
export interface Op {
  readonly op: string;
}

/**
 * A store module: the ops of one concern over one kind of transaction. Modules register in one committer and share its transaction.
 * `Tx` is what the adapter gives: prepared statements for SQLite, Maps for memory.
 */
export interface StoreModule<Tx> {
  /** Prefix of its ops' names, before the dot: `task`, `checkpoint`, `auth`. */
  readonly name: string;
  /** Prepares statements; called once after migrations. Returns the applier. */
  open(tx: Tx): (op: Op) => Verdict;
}

/** The synchronous core: what the simulator calls, and what runs inside the writer thread. */
export interface Committer {
  /** Applies and commits all ops, in order. Throws only when the outcome is in doubt. */
  commit(ops: readonly Op[]): Verdict[];
  close(): void;
}

/** The same behind a thread. */
export interface AsyncCommitter {
  /** Rejects only when the outcome is in doubt. */
  commit(ops: readonly Op[]): Promise<Verdict[]>;
  close(): Promise<void>;
}
