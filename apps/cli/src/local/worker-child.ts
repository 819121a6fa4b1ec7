/**
 * A local worker of one run, started by `holdfast run`. Its settings come as a JSON line on standard input, its coordinator
 * as another; the hosts of its suite start in between. The end of that stream means that the run's process is gone: then it
 * stops what runs and leaves.
 */
import { enableCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import type { PreparedWorker, RunningWorker } from '@holdfast/worker';
import type { ChildEndpoint, ChildSettings } from './child-settings.ts';

enableCompileCache?.();
// The rest loads behind the cache.
const [{ prepareWorker }, { openProcessLog }] = await Promise.all([import('@holdfast/worker'), import('@holdfast/worker-app')]);

// Ctrl-C in a terminal reaches the whole group: the run's process decides what it means.
process.on('SIGINT', () => {});

let prepared: { readonly worker: PreparedWorker; readonly closeLog: () => void } | undefined;
let running: RunningWorker | undefined;
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const said: unknown = JSON.parse(line);
  if (prepared) connect(prepared.worker, prepared.closeLog, said as ChildEndpoint);
  else prepared = prepare(said as ChildSettings);
});
lines.once('close', () => {
  if (running) running.stop('the run ended');
  else void Promise.resolve(prepared?.worker.close()).finally(() => process.exit(0));
});

function prepare(settings: ChildSettings): { worker: PreparedWorker; closeLog: () => void } {
  const { log, close } = openProcessLog(settings.logFile, settings.logLevel);
  return { worker: prepareWorker({ ...settings.worker, log, teardownFailed }), closeLog: close };
}

function teardownFailed(reason: string): void {
  process.stdout.write(`${JSON.stringify({ teardownFailed: reason })}\n`);
}

function connect(worker: PreparedWorker, closeLog: () => void, endpoint: ChildEndpoint): void {
  const current = worker.connect(endpoint);
  running = current;
  process.on('SIGTERM', () => current.drain('SIGTERM'));
  process.stdout.write(`${JSON.stringify({ incarnation: current.incarnation })}\n`);
  current.ended.then(
    ({ code }) => {
      closeLog();
      process.exit(code === 0 ? 0 : 1);
    },
    (error: unknown) => {
      process.stderr.write(`${(error as Error)?.stack ?? String(error)}\n`);
      process.exit(1);
    },
  );
}
