/** The log of a worker's process: one JSON object a line, one file per process. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { WorkerLog } from '@holdfast/worker';
import pino from 'pino';

export interface ProcessLog {
  readonly log: WorkerLog;
  close(): void;
}

/** Opens a log file, made with its folder; `alsoStderr` repeats every line there. Levels below `level` are left out. */
export function openProcessLog(path: string, level: string, alsoStderr = false): ProcessLog {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = pino.destination({ dest: path, sync: true, mode: 0o600 });
  const streams = [
    { level: 'trace' as const, stream: file },
    ...(alsoStderr ? [{ level: 'trace' as const, stream: pino.destination(2) }] : []),
  ];
  const log = pino({ level, base: { pid: process.pid } }, pino.multistream(streams));
  return {
    log: (lineLevel, event, details) => log[lineLevel]({ event, ...details }),
    close() {
      file.flushSync();
      file.end();
    },
  };
}
