/** What is wrong with a configuration, in words that name the place, the value and the likely intention. */
import { CodedError } from '@holdfast/kernel';
import type { z } from 'zod';
import { nearest } from './nearest.ts';

/** The exit code of `CONFIG_*` errors: something that was written down is wrong. */
export const CONFIG_EXIT_CODE = 16;
/** The same when all that is wrong was typed as a flag: a mistake in the usage of the command. */
const USAGE_EXIT_CODE = 2;

/** One wrong place. */
export interface Mistake {
  /** Keys and list positions joined by dots: `run.workers`, `worker.policy.commands.0`. */
  readonly key: string;
  /** Where it stands: a file's path, a variable such as HOLDFAST_WORKERS, or a flag such as --workers. */
  readonly where: string;
  /** Completes "failed to ...": `use run.workers: must be ...`. */
  readonly message: string;
  /** The valid key that the unknown one was most likely meant to be. */
  readonly suggestion?: string;
}

/** `CONFIG_INVALID` with the first mistake in the message and all of them in `details.mistakes`. */
export function invalidConfig(mistakes: readonly [Mistake, ...Mistake[]]): CodedError {
  const [first, ...others] = mistakes;
  const rest = others.length === 0 ? '' : ` (and ${others.length} more: ${others.map(({ key }) => key).join(', ')})`;
  return new CodedError('CONFIG_INVALID', `use ${first.where}: ${first.message}${rest}`, {
    details: { ...first, mistakes, exitCode: mistakes.every(({ where }) => where.startsWith('--')) ? USAGE_EXIT_CODE : CONFIG_EXIT_CODE },
  });
}

/** `key` is not a setting; `siblings` are the full keys that are. */
function unknownKey(key: string, where: string, siblings: readonly string[]): Mistake {
  const prefix = key.slice(0, key.length - last(key).length);
  const near = nearest(last(key), siblings.map(last));
  if (near !== undefined) {
    const suggestion = prefix + near;
    return { key, where, suggestion, message: `${key} is not a setting; did you mean ${suggestion}?` };
  }
  return { key, where, message: `${key} is not a setting; known are ${siblings.map(last).join(', ')}` };
}

/** A value of the wrong kind. */
export function wrongValue(key: string, where: string, words: string, value: unknown): Mistake {
  return { key, where, message: `${key} must be ${words}${SECRET_KEYS.has(last(key)) ? '' : `, not ${shown(value)}`}` };
}

/** Turns what a schema found into mistakes. `wordsAt` gives the words of the nearest described ancestor, `keysAt` the keys that a place may have. */
export function mistakesOf(
  issues: readonly z.core.$ZodIssue[],
  place: {
    readonly where: string;
    readonly root: string;
    readonly value: unknown;
    readonly words: (path: readonly string[]) => string;
    readonly keys: (path: readonly string[]) => readonly string[];
  },
): Mistake[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String);
    const prefix = [...(place.root === '' ? [] : [place.root]), ...path];
    if (issue.code === 'unrecognized_keys') {
      const siblings = place.keys(path).map((key) => [...prefix, key].join('.'));
      return issue.keys.map((key) => unknownKey([...prefix, key].join('.'), place.where, siblings));
    }
    return [wrongValue(prefix.join('.') || 'the configuration', place.where, place.words(path), valueAt(place.value, path))];
  });
}

const last = (key: string): string => key.slice(key.lastIndexOf('.') + 1);

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined),
    value,
  );
}

/** A value in one short line. */
function shown(value: unknown): string {
  if (value === undefined) return 'absent';
  if (typeof value === 'function') return 'a function';
  const json = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return json.length > SHOWN_LENGTH_MAX ? `${json.slice(0, SHOWN_LENGTH_MAX)}...` : json;
}

/** Never shown, even when mistyped. */
const SECRET_KEYS: ReadonlySet<string> = new Set(['token']);
const SHOWN_LENGTH_MAX = 80;
