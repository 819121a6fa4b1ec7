/** A module's state on its way to the next attempt: its JSON text as bytes, whatever its shape. */
import { type State, STATE_BYTES_MAX } from '@holdfast/checkpoint-store/envelope';
import type { Json } from '@holdfast/model';

/** The state as text. Throws `TypeError` for what JSON cannot hold, `RangeError` beyond `STATE_BYTES_MAX`. */
export function packState(state: unknown): string {
  const text = JSON.stringify(state) as string | undefined;
  if (text === undefined) throw new TypeError('save a checkpoint: the state is no JSON value');
  const bytes = Buffer.byteLength(text);
  if (bytes > STATE_BYTES_MAX) {
    throw new RangeError(`save a checkpoint: it has ${bytes} bytes, at most ${STATE_BYTES_MAX} are kept; save the name of a file instead`);
  }
  return text;
}

/** The state of a packed one. Throws `SyntaxError` for anything else. */
export const unpackState = ({ bytes }: State): Json => JSON.parse(new TextDecoder().decode(bytes)) as Json;
