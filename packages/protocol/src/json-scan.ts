/**
 * Measures JSON text before anything is allocated for it: bytes, depth, widths, string lengths.
 * It is not a validator: `JSON.parse` follows.
 *
 * J1 One pass, no recursion, no allocation that grows with the text: 10^5 brackets cost no more than 10^5 letters.
 * J2 The same scan guards both directions, so that a sender learns what every receiver would refuse.
 */
import { LIMITS } from './limits.ts';

export interface JsonMeasure {
  /** Bytes of the text as UTF-8. */
  readonly bytes: number;
  /** Which limit it breaks. */
  readonly problem: string | undefined;
}

/** Measures `text`, which must be well-formed UTF-16. O(length). */
export function scanJson(text: string, depthMax: number = LIMITS.depthMax): JsonMeasure {
  const length = text.length;
  const commas: number[] = [0];
  const commasMax: number[] = [0];
  let wide = 0;
  let depth = 0;
  let stringAt = -1;
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 127) wide += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2;
    if (stringAt >= 0) {
      if (code === BACKSLASH) index += 1;
      else if (code === QUOTE) {
        if (index - stringAt > LIMITS.stringMax + 1) return broken(length, `string of ${index - stringAt - 1} units`);
        stringAt = -1;
      }
    } else if (code === QUOTE) stringAt = index;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
      if (depth > depthMax) return broken(length, `nested deeper than ${depthMax}`);
      commas[depth] = 0;
      commasMax[depth] = (code === OPEN_BRACE ? LIMITS.keysMax : LIMITS.elementsMax) - 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth = depth > 0 ? depth - 1 : 0;
    else if (code === COMMA && depth > 0) {
      const count = commas[depth]! + 1;
      if (count > commasMax[depth]!) return broken(length, `more than ${commasMax[depth]! + 1} members`);
      commas[depth] = count;
    }
  }
  if (stringAt >= 0) return broken(length, 'unfinished string');
  return { bytes: length + wide, problem: undefined };
}

const broken = (length: number, problem: string): JsonMeasure => ({ bytes: length, problem });

const QUOTE = 34;
const COMMA = 44;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
