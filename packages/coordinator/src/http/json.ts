/**
 * Reads outside JSON within limits: depth before parsing, everything else in one walk after it.
 *
 * J1 Nothing read here carries a key `__proto__`, a NUL, a lone surrogate or a number that is not finite.
 */
import { bad, ok, type Result } from '@holdfast/kernel';

const JSON_LIMITS = { depthMax: 32, keysMax: 1000, itemsMax: 10_000, stringMax: 262_144 } as const;

/** Parses `text`. The problem is a fragment for people. O(length), iterative. */
export function parseJson(text: string): Result<unknown, string> {
  if (depthOf(text) > JSON_LIMITS.depthMax) return bad(`nested deeper than ${JSON_LIMITS.depthMax}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad('not JSON');
  }
  const problem = findProblem(value);
  return problem === undefined ? ok(value) : bad(problem);
}

/** Deepest nesting of brackets outside of strings. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === BACKSLASH) index += 1;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
  }
  return deepest;
}

function findProblem(root: unknown): string | undefined {
  const backlog: unknown[] = [root];
  while (backlog.length > 0) {
    const value = backlog.pop();
    if (typeof value === 'string') {
      const problem = stringProblem(value);
      if (problem) return problem;
    } else if (typeof value === 'number') {
      if (!Number.isFinite(value)) return 'a number out of range';
    } else if (Array.isArray(value)) {
      if (value.length > JSON_LIMITS.itemsMax) return `a list of more than ${JSON_LIMITS.itemsMax}`;
      for (const item of value) backlog.push(item);
    } else if (typeof value === 'object' && value !== null) {
      const keys = Object.keys(value);
      if (keys.length > JSON_LIMITS.keysMax) return `an object of more than ${JSON_LIMITS.keysMax} keys`;
      for (const key of keys) {
        if (key === '__proto__') return 'a key named __proto__';
        const problem = stringProblem(key);
        if (problem) return problem;
        backlog.push((value as Record<string, unknown>)[key]);
      }
    }
  }
  return undefined;
}

function stringProblem(text: string): string | undefined {
  if (text.length > JSON_LIMITS.stringMax) return `a string of more than ${JSON_LIMITS.stringMax} characters`;
  if (text.includes('\0')) return 'a string with a NUL';
  return text.isWellFormed() ? undefined : 'a string that is not well-formed Unicode';
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
