/** A coordinator in this process and its workers beside it: all that a run without `--connect` needs. */
import { type Client, createClient } from '@holdfast/client';
import { CodedError } from '@holdfast/kernel';
import type { RunningCoordinator } from '@holdfast/coordinator';
import { type PoolOptions, startWorkerPool, type WorkerPool } from './worker-pool.ts';

export interface LocalFleet {
  readonly client: Client;
  readonly coordinator: RunningCoordinator;
  /** Rejects when the run cannot go on here: the store is in doubt, or every worker keeps dying. */
  readonly failed: Promise<never>;
  /** Sends all workers but the first `count` home. */
  keepWorkers(count: number): void;
  /** Ends the workers and the hosts of the suite; resolves with the global teardowns that failed, a sentence each. */
  takeDown(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface LocalFleetOptions {
  readonly data: string;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Absent: no workers. */
  readonly pool?: PoolOptions;
}

/** Starts both at the same time; resolves when the coordinator listens and the workers know where. */
export async function startLocalFleet(options: LocalFleetOptions): Promise<LocalFleet> {
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {
    /* ignored: whoever awaits it hears it. */
  });
  const teardownErrors: string[] = [];
  let coordinator: RunningCoordinator | undefined;
  // Processes start slowly: they are on their way before the store is open.
  const pool: WorkerPool | undefined =
    options.pool &&
    startWorkerPool(options.pool, {
      died: (worker, reason) => coordinator?.reportDeath(worker.id, worker.incarnation, `${worker.name}: ${reason}`),
      teardownFailed: (reason) => teardownErrors.push(reason),
      exhausted: (reason) => failure.reject(workersLost(reason, options.pool!.logs)),
    });
  try {
    // Loaded here: what it consists of is much, and the workers and the list of tests need none of it.
    const { startCoordinator } = await import('@holdfast/coordinator');
    coordinator = await startCoordinator({
      dataFolder: options.data,
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: options.logLevel,
    });
  } catch (error) {
    await pool?.close();
    throw error;
  }
  coordinator.fenced.catch((error: unknown) => failure.reject(error));
  const { url, adminToken } = coordinator;
  pool?.connect(url, await coordinator.mintToken(['worker:register'], 'local workers'));
  const client = createClient({ url, token: adminToken });
  return {
    client,
    coordinator,
    failed: failure.promise,
    keepWorkers: (count) => pool?.keep(count),
    async takeDown() {
      await pool?.close();
      return [...new Set(teardownErrors)];
    },
    async close() {
      await pool?.close();
      client.close();
      await coordinator.close();
    },
  };
}

const workersLost = (reason: string, logs: string): CodedError =>
  new CodedError(
    'WORKERS_LOST',
    `keep a worker alive: every one died again and again, at last because ${reason}; their logs are in ${logs}`,
    {
      details: { exitCode: 3 },
    },
  );
