/** The log of the process: one JSON object a line, to `<data>/logs/coordinator.log` and, when asked, to stderr. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import type { StartCoordinatorSettings } from './options.ts';

export type { Logger } from 'pino';

/**
 * One that shows what it stands for: what would move the cursor, turn the writing around or break the line of a reader.
 * `JSON.stringify` escapes the ASCII ones alone; in JSON text the others occur inside strings only.
 */
const UNSEEN = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const visible = (line: string): string =>
  line.replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Opens the log. Tokens never reach it: no header, query string or body is ever logged. */
export function openLog(settings: StartCoordinatorSettings): { readonly log: Logger; close(): void } {
  const folder = join(settings.dataFolder, 'logs');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = pino.destination({ dest: join(folder, 'coordinator.log'), sync: true, mode: 0o600 });
  const level = settings.logLevel ?? 'info';
  const streams = [
    { level: 'trace' as const, stream: escaping(file) },
    ...(settings.logToStderr ? [{ level: 'trace' as const, stream: escaping(pino.destination(2)) }] : []),
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

const escaping = (to: { write(text: string): unknown }) => ({ write: (line: string): void => void to.write(visible(line)) });
