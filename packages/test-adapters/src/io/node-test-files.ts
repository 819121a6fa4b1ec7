/** Finds the files that `node --test` would run: the user's patterns, else Node's default ones. */
import { globSync, statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { portable } from './paths.ts';

/**
 * Files relative to `cwd`, sorted. A folder among the patterns stands for the default patterns inside it; patterns that
 * begin with `!` take files out.
 * Throws if no pattern is a glob and none matches: Node refuses to run then.
 * Source: Node's documentation of its test runner, "Running tests from the command line".
 */
export function nodeTestFiles(patterns: readonly string[], cwd: string): string[] {
  const globs =
    patterns.length === 0 ? [DEFAULT_PATTERN] : patterns.filter((each) => !each.startsWith('!')).map((each) => inFolder(each, cwd));
  const ignored = patterns.filter((each) => each.startsWith('!')).map((each) => each.slice(1));
  const find = (each: readonly string[]): string[] =>
    globSync([...each], { cwd, exclude: (entry: unknown) => nameOf(entry) === 'node_modules' }).map((path) =>
      portable(relative(cwd, resolve(cwd, path))),
    );
  const out = new Set(ignored.length === 0 ? [] : find(ignored));
  const files = [...new Set(find(globs))].filter((file) => !out.has(file)).sort();
  if (files.length === 0 && patterns.length > 0 && !globs.some((glob) => MAGIC.test(glob))) {
    throw new Error(`no such test file: ${patterns.join(', ')}`);
  }
  return files;
}

function inFolder(pattern: string, cwd: string): string {
  try {
    if (statSync(resolve(cwd, pattern)).isDirectory()) return `${pattern.replace(/[\\/]+$/, '')}/${DEFAULT_PATTERN}`;
  } catch {
    /* ignored: no folder; the pattern speaks for itself. */
  }
  return pattern;
}

/** Older versions of Node ask with a name, newer ones may ask with an entry. */
const nameOf = (entry: unknown): string => (typeof entry === 'string' ? entry : (entry as { name: string }).name);

const EXTENSIONS = process.features.typescript ? 'js,mjs,cjs,ts,mts,cts' : 'js,mjs,cjs';
const DEFAULT_PATTERN = `**/{test,test/**/*,test-*,*[._-]test}.{${EXTENSIONS}}`;
const MAGIC = /[*?[\]{}!()]/;
