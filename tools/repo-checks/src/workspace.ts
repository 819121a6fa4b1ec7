/** Reads the workspace: its packages, their manifests and their places. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly version?: string;
  readonly description?: string;
  readonly license?: string;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly holdfast?: { readonly pure?: boolean; readonly tool?: boolean };
}

export interface Package {
  /** Folder name: `kernel`, `cli`. */
  readonly short: string;
  /** Relative to the root, forward slashes: `packages/kernel`. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** The root is pure; I/O lives in `src/io`. */
  readonly pure: boolean;
  readonly hasIo: boolean;
}

export interface Workspace {
  readonly root: string;
  /** Sorted by folder. */
  readonly packages: readonly Package[];
}

/** Reads all packages below `packages/`, `apps/` and `tools/` of `root`. */
export function readWorkspace(root: string): Workspace {
  const packages: Package[] = [];
  for (const area of ['apps', 'packages', 'tools']) {
    if (!existsSync(join(root, area))) continue;
    for (const short of readdirSync(join(root, area)).sort()) {
      const folder = `${area}/${short}`;
      const path = join(root, folder, 'package.json');
      if (!existsSync(path)) continue;
      const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
      const pure = manifest.holdfast?.pure === true;
      packages.push({ short, folder, manifest, pure, hasIo: pure && existsSync(join(root, folder, 'src/io')) });
    }
  }
  return { root, packages };
}

/** The workspace packages that `pkg` depends on, of any kind. */
export function workspaceDependencies(workspace: Workspace, pkg: Package): readonly Package[] {
  const names = new Set([
    ...Object.keys(pkg.manifest.dependencies ?? {}),
    ...Object.keys(pkg.manifest.peerDependencies ?? {}),
    ...Object.keys(pkg.manifest.devDependencies ?? {}),
  ]);
  return workspace.packages.filter((other) => names.has(other.manifest.name));
}
