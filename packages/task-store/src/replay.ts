/** Rebuilds tasks and runs from the event log alone (G16), and says where the log breaks its own rules. */
import { isTerminal, mayFollow, type RunState, type TaskState } from '@holdfast/model';
import type { EventRecord } from './tables.ts';

/** What the log tells of a task. */
export interface ReplayedTask {
  readonly run: number;
  readonly n: number;
  readonly state: TaskState;
  readonly epoch: number;
  readonly fence: number;
  readonly attempts: number;
  readonly lost: number;
  readonly version: number;
  readonly finalEpoch: number;
}
export interface ReplayedRun {
  readonly run: number;
  readonly state: RunState;
  readonly version: number;
  readonly total: number;
  readonly remaining: number;
}
export interface Replayed {
  readonly runs: readonly ReplayedRun[];
  readonly tasks: readonly ReplayedTask[];
  /** One sentence per broken rule; empty when the log is sound. */
  readonly findings: readonly string[];
}

/** Replays events in order of `seq`, from the first. O(events). */
export function replayEvents(events: readonly EventRecord[]): Replayed {
  const tasks = new Map<string, ReplayedTask>();
  const runs = new Map<number, ReplayedRun>();
  const findings: string[] = [];
  events.forEach((event, index) => {
    const where = `event ${event.seq} ${event.kind} ${event.run}.${event.n}`;
    const expect = (claim: boolean, rule: string): void => {
      if (!claim) findings.push(`${where}: ${rule}`);
    };
    expect(index === 0 || event.seq > events[index - 1]!.seq, 'seq rises');
    if (event.kind === 'tasks.added') addTasks(event, runs, tasks, expect);
    else if (event.n === 0) runs.set(event.run, replayRun(event, runs.get(event.run), expect));
    else {
      const before = tasks.get(`${event.run}.${event.n}`);
      expect(before !== undefined, 'the task was added before');
      if (!before) return;
      const after = replayTask(event, before, expect);
      tasks.set(`${event.run}.${event.n}`, after);
      const run = runs.get(event.run)!;
      if (isTerminal(after.state)) runs.set(event.run, { ...run, remaining: run.remaining - 1 });
    }
  });
  return {
    runs: [...runs.values()].sort((a, b) => a.run - b.run),
    tasks: [...tasks.values()].sort((a, b) => a.run - b.run || a.n - b.n),
    findings,
  };
}

type Expect = (claim: boolean, rule: string) => void;

function addTasks(event: EventRecord, runs: Map<number, ReplayedRun>, tasks: Map<string, ReplayedTask>, expect: Expect): void {
  const { run, n, count } = event;
  const before = runs.get(run);
  expect(before?.total === n - 1, 'tasks are numbered on from the last');
  if (before) runs.set(run, { ...before, total: before.total + count, remaining: before.remaining + count });
  for (let index = 0; index < count; index += 1) {
    const task = { run, n: n + index, state: 'queued' as const, epoch: 0, fence: 1, attempts: 0, lost: 0, version: 1, finalEpoch: 0 };
    tasks.set(`${run}.${n + index}`, task);
  }
}

function replayRun(event: EventRecord, before: ReplayedRun | undefined, expect: Expect): ReplayedRun {
  expect((event.kind === 'run.opened') === (before === undefined), 'a run is opened once, first');
  expect(event.version === (before?.version ?? 0) + 1, 'versions of a run have no gaps');
  expect(before?.state !== 'finished' && before?.state !== 'cancelled', 'a run that is over stays as it is');
  if (event.kind === 'run.finished') expect(before?.remaining === 0, 'a finished run has no unfinished task');
  return { total: 0, remaining: 0, ...before, run: event.run, state: event.state as RunState, version: event.version };
}

function replayTask(event: EventRecord, before: ReplayedTask, expect: Expect): ReplayedTask {
  const state = event.state as TaskState;
  const granted = event.kind === 'task.granted';
  expect(event.version === before.version + 1, 'versions of a task have no gaps');
  expect(!isTerminal(before.state), 'a terminal task stays as it is');
  expect(state === before.state || mayFollow(before.state, state), `${before.state} may become ${state}`);
  expect(event.fence >= before.fence, 'a fence never falls');
  if (granted) expect(event.epoch === before.epoch + 1, 'only a grant raises the epoch, by one');
  const ofLease = LEASE_KINDS.has(event.kind);
  if (ofLease) expect(event.epoch >= before.fence && event.epoch <= before.epoch, 'a lease counts only between fence and epoch');
  return {
    ...before,
    state,
    epoch: granted ? event.epoch : before.epoch,
    fence: event.fence,
    attempts: before.attempts + (granted ? 1 : 0),
    lost: before.lost + (event.kind === 'task.lost' ? 1 : 0),
    version: event.version,
    finalEpoch: event.kind === 'task.finished' && isTerminal(state) ? event.epoch : 0,
  };
}

const LEASE_KINDS: ReadonlySet<string> = new Set([
  'task.started',
  'task.paused',
  'task.resumed',
  'task.finished',
  'task.lost',
  'task.hedged',
]);
