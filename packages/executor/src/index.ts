export type { AttemptEvent, AttemptOrder, Executor, RunContext, WorkerPolicy } from './executor.ts';
