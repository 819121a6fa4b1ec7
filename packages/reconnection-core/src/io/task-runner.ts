/** Runs the tasks of a connection by handlers, and tells what becomes of them. */
import { durationMs, errorText, type MonoMs } from '@holdfast/kernel';
import { nodeClock, nodeTimers } from '@holdfast/kernel/node';
import { type CoordinatorMessage, messageProblem, type Welcome, type WorkerMessage, workerMessage } from '@holdfast/protocol';
import type { ConnectionStats } from '../connection-stats.ts';
import { type AssignedTask, createHeldTasks } from '../held-tasks.ts';

export type TaskResult = Extract<WorkerMessage, { t: 'finished' }>['result'];

export interface TaskContext {
  /** Aborts when the coordinator or the clock takes the lease away: what is returned then is not told. */
  readonly signal: AbortSignal;
  /** Saves state that a later attempt resumes from. */
  checkpoint(data: unknown): void;
  /** Tells how far it is; may be dropped. */
  progress(state: { readonly note?: string; readonly fraction?: number }): void;
}

/** Does a task; what it returns is the result, by default `passed`. */
export type TaskHandler = (task: AssignedTask, context: TaskContext) => Promise<Partial<TaskResult> | void> | Partial<TaskResult> | void;

export interface TaskRunnerPorts {
  slots(): number;
  readonly stats: ConnectionStats;
  /** Into the session; with a key it is kept until committed. */
  tell(message: WorkerMessage, key: string | undefined): void;
  /** Beyond the life of the process: what is told with a key of a lease of this run. */
  keep(message: WorkerMessage, key: string, run: string): void;
  /** It is not wanted: its keys need not be kept. */
  forget(lease: string): void;
  heldChanged(held: { readonly count: number; readonly hash: number }, credits: number): void;
}

export interface TaskRunner {
  handle(kind: string, handler: TaskHandler): void;
  /** A result that an earlier life left. */
  adopt(result: Extract<WorkerMessage, { t: 'finished' }>, run: string): void;
  /** Returns whether it was about tasks. */
  take(message: CoordinatorMessage): boolean;
  submitResult(lease: string, result: TaskResult): boolean;
  submitCheckpoint(lease: string, seq: number, data: unknown): boolean;
  submitState(lease: string, state: { readonly note?: string; readonly fraction?: number }): boolean;
  sessionBegan(welcome: Welcome): void;
  renewed(sentAt: MonoMs): void;
  settled(key: string): void;
  /** Slots have changed. */
  refresh(): void;
  turnEnded(): void;
  /** Aborts everything; nothing more is taken. */
  stop(): void;
}

