/**
 * What an attempt prints, on its way out: decoded, masked, bounded, counted. Never blocks the process, never grows.
 *
 * L1 Offsets: each piece says how many bytes came before it, dropped ones included; a jump shows exactly what is missing.
 * L2 Memory: one chunk, up to 3 bytes of a cut character, and what the masker holds back, per stream.
 * L3 Masking sees all text that may leave, without seams: after dropped bytes it starts anew on the safe side.
 *
 * Bytes are counted as they leave, after decoding (an invalid byte becomes the 3 of U+FFFD) and masking; what is dropped
 * unread is counted as it came. For valid text without secrets both are the bytes that were printed.
 */
import type { Clock } from '@holdfast/kernel';
import { createMasker, type Masker, type Pattern } from './mask.ts';

export type Stream = 'out' | 'err';

/** Limits of the log of one attempt. */
export interface LogLimits {
  /** Bytes of one line; the rest of a longer one is dropped. Default 64 KiB. */
  readonly lineBytesMax: number;
  /** Bytes per second, and the burst. Default 1 MiB. */
  readonly bytesPerSecondMax: number;
  /** Bytes of the whole attempt; all after is dropped. Default 10 MiB. */
  readonly bytesMax: number;
}

export const LOG_LIMITS: LogLimits = { lineBytesMax: 64 * 1024, bytesPerSecondMax: 1024 * 1024, bytesMax: 10 * 1024 * 1024 };

export interface LogSink {
  push(stream: Stream, chunk: Buffer): void;
  /** Lets out what is held back: the streams have ended. */
  flush(): void;
  totals(): { readonly bytes: number; readonly droppedBytes: number };
}

/** Makes the sink of one attempt; `emit` receives pieces of at most 64 KiB. */
export function createLogSink(
  secrets: readonly Pattern[],
  clock: Clock,
  emit: (offset: number, stream: Stream, text: string) => void,
  limits: LogLimits = LOG_LIMITS,
): LogSink {
  let bytes = 0;
  let droppedBytes = 0;
  /** The attempt's limit was reached: nothing leaves any more. */
  let exhausted = false;
  const drop = (count: number): void => void (droppedBytes += count);
  const newPipe = (): Pipe => ({
    masker: createMasker(secrets, (text) => drop(Buffer.byteLength(text))),
    rest: NOTHING,
    seam: false,
    lineBytes: 0,
  });
  /** Most attempts print to one of them, or to none. */
  const pipes: Partial<Record<Stream, Pipe>> = {};
  const pipeOf = (stream: Stream): Pipe => (pipes[stream] ??= newPipe());
  const mayPass = createRate(limits.bytesPerSecondMax, clock);

  const leave = (stream: Stream, data: Buffer): void => {
    let from = 0;
    while (!exhausted && from < data.length) {
      const end = wholeCharacters(data, Math.min(data.length, from + PIECE_BYTES_MAX, from + limits.bytesMax - bytes));
      if (end <= from) exhausted = true;
      else emit(bytes + droppedBytes, stream, data.toString('utf8', from, end));
      bytes += Math.max(0, end - from);
      from = Math.max(from, end);
    }
    drop(data.length - from);
  };
  const write = (stream: Stream, text: string): void => {
    if (text === '') return;
    const data = Buffer.from(text);
    const pipe = pipeOf(stream);
    if (pipe.lineBytes + data.length <= limits.lineBytesMax) {
      const newline = data.lastIndexOf(10);
      pipe.lineBytes = newline < 0 ? pipe.lineBytes + data.length : data.length - newline - 1;
      leave(stream, data);
      return;
    }
    let keptFrom = 0;
    for (let from = 0; from < data.length;) {
      const newline = data.indexOf(10, from);
      const end = newline < 0 ? data.length : newline;
      const room = Math.max(0, limits.lineBytesMax - pipe.lineBytes);
      if (end - from <= room) pipe.lineBytes += end - from;
      else {
        const cut = Math.max(from, wholeCharacters(data, from + room));
        leave(stream, data.subarray(keptFrom, cut));
        drop(end - cut);
        keptFrom = end;
        // A character that did not fit closes the line: nothing after it may slip into the room that is left.
        pipe.lineBytes = limits.lineBytesMax;
      }
      if (newline < 0) break;
      pipe.lineBytes = 0;
      from = newline + 1;
    }
    leave(stream, data.subarray(keptFrom));
  };

  return {
    push(stream, chunk) {
      const pipe = pipeOf(stream);
      if (exhausted || !mayPass(chunk.length)) {
        pipe.masker.resync();
        drop(pipe.rest.length + chunk.length);
        pipe.rest = NOTHING;
        pipe.seam = true;
        return;
      }
      let data = pipe.rest.length === 0 ? chunk : Buffer.concat([pipe.rest, chunk]);
      if (pipe.seam) {
        const start = firstCharacter(data);
        drop(start);
        data = data.subarray(start);
        pipe.seam = false;
      }
      const end = data.length - openCharacterBytes(data);
      pipe.rest = Buffer.from(data.subarray(end));
      write(stream, pipe.masker.push(data.toString('utf8', 0, end)));
    },
    flush() {
      for (const stream of ['out', 'err'] as const) {
        const pipe = pipes[stream];
        if (!pipe) continue;
        const text = pipe.masker.push(pipe.rest.toString('utf8')) + pipe.masker.flush();
        pipe.rest = NOTHING;
        write(stream, text);
      }
    },
    totals: () => ({ bytes, droppedBytes }),
  };
}

interface Pipe {
  readonly masker: Masker;
  /** The first bytes of a character whose others have not come yet. */
  rest: Buffer;
  /** Bytes were dropped before what comes next. */
  seam: boolean;
  /** Bytes of the line so far, dropped ones included once it is too long. */
  lineBytes: number;
}

/** A token bucket: says whether so many bytes may pass now. */
function createRate(perSecond: number, clock: Clock): (count: number) => boolean {
  let tokens = perSecond;
  let filledAt = clock.mono();
  return (count) => {
    const now = clock.mono();
    tokens = Math.min(perSecond, tokens + ((now - filledAt) * perSecond) / 1000);
    filledAt = now;
    if (count > tokens) return false;
    tokens -= count;
    return true;
  };
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** `end`, or up to 3 bytes less so that no character is cut. */
function wholeCharacters(data: Buffer, end: number): number {
  let at = end;
  while (at > 0 && at < data.length && isContinuation(data[at])) at -= 1;
  return at;
}

/** How many bytes at the start belong to a character whose start is missing. */
function firstCharacter(data: Buffer): number {
  let at = 0;
  while (at < 3 && isContinuation(data[at])) at += 1;
  return at;
}

/** How many bytes at the end begin a character that is not complete. */
function openCharacterBytes(data: Buffer): number {
  for (let back = 1; back <= Math.min(3, data.length); back += 1) {
    const byte = data[data.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? back : 0;
  }
  return 0;
}

const NOTHING = Buffer.alloc(0);
/** A NUL is written as six characters in JSON, and a string on the wire has at most 262,144. */
const PIECE_BYTES_MAX = 40_000;
