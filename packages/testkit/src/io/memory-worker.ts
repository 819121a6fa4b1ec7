/** A worker in memory: the shipped manager over a network without sockets. */
import { durationMs } from '@holdfast/kernel';
import { type Dialer, type ManagerOptions, WorkerReconnectionManager } from '@holdfast/reconnection-core/manager';
import { MEMORY_CREDENTIAL } from './memory-coordinator.ts';

/** A manager that knows `MEMORY_CREDENTIAL` and waits a few milliseconds between dials. Not started. */
export const createMemoryWorker = (
  dialer: Dialer | undefined,
  urls: string | readonly string[],
  options: Partial<ManagerOptions> = {},
): WorkerReconnectionManager =>
  new WorkerReconnectionManager({
    urls,
    credential: MEMORY_CREDENTIAL,
    worker: 'worker-of-tests',
    registration: { name: 'worker of tests', slots: 2, labels: {} },
    backoff: { base: durationMs(5), cap: durationMs(100), leasedCap: durationMs(50) },
    ...(dialer ? { dialer } : {}),
    ...options,
  });