export function createTaskRunner(ports: TaskRunnerPorts): TaskRunner {
  const handlers = new Map<string, TaskHandler>();
  const aborts = new Map<string, AbortController>();
  const sequences = new Map<string, number>();
  const runs = new Map<number, string>();
  const tasks = createHeldTasks();
  let told = '';
  let stopped = false;
  let cancelTimer: (() => void) | undefined;

  const leaseOf = (lease: string): { run: number; n: number; epoch: number } => {
    const [run = 0, n = 0, epoch = 0] = lease.split('.').map(Number);
    return { run, n, epoch };
  };

  function refresh(): void {
    const held = tasks.held();
    // Without a handler nobody could do anything.
    const credits = stopped || handlers.size === 0 ? 0 : Math.max(0, ports.slots() - held.count);
    const text = `${held.count}/${held.hash}/${credits}`;
    if (text === told) return;
    told = text;
    ports.heldChanged(held, credits);
  }

  function submitResult(lease: string, given: TaskResult): boolean {
    let message: WorkerMessage = { t: 'finished', ...leaseOf(lease), result: given };
    const problem = messageProblem(message, workerMessage);
    // A result that no coordinator would take would be offered for ever.
    if (problem !== undefined) {
      const result: TaskResult = {
        outcome: 'errored',
        reason: `its result cannot be told: ${problem}`.slice(0, REASON_LENGTH_MAX),
        durationMs: 0,
        cases: [],
      };
      message = { ...message, result };
    }
    const now = tasks.tell(lease, { key: lease, message }, true);
    aborts.delete(lease);
    sequences.delete(lease);
    if (now !== undefined) keep(message, lease);
    if (now) ports.tell(message, lease);
    refresh();
    return now !== undefined;
  }

  function keep(message: Extract<WorkerMessage, { run: number }>, key: string): void {
    const run = runs.get(message.run);
    if (run !== undefined) ports.keep(message, key, run);
  }

  function submitCheckpoint(lease: string, seq: number, data: unknown): boolean {
    const message: WorkerMessage = { t: 'checkpoint', ...leaseOf(lease), seq, data: data as never };
    const now = tasks.tell(lease, { key: `${lease}/${seq}`, message }, false);
    if (now === undefined) return false;
    ports.stats.checkpointCreated();
    keep(message, `${lease}/${seq}`);
    if (now) ports.tell(message, `${lease}/${seq}`);
    return true;
  }

  function submitState(lease: string, { note, fraction }: { readonly note?: string; readonly fraction?: number }): boolean {
    if (!aborts.has(lease)) return false;
    const told = { ...(note === undefined ? {} : { note }), ...(fraction === undefined ? {} : { fraction }) };
    ports.tell({ t: 'progress', ...leaseOf(lease), cases: [], ...told }, undefined);
    return true;
  }

  async function run(task: AssignedTask): Promise<void> {
    const { lease } = task;
    const handler = handlers.get(task.body.kind) ?? handlers.get('*');
    if (!handler) {
      const result = { outcome: 'errored', reason: `no handler for a task of kind ${task.body.kind}`, durationMs: 0, cases: [] } as const;
      submitResult(lease, { ...result, cases: [] });
      return;
    }
    const abort = new AbortController();
    aborts.set(lease, abort);
    sequences.set(lease, task.resumeFrom?.seq ?? 0);
    if (task.resumeFrom) ports.stats.checkpointRestored();
    ports.tell({ t: 'started', ...leaseOf(lease) }, undefined);
    const began = nodeClock.mono();
    const cancel = task.timeoutMs > 0 ? nodeTimers.set(durationMs(task.timeoutMs), () => abort.abort(new Error('timed out'))) : undefined;
    let given: Partial<TaskResult>;
    try {
      const context: TaskContext = {
        signal: abort.signal,
        checkpoint(data) {
          const seq = (sequences.get(lease) ?? 0) + 1;
          sequences.set(lease, seq);
          submitCheckpoint(lease, seq, data);
        },
        progress: (state) => void submitState(lease, state),
      };
      given = (await handler(task, context)) ?? {};
    } catch (error) {
      given = { outcome: 'errored', reason: errorText(error).slice(0, REASON_LENGTH_MAX) };
    }
    cancel?.();
    if (aborts.get(lease) !== abort) return;
    const late = abort.signal.aborted ? { outcome: 'timed_out' as const } : {};
    submitResult(lease, { outcome: 'passed', durationMs: nodeClock.mono() - began, cases: [], ...given, ...late });
  }

  /** Taken away: the handler may end when it likes, nobody hears of it. */
  function takeAway(lease: string, why: string): void {
    const abort = aborts.get(lease);
    aborts.delete(lease);
    sequences.delete(lease);
    abort?.abort(new Error(why));
  }

  function expire(): void {
    for (const task of tasks.expired(nodeClock.mono())) {
      tasks.drop(task.lease);
      takeAway(task.lease, 'its lease ended');
      ports.tell({ t: 'released', ...leaseOf(task.lease), reason: 'its lease ended by the clock' }, undefined);
    }
    refresh();
  }

  return {
    adopt: (result, run) => tasks.adopt(result, run),
    handle(kind, handler) {
      handlers.set(kind, handler);
      refresh();
    },
    take(message) {
      switch (message.t) {
        case 'inventory':
          ports.tell(tasks.inventory(message.token), undefined);
          return true;
        case 'reconciled': {
          const { stopped: gone, told: again } = tasks.reconciled(message.keep, nodeClock.mono());
          for (const lease of gone) {
            takeAway(lease, 'the coordinator does not want it');
            ports.forget(lease);
          }
          for (const { key, message: each } of again) ports.tell(each, key);
          return true;
        }
        case 'assign':
          for (const task of tasks.assigned(message)) {
            if (stopped || handlers.size === 0) {
              tasks.drop(task.lease);
              ports.tell({ t: 'released', ...leaseOf(task.lease), reason: 'not started' }, undefined);
            } else void run(task);
          }
          return true;
        case 'stop': {
          const lease = `${message.run}.${message.n}.${message.epoch}`;
          const ran = tasks.drop(lease);
          takeAway(lease, message.as);
          ports.forget(lease);
          if (ran && message.as === 'released') ports.tell({ t: 'released', ...leaseOf(lease), reason: 'stopped on request' }, undefined);
          return true;
        }
        case 'run':
          runs.set(message.run, message.id);
          return true;
        case 'forget':
          runs.delete(message.run);
          return true;
        default:
          return false;
      }
    },
    submitResult,
    submitCheckpoint,
    submitState,
    sessionBegan: (welcome) => tasks.sessionBegan(welcome),
    renewed: (sentAt) => tasks.renewed(sentAt),
    settled: (key) => tasks.settled(key),
    refresh,
    turnEnded() {
      refresh();
      cancelTimer?.();
      const at = tasks.deadline();
      cancelTimer = at === undefined || stopped ? undefined : nodeTimers.set(durationMs(Math.max(1, at - nodeClock.mono())), expire);
    },
    stop() {
      stopped = true;
      cancelTimer?.();
      for (const lease of [...aborts.keys()]) takeAway(lease, 'the connection shuts down');
    },
  };
}

const REASON_LENGTH_MAX = 1024;
