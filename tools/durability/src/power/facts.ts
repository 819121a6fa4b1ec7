/**
 * What the store acknowledged, as facts that must be found again, and the search for those that are not. Shares no code with the store:
 * it knows what an acknowledgement means, and reads rows.
 */
import type { TaskRows } from '@holdfast/task-store';

/** One row that was acknowledged. */
export type Fact =
  | { readonly kind: 'run'; readonly run: number; readonly id: string }
  | { readonly kind: 'task'; readonly run: number; readonly n: number }
  | { readonly kind: 'grant'; readonly run: number; readonly n: number; readonly epoch: number; readonly worker: number }
  | { readonly kind: 'result'; readonly run: number; readonly n: number; readonly epoch: number; readonly result: string }
  | { readonly kind: 'checkpoint'; readonly run: number; readonly n: number; readonly epoch: number; readonly seq: number };

/** The facts of one acknowledged commit. */
export interface Acknowledged {
  /** Monotonic milliseconds at which its verdicts were there. */
  readonly at: number;
  readonly facts: readonly Fact[];
}

/** A kept checkpoint; `whole`: its bytes match its digest. */
export interface KeptCheckpoint {
  readonly run: number;
  readonly n: number;
  readonly epoch: number;
  readonly seq: number;
  readonly whole: boolean;
}

/** What a disk has kept. */
export interface Kept {
  readonly rows: TaskRows;
  readonly checkpoints: readonly KeptCheckpoint[];
}

/** The facts of all commits that were acknowledged before the cut (P1). */
export const factsDue = (acks: readonly Acknowledged[], cutAt: number): Fact[] =>
  acks.filter((ack) => ack.at < cutAt).flatMap((ack) => ack.facts);

/** One sentence per fact that is not among the rows. */
export function missing(due: readonly Fact[], { rows, checkpoints }: Kept): string[] {
  const runs = new Map(rows.runs.map((row) => [row.run, row.id]));
  const tasks = new Map(rows.tasks.map((row) => [`${row.run}.${row.n}`, row]));
  const attempts = new Map(rows.attempts.map((row) => [`${row.run}.${row.n}.${row.epoch}`, row]));
  const found = (fact: Fact): boolean => {
    switch (fact.kind) {
      case 'run':
        return runs.get(fact.run) === fact.id;
      case 'task':
        return tasks.has(`${fact.run}.${fact.n}`);
      case 'grant':
        return attempts.get(`${fact.run}.${fact.n}.${fact.epoch}`)?.worker === fact.worker;
      case 'result': {
        const task = tasks.get(`${fact.run}.${fact.n}`);
        const attempt = attempts.get(`${fact.run}.${fact.n}.${fact.epoch}`);
        return task?.finalEpoch === fact.epoch && JSON.stringify(attempt?.result) === fact.result;
      }
      case 'checkpoint':
        return checkpoints.some(
          (row) =>
            row.whole &&
            row.run === fact.run &&
            row.n === fact.n &&
            (row.epoch > fact.epoch || (row.epoch === fact.epoch && row.seq >= fact.seq)),
        );
    }
  };
  return due.filter((fact) => !found(fact)).map((fact) => `${JSON.stringify(fact)} was acknowledged and is gone`);
}
