/**
 * Where attempts may work: every path is resolved with its links, then must lie inside a folder of the policy.
 *
 * A problem that starts with `policy_denied:` is the owner's decision; any other is a mistake or a missing file.
 */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { bad, errorText, ok, type Result } from '@holdfast/kernel';

/** The folder that `path` names from `base`, links resolved, if it is a folder inside one of `folders`. */
export function resolveFolder(base: string, path: string | undefined, folders: readonly string[]): Result<string, string> {
  const place = resolveInside(base, path ?? '.', folders);
  if (!place.ok) return place;
  return statSync(place.value).isDirectory() ? place : bad(`${JSON.stringify(path)} is not a folder`);
}

/** The existing file or folder that `path` names from `base`, links resolved, if it lies inside one of `folders`. */
export function resolveInside(base: string, path: string, folders: readonly string[]): Result<string, string> {
  if (path.includes('\0')) return bad('policy_denied: a path contains a NUL byte');
  let real: string;
  try {
    real = realpathSync(resolve(base, path));
  } catch (error) {
    // Whether something outside exists is not told.
    if (!folders.some((folder) => contains(realOr(folder), resolve(realOr(base), path)))) return bad(outside(path));
    return bad(`${JSON.stringify(path)} cannot be used: ${errorText(error)}`);
  }
  return folders.some((folder) => contains(realOr(folder), real)) ? ok(real) : bad(outside(path));
}

/** The folders with their links resolved; what does not exist stays as it is. */
export const realFolders = (folders: readonly string[]): string[] => folders.map(realOr);

/** Whether `path` is `folder` or lies in it. Both absolute and resolved. */
export function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** The program that `name` means: a path from `cwd` if it has a slash, else the first executable on `path`. */
export function findProgram(name: string, cwd: string, path: string | undefined): Result<string, string> {
  if (name === '' || name.includes('\0')) return bad('the name of the program is malformed');
  if (process.platform === 'win32') return ok(name);
  const candidates = name.includes('/') ? [resolve(cwd, name)] : (path ?? '').split(delimiter).map((folder) => resolve(cwd, folder, name));
  let problem = `command not found: ${name}`;
  for (const candidate of candidates) {
    try {
      if (!statSync(candidate).isFile()) continue;
      accessSync(candidate, constants.X_OK);
      return ok(candidate);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') problem = `permission denied: ${name}`;
    }
  }
  return bad(problem);
}

/** The same text for the same entry of a folder, links in the folder resolved, a link at the end not: one binary may serve many names. */
export function canonicalProgram(path: string): string {
  return join(realOr(dirname(path)), basename(path));
}

function realOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    /* ignored: what does not exist contains nothing. */
    return resolve(path);
  }
}

const outside = (path: string): string => `policy_denied: ${JSON.stringify(path)} is outside the folders that this worker allows`;
