/**
 * Finds and reads `holdfast.config.{ts,js,mjs,json}`.
 *
 * L1 The search goes from the working folder up to the root of its repository (the folder that holds `.git`) and no
 *    further; outside a repository only the working folder counts. A file of somebody else's home never applies.
 * L2 TypeScript is read by Node's own type stripping: no compiler, no cache, and no syntax that needs one.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CodedError, errorText } from '@holdfast/kernel';
import { checkConfig } from '../check.ts';
import { CONFIG_EXIT_CODE, invalidConfig } from '../mistakes.ts';
import type { HoldfastConfig } from '../settings.ts';

/** A configuration and where it came from. */
export interface LoadedConfig {
  readonly config: HoldfastConfig;
  /** Absolute; undefined when there is no file, and `config` is then empty. */
  readonly path: string | undefined;
}

export interface LoadOptions {
  /** The folder where the search starts. */
  readonly cwd: string;
  /** A file named by the user, relative to `cwd`: no search, and it must exist. */
  readonly file?: string | undefined;
}

/** The file names in the order in which they are looked for. */
export const CONFIG_FILES = ['holdfast.config.ts', 'holdfast.config.js', 'holdfast.config.mjs', 'holdfast.config.json'] as const;

/** The configuration that holds in a folder. Errors: `CONFIG_INVALID`, `CONFIG_UNREADABLE`. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const path = options.file === undefined ? findConfig(options.cwd) : resolve(options.cwd, options.file);
  if (path === undefined) return { config: {}, path: undefined };
  const checked = checkConfig(await readConfig(path), path);
  if (!checked.ok) throw checked.problem;
  return { config: checked.value, path };
}

/** The absolute path of the nearest configuration file (L1). Errors: `CONFIG_INVALID` for two in one folder. */
export function findConfig(cwd: string): string | undefined {
  for (const folder of foldersUp(resolve(cwd))) {
    const [found, second] = CONFIG_FILES.filter((name) => existsSync(join(folder, name)));
    if (found !== undefined && second !== undefined) {
      throw invalidConfig([{ key: '', where: folder, message: `both ${found} and ${second} are there; keep one of them` }]);
    }
    if (found !== undefined) return join(folder, found);
  }
  return undefined;
}

function foldersUp(cwd: string): string[] {
  const folders = [cwd];
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (folder !== cwd) folders.push(folder);
    if (existsSync(join(folder, '.git'))) return folders;
    if (dirname(folder) === folder) return [cwd];
  }
}

async function readConfig(path: string): Promise<unknown> {
  if (!isAbsolute(path) || !existsSync(path)) throw unreadable(path, 'there is no such file');
  if (path.endsWith('.json')) return parseJson(path);
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
  } catch (error) {
    throw unreadable(path, reasonOf(error), error);
  }
  if (module.default === undefined) throw unreadable(path, 'it has no default export; write export default defineConfig({ ... })');
  return module.default;
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (error) {
    throw unreadable(path, errorText(error), error);
  }
}

/** What a user can do about a module that does not load. */
function reasonOf(error: unknown): string {
  const code = (error as { readonly code?: unknown }).code;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
    return `Node ${process.versions.node} cannot read TypeScript; use Node 22.18 or later, or a .mjs or .json file`;
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return `it uses TypeScript syntax that is more than types (enum, namespace, parameter property): ${errorText(error)}`;
  if (code === 'ERR_INVALID_TYPESCRIPT_SYNTAX') return `a syntax error: ${errorText(error)}`;
  if (code === 'ERR_MODULE_NOT_FOUND') return `${errorText(error)}; install what it imports, or export a plain object`;
  return `it threw: ${errorText(error)}`;
}

function unreadable(path: string, reason: string, cause?: unknown): CodedError {
  return new CodedError('CONFIG_UNREADABLE', `read ${path}: ${reason}`, { details: { path, exitCode: CONFIG_EXIT_CODE }, cause });
}
