export { readFingerprintAside } from './fingerprint-aside.ts';
export { type FingerprintPlace, readFingerprint } from './fingerprint.ts';
export {
  type PreparedWorker,
  prepareWorker,
  type RunningWorker,
  startWorker,
  type StartWorkerSettings,
  type WorkerEnd,
  type WorkerEndpoint,
  type WorkerLog,
  type WorkerSettings,
  type WorkerStats,
} from './start.ts';
export { keptWorkerId } from './worker-id.ts';
export type { SpoolSettings } from './worker-spool.ts';
export { keptStoreMark, type StoreMarkKeeper } from './store-mark-file.ts';
