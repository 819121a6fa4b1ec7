/** Cleans what a runner says about a failure: colours removed, within the limits of the model. */
import { stripVTControlCharacters } from 'node:util';
import type { Failure } from '@holdfast/model';
import { boundedFailure, MESSAGE_BYTES_MAX, STACK_BYTES_MAX } from '../failure.ts';

/** Builds a failure from a runner's texts. */
export const failureOf = (message: string, stack?: string, diff?: string): Failure =>
  boundedFailure(plain(message, MESSAGE_BYTES_MAX), plain(stack ?? '', STACK_BYTES_MAX), plain(diff ?? '', STACK_BYTES_MAX));

/** The failure that an unknown thrown value stands for. */
export function failureOfThrown(value: unknown, prefix = ''): Failure {
  if (typeof value !== 'object' || value === null) return failureOf(`${prefix}${String(value)}`);
  const { name, message, stack } = value as { name?: unknown; message?: unknown; stack?: unknown };
  const text = typeof message === 'string' ? message : 'something that is no error was thrown';
  return failureOf(
    `${prefix}${typeof name === 'string' && name !== 'Error' ? `${name}: ` : ''}${text}`,
    typeof stack === 'string' ? stack : undefined,
  );
}

/** Cut before cleaning: a message of 100 MB must not be walked through. Colours at most double a text worth showing. */
const plain = (text: string, bytesMax: number): string => stripVTControlCharacters(text.slice(0, bytesMax * 2 + 1));
