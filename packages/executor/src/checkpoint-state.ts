/**
 * A module's state on its way to the next attempt: its JSON text in pieces, so that no shape of the user's data
 * (a long string, a large array, deep nesting) meets a limit of the wire. Only the size does.
 */
import type { Json } from '@holdfast/model';

/** The state in pieces. Throws `TypeError` for what JSON cannot hold, `RangeError` beyond `CHECKPOINT_BYTES_MAX`. */
export function packState(state: unknown): readonly string[] {
  const text = JSON.stringify(state) as string | undefined;
  if (text === undefined) throw new TypeError('save a checkpoint: the state is no JSON value');
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    // Never between the halves of a pair: each piece is well-formed by itself.
    const end = from + PIECE_LENGTH - (isHighSurrogate(text.charCodeAt(from + PIECE_LENGTH - 1)) ? 1 : 0);
    pieces.push(text.slice(from, end));
    from = end;
  }
  const bytes = Buffer.byteLength(JSON.stringify(pieces));
  if (bytes > CHECKPOINT_BYTES_MAX) {
    throw new RangeError(
      `save a checkpoint: it has ${bytes} bytes on the wire, at most ${CHECKPOINT_BYTES_MAX} are carried; keep large state in a file and save its name`,
    );
  }
  return pieces;
}

/** The state of a packed one. Throws `SyntaxError` for anything else: it was changed on its way. */
export function unpackState(pieces: Json): Json {
  return JSON.parse((pieces as readonly string[]).join('')) as Json;
}

/** Bytes of a packed state as JSON: with the rest of an assignment it stays below what one message carries. */
export const CHECKPOINT_BYTES_MAX = 384 * 1024;
/** UTF-16 units; written as a JSON string at most twice as many. */
const PIECE_LENGTH = 65_536;
const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
