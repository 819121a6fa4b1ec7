/** Expands the patterns of `--files` into the files that commands get one by one. */
import { glob } from 'tinyglobby';

/**
 * Files below `cwd` that match any pattern, relative to it with forward slashes, sorted, each once.
 * Patterns that begin with `!` take files out. What is in node_modules or .git never matches.
 */
export async function expandFiles(globs: readonly string[], cwd: string): Promise<readonly string[]> {
  const files = await glob([...globs], {
    cwd,
    ignore: ['**/node_modules/**', '**/.git/**'],
    onlyFiles: true,
    // A folder stands for itself, not for all below it.
    expandDirectories: false,
    dot: false,
    followSymbolicLinks: false,
  });
  return [...new Set(files.map((file) => file.replace(/^\.\//, '')))].sort();
}
