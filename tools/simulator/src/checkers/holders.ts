/**
 * G21: a lease is spoken for by its holder alone, a worker by the principal that registered it.
 * And whole results: what an attempt has ended with is what the store keeps, unless it says that it could not be told.
 */
import { type AttemptResult, leaseText } from '@holdfast/model';
import { type Checker, Violation } from '../history.ts';

interface Fields {
  readonly run: number;
  readonly n: number;
  readonly epoch: number;
  /** Ordinal; of a hello the id. */
  readonly worker: number | string;
  readonly principal: string;
  readonly result: AttemptResult;
}

export function createHolderCheckers(): Checker[] {
  const holders = new Map<string, number>();
  const principals = new Map<string, string>();
  const ended = new Map<string, AttemptResult>();
  const counts = { strangers: 0, results: 0 };
  return [
    {
      name: 'G21 holders',
      get samples() {
        return counts.strangers;
      },
      committed(given, verdict) {
        const op = given as typeof given & Fields;
        const applied = verdict.kind === 'applied';
        if (op.op === 'task.claim' && applied) {
          for (const grant of (verdict.value as { grants: readonly Fields[] }).grants) holders.set(leaseText(grant), op.worker as number);
        } else if (op.op === 'task.hello') {
          const owner = principals.get(op.worker as string);
          if (owner === undefined && applied) principals.set(op.worker as string, op.principal);
          if (owner === undefined || owner === op.principal) return;
          counts.strangers += 1;
          if (applied) throw new Violation('G21 holders', `${op.principal} speaks as ${op.worker}, which is of ${owner}`);
        } else if (OF_LEASES.has(op.op)) {
          const holder = holders.get(leaseText(op));
          if (holder === op.worker) return;
          counts.strangers += 1;
          if (applied)
            throw new Violation('G21 holders', `${op.op} ${leaseText(op)} of worker ${op.worker} was applied, ${holder} holds it`);
        }
      },
    },
    {
      name: 'whole results',
      get samples() {
        return counts.results;
      },
      attemptEnded: (lease, result) => void ended.set(leaseText(lease), result),
      committed(given, verdict) {
        if (given.op !== 'task.finished' || verdict.kind !== 'applied') return;
        const { result: kept, ...op } = given as typeof given & Fields;
        const told = ended.get(leaseText(op));
        // Not executed: the coordinator ended it, since it could not be assigned.
        if (!told || told.cases.length === 0) return;
        counts.results += 1;
        if (kept.reason?.startsWith('its result cannot be told')) return;
        const same = kept.outcome === told.outcome && kept.cases.length === told.cases.length;
        const titles = same && kept.cases.every((each, index) => each.path[1] === told.cases[index]!.path[1]);
        if (!titles)
          throw new Violation(
            'whole results',
            `${leaseText(op)} ended ${told.outcome} with ${told.cases.length} cases, ${kept.outcome} with ${kept.cases.length} is kept`,
          );
      },
    },
  ];
}

const OF_LEASES: ReadonlySet<string> = new Set([
  'task.started',
  'task.paused',
  'task.finished',
  'task.lost',
  'task.released',
  'task.hedge',
  'task.unhedge',
  'checkpoint.save',
]);
