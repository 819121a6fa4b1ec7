/** Failures within the limits of the model: message 8 KiB, stack and diff 32 KiB each, in bytes of UTF-8. */
import type { Failure } from '@holdfast/model';

export const MESSAGE_BYTES_MAX = 8 * 1024;
export const STACK_BYTES_MAX = 32 * 1024;

/** Builds a failure within its limits. Cut texts say so at their end; lone surrogates are replaced. */
export function boundedFailure(message: string, stack?: string, diff?: string): Failure {
  return {
    message: boundedText(message, MESSAGE_BYTES_MAX) || 'no message',
    ...(stack ? { stack: boundedText(stack, STACK_BYTES_MAX) } : {}),
    ...(diff ? { diff: boundedText(diff, STACK_BYTES_MAX) } : {}),
  };
}

/** A title of a suite or test within 1 KiB: some are made from whole data sets. */
export const boundedTitle = (title: string): string => boundedText(title, TITLE_BYTES_MAX);

/** The longest beginning of a text that has at most `bytesMax` bytes in UTF-8, marked if it was cut. */
export function boundedText(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax) return text.toWellFormed();
  let bytes = 0;
  let fits = 0;
  // Only what can fit is walked: a text of 100 MB costs as much as one of 32 KiB.
  for (const char of text.slice(0, bytesMax + 1)) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > bytesMax) return text.slice(0, fits).toWellFormed() + CUT;
    if (bytes <= bytesMax - CUT_BYTES) fits += char.length;
  }
  return text.toWellFormed();
}

const TITLE_BYTES_MAX = 1024;
const CUT = ' [cut]';
const CUT_BYTES = CUT.length;
