export { createExecutor, type ExecutorOptions, type ExecutorPorts, type ProcessExecutor } from './create-executor.ts';
export type { Executor, RunContext, WorkerPolicy } from './executor.ts';
export type { DeathReport } from './reaper-link.ts';
export type { TaskContext, TaskFunction } from './task-context.ts';
