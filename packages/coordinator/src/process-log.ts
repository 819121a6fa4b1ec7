/** The log of the process: one JSON object a line, to `<data>/logs/coordinator.log` and, when asked, to stderr. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import type { StartCoordinatorSettings } from './options.ts';

export type { Logger } from 'pino';

/** Opens the log. Tokens never reach it: no header, query string or body is ever logged. */
export function openLog(settings: StartCoordinatorSettings): { readonly log: Logger; close(): void } {
  const folder = join(settings.dataFolder, 'logs');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = pino.destination({ dest: join(folder, 'coordinator.log'), sync: true, mode: 0o600 });
  const level = settings.logLevel ?? 'info';
  const streams = [
    { level: 'trace' as const, stream: file },
    ...(settings.logToStderr ? [{ level: 'trace' as const, stream: pino.destination(2) }] : []),
  ];
  const log = pino({ level, base: { pid: process.pid } }, pino.multistream(streams));
  return {
    log,
    close() {
      file.flushSync();
      file.end();
    },
  };
}
