/** Puts a connection under any worker object: what it can do is found by its methods, its class stays as it is. */
import type { AssignedTask } from '../held-tasks.ts';
import type { TaskContext, TaskResult } from './task-runner.ts';
import type { ManagerOptions } from './manager-contract.ts';
import { WorkerReconnectionManager } from './worker-reconnection-manager.ts';

/** What a worker object may have. */
export interface WrappableWorker {
  /** Does a task; what it returns is the result. */
  runTask(task: AssignedTask, context: TaskContext): Promise<Partial<TaskResult> | void> | Partial<TaskResult> | void;
  /** Told of messages that are not about tasks. */
  receive?(payload: Readonly<Record<string, unknown>> & { readonly t: string }): void;
  connectionChanged?(state: WorkerReconnectionManager['state']): void;
}

/** A worker object with a connection of its own. */
export class WorkerReconnectionPlugin {
  readonly manager: WorkerReconnectionManager;

  /** `kinds`: kinds of tasks that it does. Default: all. */
  constructor(worker: WrappableWorker, options: ManagerOptions, kinds: readonly string[] = ['*']) {
    this.manager = new WorkerReconnectionManager(options);
    for (const kind of kinds) this.manager.handle(kind, (task, context) => worker.runTask(task, context));
    this.manager.on('message', (payload) => worker.receive?.(payload));
    this.manager.on('stateChanged', (state) => worker.connectionChanged?.(state));
  }

  /** Dials. */
  attach(): this {
    this.manager.start();
    return this;
  }

  /** Says goodbye. */
  async detach(reason?: string): Promise<void> {
    await this.manager.shutdown(reason);
  }
}
