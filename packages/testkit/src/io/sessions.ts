export { createMemoryCoordinator, MEMORY_CREDENTIAL, type MemoryCoordinator, type MemoryTask } from './memory-coordinator.ts';
export { createMemoryNetwork, type MemoryNetwork } from './memory-network.ts';
export { createMemoryWorker } from './memory-worker.ts';
export { SESSION_SUITE, type SessionCase, type SessionTransport } from './session-suite.ts';
