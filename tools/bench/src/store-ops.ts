/** Ops of the store as a coordinator sends them, for benches that drive the store itself. */
import type { Op, Verdict } from '@holdfast/committer';
import { DEFAULT_POLICY, type TaskSpec } from '@holdfast/model';
import type { Claimed, OpenedRun } from '@holdfast/task-store';

const wall = 1_700_000_000_000;

/** The first worker of a new store. */
export const HELLO = {
  op: 'task.hello',
  worker: 'w',
  principal: 'bench',
  incarnation: 'one life',
  coordinator: 'main',
  name: 'w',
  registration: {},
  wall,
} as Op;
export const openRun = (id: string): Op => ({ op: 'task.openRun', id, name: id, principal: 'bench', spec: {}, class: 'any', wall }) as Op;
export const addTasks = (run: number, count: number): Op =>
  ({ op: 'task.addTasks', run, tasks: Array.from({ length: count }, nothing), wall }) as Op;
export const claim = (credits: number): Op => ({ op: 'task.claim', worker: 1, sessionEpoch: 1, classes: ['any'], credits, wall }) as Op;
/** Start and end of each lease. */
export const work = ({ grants }: Claimed): Op[] =>
  grants.flatMap(({ run, n, epoch }) => {
    const lease = { worker: 1, run, n, epoch, wall };
    return [
      { op: 'task.started', ...lease } as Op,
      { op: 'task.finished', ...lease, result: { outcome: 'passed', durationMs: 0, cases: [] } } as Op,
    ];
  });
export const saveCheckpoint = (n: number, seq: number, data: string): Op =>
  ({ op: 'checkpoint.save', worker: 1, run: 1, n, epoch: 1, seq, data, wall }) as Op;

/** The value of a verdict that must be an applied one. */
export function valueOf<Value>(verdict: Verdict | undefined): Value {
  if (verdict?.kind !== 'applied') throw new Error(`the store refused an op: ${verdict?.reason}`);
  return verdict.value as Value;
}
export const runOf = (verdict: Verdict | undefined): number => valueOf<OpenedRun>(verdict).run;

const nothing = (): TaskSpec => ({ name: 'nothing', body: { kind: 'noop' }, predictedMs: 0, policy: { ...DEFAULT_POLICY } });
