export { type AssignedTask, type TaskLease } from '../held-tasks.ts';
export type { Dialer } from './link-ports.ts';
export type { SpoolSettings } from './outbox.ts';
export { type Peer, SessionServer, type SessionServerEvents, type SessionServerOptions } from './session-server.ts';
export type { TaskContext, TaskHandler, TaskResult } from './task-runner.ts';
export type { ConnectionState, ManagerEvents, ManagerOptions, SendOptions } from './manager-contract.ts';
export { WorkerReconnectionManager } from './worker-reconnection-manager.ts';
export { WorkerReconnectionPlugin, type WrappableWorker } from './worker-reconnection-plugin.ts';
