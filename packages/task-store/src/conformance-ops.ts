/** Short forms of ops for the conformance stories. */
import type { Op } from '@holdfast/committer';
import {
  type AttemptOutcome,
  coordinatorId,
  DEFAULT_POLICY,
  incarnation,
  runId,
  type TaskPolicy,
  type TaskSpec,
  workerId,
} from '@holdfast/model';
import type { Bench } from './conformance.ts';
import type { AddedTasks, Claimed, Grant, HelloApplied, OpenedRun, TaskOp } from './ops.ts';

const wall = 1000;
const op = (value: TaskOp): Op => value;

export const openRun = (id = 'r1', more: { key?: string; keyHash?: string; class?: string } = {}): Op =>
  op({
    op: 'task.openRun',
    id: runId(id),
    name: id,
    principal: 'ada',
    spec: { env: { A: '1' } },
    class: 'c',
    wall,
    client: { argv: ['x'] },
    ...more,
  });
export const task = (policy: Partial<TaskPolicy> = {}, after?: readonly number[]): TaskSpec => ({
  name: 'a.test.ts',
  body: { kind: 'noop' },
  policy: { ...DEFAULT_POLICY, ...policy },
  predictedMs: 12.5,
  ...(after ? { after } : {}),
});
export const addTasks = (run: number, tasks: readonly TaskSpec[], expect?: number): Op =>
  op({ op: 'task.addTasks', run, tasks, wall, ...(expect === undefined ? {} : { expect }) });
export const sealRun = (run: number): Op => op({ op: 'task.sealRun', run, wall });
export const hello = (name: string, life = 'life 1', principal = 'ada'): Op =>
  op({
    op: 'task.hello',
    worker: workerId(name),
    principal,
    incarnation: incarnation(`${name} ${life}`),
    coordinator: coordinatorId('k'),
    name,
    registration: { cpus: 2 },
    wall,
  });
export const claim = (worker: number, sessionEpoch: number, credits: number, classes: readonly string[] = ['c']): Op =>
  op({ op: 'task.claim', worker, sessionEpoch, classes, credits, wall });
export const started = (run: number, n: number, epoch: number): Op => op({ op: 'task.started', worker: 1, run, n, epoch, wall });
export const paused = (run: number, n: number, epoch: number, value: boolean): Op =>
  op({ op: 'task.paused', worker: 1, run, n, epoch, paused: value, wall });
export const finished = (run: number, n: number, epoch: number, outcome: AttemptOutcome = 'passed'): Op =>
  op({ op: 'task.finished', worker: 1, run, n, epoch, result: { outcome, durationMs: 7.5, cases: [] }, wall });
export const lost = (run: number, n: number, epoch: number): Op =>
  op({ op: 'task.lost', worker: 1, run, n, epoch, reason: 'machine died', wall });
export const released = (run: number, n: number, epoch: number): Op => op({ op: 'task.released', worker: 1, run, n, epoch, wall });
export const hedge = (run: number, n: number, epoch: number): Op => op({ op: 'task.hedge', worker: 1, run, n, epoch, wall });
export const unhedge = (run: number, n: number, epoch: number, worker: number, sessionEpoch: number): Op =>
  op({ op: 'task.unhedge', run, n, epoch, worker, sessionEpoch });
/** The same op of another worker than the first. */
export const by = (worker: number, given: Op): Op => ({ ...given, worker }) as Op;
export const makeReady = (run: number, n: number): Op => op({ op: 'task.makeReady', run, n });
export const cancel = (run: number, n: number): Op => op({ op: 'task.cancel', run, n, principal: 'ada', wall });
export const cancelRun = (run: number): Op => op({ op: 'task.cancelRun', run, principal: 'ada', wall });
export const interruptRun = (run: number): Op => op({ op: 'task.interruptRun', run, principal: 'ada', wall });
export const resumeRun = (run: number): Op => op({ op: 'task.resumeRun', run, principal: 'ada', wall });
export const startCoordinator = (): Op => op({ op: 'task.startCoordinator', coordinator: coordinatorId('k'), wall });
export const save = (run: number, n: number, epoch: number, seq: number): Op =>
  ({ op: 'checkpoint.save', worker: 1, run, n, epoch, seq, data: { at: seq }, wall }) as Op;

/** Opens run 1 with these tasks and says hello for one worker, ordinal 1, session 1. */
export function begin(bench: Bench, tasks: readonly TaskSpec[]): void {
  bench.apply<OpenedRun>(openRun());
  bench.apply<AddedTasks>(addTasks(1, tasks));
  bench.apply<HelloApplied>(hello('w1'));
}
/** Claims and returns the grants as `run.n.epoch`. */
export const grants = (bench: Bench, worker = 1, session = 1, credits = 10): string[] =>
  bench.apply<Claimed>(claim(worker, session, credits)).grants.map((grant: Grant) => `${grant.run}.${grant.n}.${grant.epoch}`);
