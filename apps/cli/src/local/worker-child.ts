/**
 * A local worker of one run, started by `holdfast run`. Its settings come as one JSON line on standard input, and the
 * end of that stream means that the run's process is gone: then it stops what runs and leaves.
 */
import { enableCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import type { ChildSettings } from './child-settings.ts';

enableCompileCache?.();
// The rest loads behind the cache.
const [{ startWorker }, { openProcessLog }] = await Promise.all([import('@holdfast/worker'), import('@holdfast/worker-app')]);

// Ctrl-C in a terminal reaches the whole group: the run's process decides what it means.
process.on('SIGINT', () => {});

const lines = createInterface({ input: process.stdin });
let stopWorker: ((reason: string) => void) | undefined;
lines.once('line', (line) => start(JSON.parse(line) as ChildSettings));
lines.once('close', () => {
  if (stopWorker) stopWorker('the run ended');
  else process.exit(0);
});

function start(settings: ChildSettings): void {
  const { log, close } = openProcessLog(settings.logFile, settings.logLevel);
  const worker = startWorker({ ...settings.worker, log });
  stopWorker = worker.stop;
  process.on('SIGTERM', () => worker.drain('SIGTERM'));
  process.stdout.write(`${JSON.stringify({ incarnation: worker.incarnation })}\n`);
  worker.ended.then(
    ({ code }) => {
      close();
      process.exit(code === 0 ? 0 : 1);
    },
    (error: unknown) => {
      process.stderr.write(`${(error as Error)?.stack ?? String(error)}\n`);
      process.exit(1);
    },
  );
}
