/**
 * Work as a coordinator commits it: runs with tasks, claims, starts, checkpoints, results, in batches of one transaction each, and a note of
 * all that was acknowledged. Goes on until the store fails or somebody says stop.
 */
import type { Op, Verdict } from '@holdfast/committer';
import type { Random } from '@holdfast/kernel';
import { coordinatorId, DEFAULT_POLICY, incarnation, runId, workerId } from '@holdfast/model';
import type { AddedTasks, Claimed, HelloApplied, OpenedRun } from '@holdfast/task-store';
import { monotonicMs } from './disk.ts';
import type { Acknowledged, Fact } from './facts.ts';

export interface Workload {
  /** Commits until the store fails or `stop` was called; resolves with why it ended. */
  run(): Promise<unknown>;
  stop(): void;
  readonly acks: readonly Acknowledged[];
  /** Ids of all runs that were asked for, acknowledged or not. */
  readonly attempted: readonly string[];
}

interface Lease {
  readonly run: number;
  readonly n: number;
  readonly epoch: number;
  seq: number;
}

/** `life` keeps ids of several workloads on one store apart. */
export function createWorkload(commit: (ops: readonly Op[]) => Promise<Verdict[]>, random: Random, life: string): Workload {
  const acks: Acknowledged[] = [];
  const attempted: string[] = [];
  const leases: Lease[] = [];
  let stopped = false;
  let worker = 0;
  let session = 0;
  let runs = 0;

  /** Commits ops, each with what its verdict means. */
  async function commitAll(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    const verdicts = await commit(steps.map((step) => step.op));
    const at = monotonicMs();
    acks.push({
      at,
      facts: steps.flatMap((step, index) => {
        const verdict = verdicts[index]!;
        return verdict.kind === 'applied' ? step.facts(verdict.value) : [];
      }),
    });
  }

  async function submit(): Promise<void> {
    runs += 1;
    const id = `${life}-${runs}`;
    attempted.push(id);
    const open = { op: 'task.openRun', id: runId(id), name: id, principal: 'p', spec: {}, class: '', wall: 1, key: id, keyHash: id };
    let run = 0;
    await commitAll([
      {
        op: open,
        facts(value) {
          ({ run } = value as OpenedRun);
          return [{ kind: 'run', run, id }];
        },
      },
    ]);
    const tasks = Array.from({ length: 1 + random.below(6) }, (_, index) => ({
      name: `task ${index}`,
      body: { kind: 'command' as const, argv: ['true', 'x'.repeat(random.below(400))] },
      policy: DEFAULT_POLICY,
      predictedMs: 0,
    }));
    const add = { op: 'task.addTasks', run, expect: 0, tasks, wall: 1 };
    await commitAll([
      {
        op: add,
        facts(value) {
          const { first, count } = value as AddedTasks;
          return Array.from({ length: count }, (_, index) => ({ kind: 'task' as const, run, n: first + index }));
        },
      },
      { op: { op: 'task.sealRun', run, wall: 1 } as Op, facts: () => [] },
    ]);
  }

  async function work(): Promise<void> {
    const claim = { op: 'task.claim', worker, sessionEpoch: session, classes: [''], credits: 1 + random.below(4), wall: 1 };
    const steps: Step[] = [{ op: claim, facts: (value) => (value as Claimed).grants.map((grant) => granted(grant)) }];
    for (const lease of leases.splice(0, 1 + random.below(3))) {
      const { run, n, epoch } = lease;
      if (random.chance(0.5)) {
        lease.seq += 1;
        const { seq } = lease;
        const data = { at: seq, text: 'c'.repeat(random.below(2000)) };
        steps.push({
          op: { op: 'checkpoint.save', worker, run, n, epoch, seq, data, wall: 1 } as Op,
          facts: () => [{ kind: 'checkpoint', run, n, epoch, seq }],
        });
        leases.push(lease);
      } else {
        const result = { outcome: 'passed', durationMs: random.below(1000), cases: [] };
        steps.push({
          op: { op: 'task.finished', worker, run, n, epoch, result, wall: 1 } as Op,
          facts: () => [{ kind: 'result', run, n, epoch, result: JSON.stringify(result) }],
        });
      }
    }
    await commitAll(steps);
  }

  function granted({ run, n, epoch }: { readonly run: number; readonly n: number; readonly epoch: number }): Fact {
    leases.push({ run, n, epoch, seq: 0 });
    return { kind: 'grant', run, n, epoch, worker };
  }

  return {
    acks,
    attempted,
    stop() {
      stopped = true;
    },
    async run() {
      try {
        const started = { op: 'task.startCoordinator', coordinator: coordinatorId('main'), wall: 1 };
        const hello = {
          op: 'task.hello',
          worker: workerId(`w-${life}`),
          principal: 'w',
          incarnation: incarnation(`i-${life}`),
          coordinator: coordinatorId('main'),
          name: 'w',
          registration: {},
          wall: 1,
        };
        const [, greeted] = await commit([started, hello]);
        if (greeted?.kind !== 'applied') throw new Error(`greet: ${JSON.stringify(greeted)}`);
        ({ worker, sessionEpoch: session } = greeted.value as HelloApplied);
        // oxlint-disable-next-line no-unmodified-loop-condition -- `stop` changes it while a commit is under way.
        while (!stopped) await (leases.length === 0 || random.chance(0.3) ? submit() : work());
        return undefined;
      } catch (error) {
        return error;
      }
    },
  };
}

interface Step {
  readonly op: Op;
  facts(value: unknown): Fact[];
}
