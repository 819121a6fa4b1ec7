/** G6 and G7 on what workers really did: a lease is executed once, by its holder; under `replace` two attempts never overlap. */
import { leaseText } from '@holdfast/model';
import { type Checker, type Execution, Violation } from '../history.ts';

export function createExecutionCheckers(): Checker[] {
  const byTask = new Map<string, Execution[]>();
  const seen = new Set<string>();
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
      ended() {
        for (const list of byTask.values()) {
          for (let index = 1; index < list.length; index += 1) {
            const [former, latter] = [list[index - 1]!, list[index]!];
            if (latter.onDisconnect !== 'replace' || former.stalled) continue;
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
