/** Where a failure happened, as well as it can be told. */
import type { Failure } from '@holdfast/model';

export interface Location {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based; absent when unknown. */
  readonly column?: number;
}

/**
 * The innermost frame of `failure.stack` in the test's own `file`, else the line where the case is written, else nothing.
 * Linear in the length of the stack.
 */
export function failureLocation(one: { readonly file: string; readonly line?: number }, failure: Failure): Location | undefined {
  const stack = failure.stack ?? '';
  const needle = `${one.file}:`;
  for (let at = one.file === '' ? -1 : stack.indexOf(needle); at >= 0; at = stack.indexOf(needle, at + needle.length)) {
    if (at > 0 && !BEFORE_PATH.has(stack[at - 1]!)) continue;
    const match = /^(\d{1,9})(?::(\d{1,9}))?/.exec(stack.slice(at + needle.length, at + needle.length + 24));
    if (match) return { file: one.file, line: Number(match[1]), ...(match[2] === undefined ? {} : { column: Number(match[2]) }) };
  }
  return one.line === undefined ? undefined : { file: one.file, line: one.line };
}

/** Reads lines `from` to `to` (1-based, inclusive) of a project file; undefined when it cannot be read. A port. */
export type ReadLines = (file: string, from: number, to: number) => readonly string[] | undefined;

const BEFORE_PATH: ReadonlySet<string> = new Set(['/', '\\', '(', ' ', '\n', '\t', '"', "'", '@']);
