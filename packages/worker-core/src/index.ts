export type { Spooled, WorkerEffect, WorkerInput, WorkerNode, WorkerOptions, WorkerSnapshot } from './contract.ts';
export { createWorkerNode } from './node.ts';
export { LEASE_TABLE, type LeaseDecision, type LeaseInput, type LeaseState } from './table.ts';
