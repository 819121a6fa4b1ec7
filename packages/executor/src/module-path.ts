/** Decides what the `path` of a module task may mean: a file of the run, or a package installed there. Nothing else. */
import { existsSync, realpathSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { isAbsolute, join, win32 } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bad, ok, type Result } from '@holdfast/kernel';
import { resolveInside } from './folders.ts';

/** The specifier to import: a `file:` URL, or the name of a package. A file wins over a package of the same name. */
export function moduleSpecifier(folder: string, path: string, folders: readonly string[]): Result<string, string> {
  if (!isPlain(path)) return bad(`policy_denied: a module is a path inside the run's folder or a package, not ${JSON.stringify(path)}`);
  if (path.startsWith('./') || existsSync(join(folder, path))) {
    const place = resolveInside(folder, path, [realpathSync(folder)]);
    if (!place.ok) return place;
    const allowed = resolveInside(folder, path, folders);
    return allowed.ok ? ok(pathToFileURL(allowed.value).href) : allowed;
  }
  if (isBuiltin(path)) return bad(`policy_denied: ${path} is a module of Node itself`);
  return PACKAGE.test(path) ? ok(path) : bad(`module not found: ${path}`);
}

function isPlain(path: string): boolean {
  if (path === '' || path.includes('\0') || path.includes('\\')) return false;
  if (isAbsolute(path) || win32.isAbsolute(path) || /^[A-Za-z][A-Za-z0-9+.-]*:/.test(path)) return false;
  return !path.split('/').includes('..');
}

const PACKAGE = /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*(?:\/[\w.~@-]+)*$/i;
