/**
 * Ops on their way to the store: one batch in flight, the next accumulating (M2), and what follows from each verdict.
 *
 * Q1 What follows from an op runs only with its verdict, in the order of the ops. So whatever is held cannot leave before.
 */
import { assert } from '@holdfast/kernel';
import type { Op, Verdict } from '@holdfast/committer';
import type { AddTasks, TaskApplied, TaskOp, TaskOpName } from '@holdfast/task-store';

export interface OpQueue {
  /** Queues an op of tasks; `follow` receives its verdict. */
  task<Name extends TaskOpName>(op: Extract<TaskOp, { op: Name }>, follow: (verdict: Verdict<TaskApplied<Name>>) => void): void;
  /** Queues an op of any module. */
  any(op: Op, follow: (verdict: Verdict) => void): void;
  /** The next batch, when none is in flight and something waits, or when an empty one is wanted. */
  take(evenEmpty?: boolean): { readonly batch: number; readonly ops: readonly Op[] } | undefined;
  /** Runs what follows from the batch in flight. */
  settle(batch: number, verdicts: readonly Verdict[]): void;
  readonly waiting: number;
  readonly inFlight: number;
  /** A batch is in flight, be it empty. */
  readonly busy: boolean;
}

/** Creates an empty queue. */
export function createOpQueue(): OpQueue {
  let waiting: { readonly op: Op; readonly follow: (verdict: Verdict) => void }[] = [];
  let flying: typeof waiting = [];
  let batch = 0;
  let busy = false;
  const any = (op: Op, follow: (verdict: Verdict) => void): void => void waiting.push({ op, follow });
  return {
    task: (op, follow) => any(op, follow as (verdict: Verdict) => void),
    any,
    take(evenEmpty = false) {
      if (busy || (waiting.length === 0 && !evenEmpty)) return undefined;
      busy = true;
      const count = countWithin(waiting, BATCH_WEIGHT_MAX);
      flying = count === waiting.length ? waiting : waiting.slice(0, count);
      waiting = count === waiting.length ? [] : waiting.slice(count);
      batch += 1;
      return { batch, ops: flying.map((entry) => entry.op) };
    },
    settle(answered, verdicts) {
      assert(answered === batch && busy, 'a batch is answered once', { answered, batch });
      assert(verdicts.length === flying.length, 'one verdict per op', { ops: flying.length, verdicts: verdicts.length });
      const entries = flying;
      flying = [];
      busy = false;
      for (const [index, entry] of entries.entries()) entry.follow(verdicts[index]!);
    },
    get waiting() {
      return waiting.length;
    },
    get inFlight() {
      return flying.length;
    },
    get busy() {
      return busy;
    },
  };
}

/** How many entries from the front fit, one at least. */
function countWithin(entries: readonly { readonly op: Op }[], weightMax: number): number {
  let weight = 0;
  for (const [index, { op }] of entries.entries()) {
    weight += weightOf(op);
    if (weight > weightMax && index > 0) return index;
  }
  return entries.length;
}

/** How many rows it is about. */
const weightOf = (op: Op): number => (op.op === 'task.addTasks' ? (op as AddTasks).tasks.length : 1);

/** As much as the writer does in some 30 ms: whatever waits behind it waits no longer. */
const BATCH_WEIGHT_MAX = 2048;
