/**
 * G6 and G7 on what workers really did: a lease is executed once, by its holder; under `replace` two attempts never overlap.
 *
 * Not judged: what ran when its worker stalled (its own clock could not end it), and what ran when its run was interrupted, since
 * an interruption takes the lease at once and a `resume` may follow before the worker has heard of it.
 */
import { leaseText } from '@holdfast/model';
import { type Checker, type Execution, Violation } from '../history.ts';

export function createExecutionCheckers(): Checker[] {
  const byTask = new Map<string, Execution[]>();
  const seen = new Set<string>();
  const excused = new Set<Execution>();
  const counts = { replaced: 0, starts: 0 };
  return [
    {
      name: 'one start a lease',
      get samples() {
        return counts.starts;
      },
      started(execution) {
        counts.starts += 1;
        const text = leaseText(execution.lease);
        if (seen.has(text)) throw new Violation('one start a lease', `${text} was started again, on ${execution.incarnation}`);
        seen.add(text);
        const key = `${execution.lease.run}.${execution.lease.n}`;
        const list = byTask.get(key);
        if (list) list.push(execution);
        else byTask.set(key, [execution]);
      },
    },
    {
      name: 'G7 overlap',
      get samples() {
        return counts.replaced;
      },
      committed(op, verdict) {
        if (op.op !== 'task.interruptRun' || verdict.kind !== 'applied') return;
        const prefix = `${(op as typeof op & { run: number }).run}.`;
        for (const [task, list] of byTask) {
          if (!task.startsWith(prefix)) continue;
          for (const execution of list) if (execution.to === undefined) excused.add(execution);
        }
      },
      ended() {
        for (const list of byTask.values()) {
          for (let index = 1; index < list.length; index += 1) {
            const [former, latter] = [list[index - 1]!, list[index]!];
            if (latter.onDisconnect !== 'replace' || former.stalled || excused.has(former)) continue;
            counts.replaced += 1;
            const until = former.to ?? Infinity;
            if (latter.from < until)
              throw new Violation(
                'G7 overlap',
                `${leaseText(latter.lease)} began at ${latter.from} on ${latter.incarnation}, ${leaseText(former.lease)} ran until ${until} on ${former.incarnation}`,
              );
          }
        }
      },
    },
  ];
}
