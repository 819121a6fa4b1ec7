export { type FingerprintPlace, readFingerprint } from './fingerprint.ts';
export { type RunningWorker, startWorker, type StartWorkerSettings, type WorkerEnd, type WorkerLog } from './start.ts';
export { keptWorkerId } from './worker-id.ts';
