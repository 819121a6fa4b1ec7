/** What a coordinator consists of beside its node and its sockets, opened in order and closed in reverse. */
import { type BlobService, openBlobService } from './blob-service.ts';
import { coordinatorName } from './local-files.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { addNodeMetrics, type NodeMetrics } from './node-metrics.ts';
import { DEFAULT_EDGE_LIMITS, type EdgeLimits, type StartCoordinatorSettings } from './options.ts';
import { type Logger, openLog } from './process-log.ts';
import { createRunEvents, type RunEvents } from './run-events.ts';
import { openRunLogs, type RunLogs } from './run-logs.ts';
import { openStore, type Store } from './store.ts';
import { openTokens, type TokenService } from './token-service.ts';

/** Closes what was opened last first. */
export interface Cleanup {
  add(close: () => Promise<void> | void): void;
  /** Repeated calls wait for the first. */
  run(): Promise<void>;
}

export interface Services {
  /** Who this coordinator is in its store. */
  readonly id: string;
  /** The store may lose what it acknowledged, and its operator wants that. */
  readonly notDurable: boolean;
  readonly limits: EdgeLimits;
  readonly log: Logger;
  readonly store: Store;
  readonly tokens: TokenService;
  readonly events: RunEvents;
  readonly logs: RunLogs;
  readonly blobs: BlobService;
  readonly metrics: Metrics;
  readonly watch: NodeMetrics;
}

/** Creates an empty cleanup. */
export function createCleanup(): Cleanup {
  const closers: (() => Promise<void> | void)[] = [];
  let running: Promise<void> | undefined;
  const runAll = async (): Promise<void> => {
    for (let close = closers.pop(); close; close = closers.pop()) await close();
  };
  return {
    add: (close) => void closers.push(close),
    run: () => (running ??= runAll()),
  };
}

/** Opens log, store and tokens. Errors: those of the store. */
export async function openServices(settings: StartCoordinatorSettings, cleanup: Cleanup): Promise<Services> {
  const limits = { ...DEFAULT_EDGE_LIMITS, ...settings.limits };
  const { log, close } = openLog(settings);
  cleanup.add(close);
  const id = settings.store === undefined ? 'main' : (settings.name ?? coordinatorName(settings.dataFolder));
  const store = await openStore(settings, id, log);
  cleanup.add(() => store.close());
  const blobs = await openBlobService(settings.dataFolder, store, limits, log);
  cleanup.add(() => blobs.close());
  const tokens = await openTokens(store);
  const logs = openRunLogs(settings.dataFolder, limits.logBytesPerAttemptMax, (error) =>
    log.warn({ event: 'log.failed', err: error }, 'task logs could not be written'),
  );
  cleanup.add(() => logs.flush());
  const metrics = createMetrics();
  const watch = addNodeMetrics(metrics);
  cleanup.add(watch.stop);
  return {
    id,
    notDurable: settings.notDurable ?? false,
    limits,
    log,
    store,
    tokens,
    logs,
    blobs,
    metrics,
    events: createRunEvents(),
    watch,
  };
}
