export { openProcessLog, type ProcessLog } from './process-log.ts';
export { type ServeWorkerIo, serveWorker } from './serve.ts';
