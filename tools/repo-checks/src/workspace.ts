/**
 * The workspace as plain data: every text file by path, and the packages that their manifests describe.
 *
 * W1 Only `readWorkspace` touches the disk. Every check is a function of what it returned, so a test plants a mistake by
 *    handing in other files.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseSource, type Source } from './source.ts';

export type Dependencies = Readonly<Record<string, string>>;

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly version?: string;
  readonly description?: string;
  readonly license?: string;
  readonly type?: string;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly engines?: Readonly<Record<string, string>>;
  readonly publishConfig?: { readonly access?: string };
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Dependencies;
  readonly devDependencies?: Dependencies;
  readonly peerDependencies?: Dependencies;
  readonly optionalDependencies?: Dependencies;
  readonly holdfast?: { readonly pure?: boolean; readonly tool?: boolean; readonly entries?: readonly string[] };
}

export interface Package {
  /** Folder name: `kernel`, `cli`; with `-app` for the other apps, which share names with packages. */
  readonly short: string;
  /** Relative to the root, forward slashes: `packages/kernel`. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** The root is pure; I/O lives in `src/io`. */
  readonly pure: boolean;
  readonly hasIo: boolean;
}

export interface Workspace {
  /** Text by path relative to the root, forward slashes, sorted by path. */
  readonly files: ReadonlyMap<string, string>;
  readonly rootManifest: Manifest;
  /** Sorted by folder. */
  readonly packages: readonly Package[];
  /** The parsed source of a TypeScript or JavaScript file; parsed once. */
  source(path: string): Source;
}

/** A broken rule. */
export interface Finding {
  /** The check's name. */
  readonly check: string;
  /** `path` or `path:line`. */
  readonly path: string;
  readonly message: string;
}

/** One rule over the whole workspace. */
export type Check = (workspace: Workspace) => readonly Finding[];

/** Reads all text files of the repository at `root` that people write. */
export function readWorkspace(root: string): Workspace {
  const files = new Map<string, string>();
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    // In a linked work tree .git is a file, and git writes it.
    if (entry.isFile() && isText(entry.name) && !SKIPPED.has(entry.name))
      files.set(entry.name, readFileSync(join(root, entry.name), 'utf8'));
  }
  for (const area of AREAS) if (existsSync(join(root, area))) readFolder(root, area, files);
  return workspaceOf(files);
}

/** The workspace that consists of `files`. */
export function workspaceOf(files: ReadonlyMap<string, string>): Workspace {
  const sorted = new Map([...files].toSorted(([one], [other]) => (one < other ? -1 : 1)));
  const sources = new Map<string, Source>();
  return {
    files: sorted,
    rootManifest: JSON.parse(sorted.get('package.json') ?? '{"name":""}') as Manifest,
    packages: packagesOf(sorted),
    source(path) {
      const known = sources.get(path);
      if (known) return known;
      const parsed = parseSource(path, sorted.get(path) ?? '');
      sources.set(path, parsed);
      return parsed;
    },
  };
}

/** The source files of a package below `folder` (`src`, `test`, `examples`), fixtures left out. */
export function sourceFiles(workspace: Workspace, pkg: Package, folder: string): readonly string[] {
  const prefix = `${pkg.folder}/${folder}/`;
  return [...workspace.files.keys()].filter((path) => path.startsWith(prefix) && isSource(path) && !path.includes('/fixtures/'));
}

/** The workspace packages that the sources of `pkg` may import: what it depends on, for a private one also for development. */
export function workspaceDependencies(workspace: Workspace, pkg: Package): readonly Package[] {
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = pkg.manifest;
  const names = new Set(
    Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies, ...(pkg.manifest.private ? devDependencies : {}) }),
  );
  return workspace.packages.filter((other) => names.has(other.manifest.name));
}

/** TypeScript or JavaScript. */
export const isSource = (path: string): boolean => /\.(?:[cm]?[jt]s|tsx)$/.test(path) && !path.endsWith('.d.ts');

function packagesOf(files: ReadonlyMap<string, string>): Package[] {
  return [...files.keys()].flatMap((path) => {
    const [, folder, name] = /^((?:apps|packages|tools)\/([^/]+))\/package\.json$/.exec(path) ?? [];
    const short = folder?.startsWith('apps/') && name !== 'cli' ? `${name}-app` : name;
    if (folder === undefined || short === undefined) return [];
    const manifest = JSON.parse(files.get(path) ?? '') as Manifest;
    const pure = manifest.holdfast?.pure === true;
    return [{ short, folder, manifest, pure, hasIo: pure && [...files.keys()].some((file) => file.startsWith(`${folder}/src/io/`)) }];
  });
}

function readFolder(root: string, folder: string, files: Map<string, string>): void {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) readFolder(root, path, files);
    else if (entry.isFile() && isText(entry.name) && statSync(join(root, path)).size <= FILE_BYTES_MAX) {
      files.set(path, readFileSync(join(root, path), 'utf8'));
    }
  }
}

const isText = (name: string): boolean =>
  /\.(?:[cm]?[jt]s|tsx|json|md|ya?ml|sh|html|css|toml|py|service)$/.test(name) || !name.slice(1).includes('.');
const AREAS = ['.changeset', '.ci', '.github', 'apps', 'docs', 'packages', 'scripts', 'tools'];
const SKIPPED: ReadonlySet<string> = new Set(['node_modules', 'dist', 'coverage', '.holdfast', '.git']);
const FILE_BYTES_MAX = 2_000_000;
