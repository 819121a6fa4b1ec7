/**
 * G5 exactly one result and only of a lease that is out, G6 epochs rise by one and have one holder, G9 checkpoints, G20 losses.
 *
 * Keeps its own idea of which leases are out, from the ops that were applied, and asks nothing of the store.
 */
import type { Op, Verdict } from '@holdfast/committer';
import { type Checker, Violation } from '../history.ts';

interface Known {
  epoch: number;
  /** Leases that are out: epoch to holder. */
  readonly out: Map<number, string>;
  terminal: string | undefined;
  finals: number;
  failures: number;
  losses: number;
  policy: { retries: number; maxLost: number };
  checkpoint: { epoch: number; seq: number } | undefined;
}
interface Fields {
  readonly run: number;
  readonly n: number;
  readonly epoch: number;
  readonly seq: number;
  readonly worker: number;
  readonly result: { readonly outcome: string };
  readonly tasks: readonly { readonly policy: { readonly retries: number; readonly maxLost: number } }[];
}
interface Granted {
  readonly run: number;
  readonly n: number;
  readonly epoch: number;
  readonly resumeFrom?: { readonly seq: number; readonly data: unknown };
}

export function createLeaseCheckers(): Checker[] {
  const tasks = new Map<string, Known>();
  const counts = { results: 0, grants: 0, checkpoints: 0, losses: 0, replies: 0 };

  const taskOf = (run: number, n: number): Known => {
    const known = tasks.get(`${run}.${n}`);
    if (!known) throw new Violation('G2 from nowhere', `task ${run}.${n} was never added`);
    return known;
  };

  function granted(worker: number, grant: Granted): void {
    const task = taskOf(grant.run, grant.n);
    const text = `${grant.run}.${grant.n}.${grant.epoch}`;
    counts.grants += 1;
    if (grant.epoch !== task.epoch + 1) throw new Violation('G6 epochs', `${text} was granted after epoch ${task.epoch}`);
    if (task.terminal) throw new Violation('G5 results', `${text} was granted, the task is ${task.terminal}`);
    for (const holder of task.out.values()) {
      if (holder === String(worker)) throw new Violation('G6 epochs', `${text} was granted to worker ${worker}, which holds the task`);
    }
    const wanted = task.checkpoint;
    const given = grant.resumeFrom;
    if (wanted) counts.checkpoints += 1;
    if ((given?.seq ?? 0) !== (wanted?.seq ?? 0))
      throw new Violation('G9 checkpoints', `${text} resumes from ${given?.seq ?? 'nothing'}, ${wanted?.seq ?? 'nothing'} was kept`);
    task.epoch = grant.epoch;
    task.out.set(grant.epoch, String(worker));
  }

  function finished(op: Fields, applied: boolean, reason: string): void {
    const task = taskOf(op.run, op.n);
    const text = `${op.run}.${op.n}.${op.epoch}`;
    const out = task.out.get(op.epoch) === String(op.worker) && !task.terminal;
    counts.results += 1;
    if (applied !== out)
      throw new Violation(
        'G5 results',
        `result of ${text} was ${applied ? 'recorded' : `refused (${reason})`}; out are ${[...task.out.keys()].join(' ')}`,
      );
    if (!applied) return;
    task.out.clear();
    const { outcome } = op.result;
    if (outcome === 'failed' || outcome === 'errored' || outcome === 'timed_out') {
      task.failures += 1;
      if (task.failures <= task.policy.retries) return;
    }
    task.terminal = outcome;
    task.finals += 1;
    if (task.finals > 1) throw new Violation('G5 results', `${text} is the second final result`);
  }

  function ended(op: Fields, name: string, applied: boolean): void {
    const task = taskOf(op.run, op.n);
    const text = `${op.run}.${op.n}.${op.epoch}`;
    const out = task.out.get(op.epoch) === String(op.worker) && !task.terminal;
    if (applied !== out)
      throw new Violation('G5 results', `${name} of ${text} was ${applied ? 'applied' : 'refused'}, it is ${out ? '' : 'not '}out`);
    if (!applied) return;
    task.out.delete(op.epoch);
    if (name !== 'task.lost') return;
    task.losses += 1;
    counts.losses += 1;
    if (task.losses > task.policy.maxLost)
      throw new Violation('G20 poison', `${text} is loss ${task.losses} of at most ${task.policy.maxLost}`);
    if (task.losses === task.policy.maxLost) {
      task.terminal = 'dead_letter';
      task.out.clear();
    }
  }

  function ofRun(run: number, terminal: string | undefined): void {
    for (const [text, task] of tasks) {
      if (!text.startsWith(`${run}.`) || task.terminal) continue;
      task.out.clear();
      if (terminal) task.terminal = terminal;
    }
  }

  function apply(given: Op, verdict: Verdict): void {
    const op = given as Op & Fields;
    const applied = verdict.kind === 'applied';
    const reason = verdict.kind === 'refused' ? verdict.reason : '';
    switch (given.op) {
      case 'task.addTasks': {
        if (!applied) return;
        const { first } = verdict.value as { first: number };
        op.tasks.forEach(({ policy }, index) =>
          tasks.set(`${op.run}.${first + index}`, {
            epoch: 0,
            out: new Map(),
            terminal: undefined,
            finals: 0,
            failures: 0,
            losses: 0,
            policy,
            checkpoint: undefined,
          }),
        );
        return;
      }
      case 'task.claim':
        if (applied) for (const grant of (verdict.value as { grants: readonly Granted[] }).grants) granted(op.worker, grant);
        return;
      case 'task.finished':
        return finished(op, applied, reason);
      case 'task.lost':
      case 'task.released':
        return ended(op, given.op, applied);
      case 'task.cancel':
        if (!applied) return;
        taskOf(op.run, op.n).out.clear();
        taskOf(op.run, op.n).terminal = 'cancelled';
        return;
      case 'task.cancelRun':
        return applied ? ofRun(op.run, 'cancelled') : undefined;
      case 'task.interruptRun':
        return applied ? ofRun(op.run, undefined) : undefined;
      case 'checkpoint.save': {
        if (!applied) return;
        const task = taskOf(op.run, op.n);
        const last = task.checkpoint;
        if (!task.out.has(op.epoch)) throw new Violation('G9 checkpoints', `kept one of ${op.run}.${op.n}.${op.epoch}, which is not out`);
        if (last && (last.epoch > op.epoch || (last.epoch === op.epoch && last.seq >= op.seq)))
          throw new Violation('G9 checkpoints', `${op.run}.${op.n}: ${op.epoch}/${op.seq} was kept after ${last.epoch}/${last.seq}`);
        task.checkpoint = { epoch: op.epoch, seq: op.seq };
        return;
      }
    }
  }

  const named = (name: string, samples: () => number, more: Partial<Checker> = {}): Checker => ({
    name,
    get samples() {
      return samples();
    },
    ...more,
  });
  return [
    named('G5 results', () => counts.results, {
      committed: apply,
      ended({ rows }) {
        for (const row of rows.tasks) {
          const known = tasks.get(`${row.run}.${row.n}`);
          const terminal = known?.terminal;
          // Dependents of what did not pass are cancelled without an op of their own.
          if (terminal === undefined && row.state === 'cancelled') continue;
          if (known?.finals && row.finalEpoch === 0) throw new Violation('G5 results', `${row.run}.${row.n} has lost its result`);
          if (terminal !== undefined && row.state !== terminal)
            throw new Violation('G5 results', `${row.run}.${row.n} is ${row.state}, it ended ${terminal}`);
        }
      },
    }),
    named('G6 epochs', () => counts.grants),
    named('G9 checkpoints', () => counts.checkpoints, {
      checkpointSettled({ run, n, epoch }, seq) {
        const last = taskOf(run, n).checkpoint;
        counts.checkpoints += 1;
        // Refusals are acknowledged too: then the lease must be gone, or a later one kept.
        const task = taskOf(run, n);
        const kept = last !== undefined && (last.epoch > epoch || (last.epoch === epoch && last.seq >= seq));
        if (!kept && task.out.has(epoch)) throw new Violation('G9 checkpoints', `${run}.${n}.${epoch}/${seq} was acknowledged, not kept`);
      },
    }),
    named('G20 poison', () => counts.losses),
  ];
}
