/** Bounds and cleans what a runner says about a failure, so that one huge diff cannot stop a run. */
import { stripVTControlCharacters } from 'node:util';
import type { Failure } from '@holdfast/model';

/** Builds a failure within its limits: message 8 KiB, stack and diff 32 KiB each, colours removed, text well-formed. */
export function failureOf(message: string, stack?: string, diff?: string): Failure {
  return {
    message: clean(message, MESSAGE_BYTES_MAX) || 'no message',
    ...(stack ? { stack: clean(stack, STACK_BYTES_MAX) } : {}),
    ...(diff ? { diff: clean(diff, STACK_BYTES_MAX) } : {}),
  };
}

/** The failure that an unknown thrown value stands for. */
export function failureOfThrown(value: unknown): Failure {
  if (typeof value !== 'object' || value === null) return failureOf(String(value));
  const { name, message, stack } = value as { name?: unknown; message?: unknown; stack?: unknown };
  const text = typeof message === 'string' ? message : JSON.stringify(value);
  return failureOf(typeof name === 'string' && name !== 'Error' ? `${name}: ${text}` : text, typeof stack === 'string' ? stack : undefined);
}

function clean(text: string, bytesMax: number): string {
  // Cut before cleaning: a 100 MB message must not be walked through.
  const plain = stripVTControlCharacters(text.slice(0, bytesMax * 2)).toWellFormed();
  if (plain.length * 3 <= bytesMax) return plain;
  const bytes = Buffer.from(plain);
  if (bytes.length <= bytesMax && text.length <= bytesMax * 2) return plain;
  let end = Math.min(bytes.length, bytesMax - CUT_BYTES);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end) + CUT;
}

const MESSAGE_BYTES_MAX = 8 * 1024;
const STACK_BYTES_MAX = 32 * 1024;
const CUT = ' … (cut)';
const CUT_BYTES = Buffer.byteLength(CUT);
