/** Joins pieces of logs into complete, plain lines. Pieces arrive by (n, epoch, stream), in order, some of them twice. */
import { plainText } from './plain-text.ts';
import type { LogTold } from './run-event.ts';

export interface LogLine {
  readonly name: string;
  readonly text: string;
}

export interface LogLines {
  /** The lines that `event` completes. A rest longer than `REST_MAX` is given out as a line. */
  take(event: LogTold, name: string | undefined): LogLine[];
}

export function createLogLines(): LogLines {
  const rests = new Map<string, string>();
  const nextOffsets = new Map<string, number>();
  return {
    take(event, name) {
      const attempt = `${event.n}.${event.epoch}`;
      // Both streams share one offset: a piece that begins below the next one was told before.
      if (event.offset < (nextOffsets.get(attempt) ?? 0)) return [];
      nextOffsets.set(attempt, event.offset + 1);
      const key = `${attempt}.${event.stream}`;
      const lines = ((rests.get(key) ?? '') + event.text).split('\n');
      const rest = lines.pop()!;
      if (rest.length > REST_MAX) lines.push(rest);
      rests.set(key, rest.length > REST_MAX ? '' : rest);
      return lines.map((line) => ({ name: plainText(name ?? `task ${event.n}`), text: plainText(line).replaceAll('\n', '') }));
    },
  };
}

const REST_MAX = 65_536;
