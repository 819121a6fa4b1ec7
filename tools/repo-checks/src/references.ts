/**
 * TypeScript project references follow the manifests: this computes them, so that nobody edits them by hand.
 * A pure package has two projects: its root without any ambient types, and `src/io` with those of Node.
 */
import { writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Check, type Package, sourceFiles, type Workspace, workspaceDependencies } from './workspace.ts';

/** The content of every generated tsconfig by its path relative to the root. */
export function expectedTsconfigs(workspace: Workspace): Map<string, string> {
  const files = new Map<string, string>();
  const built = workspace.packages.filter((pkg) => sourceFiles(workspace, pkg, 'src').length > 0);
  for (const pkg of built) {
    const dependencies = workspaceDependencies(workspace, pkg);
    files.set(
      `${pkg.folder}/tsconfig.json`,
      json({
        extends: pkg.pure ? '../../tsconfig.base.json' : '../../tsconfig.node.json',
        compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/.tsbuildinfo' },
        include: ['src'],
        ...(pkg.hasIo ? { exclude: ['src/io'] } : {}),
        references: pkg.pure ? dependencies.map((other) => reference(pkg, other, 'tsconfig.json')) : all(pkg, dependencies),
      }),
    );
    if (pkg.hasIo) {
      files.set(
        `${pkg.folder}/tsconfig.io.json`,
        json({
          extends: '../../tsconfig.node.json',
          compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/.tsbuildinfo-io' },
          include: ['src/io'],
          references: [{ path: './tsconfig.json' }, ...all(pkg, dependencies)],
        }),
      );
    }
  }
  files.set(
    'tsconfig.json',
    json({
      files: [],
      references: built.flatMap((pkg) => [
        { path: `${pkg.folder}/tsconfig.json` },
        ...(pkg.hasIo ? [{ path: `${pkg.folder}/tsconfig.io.json` }] : []),
      ]),
    }),
  );
  return files;
}

/** Finds every tsconfig that differs from what the manifests say. */
export const references: Check = (workspace) =>
  [...expectedTsconfigs(workspace)]
    .filter(([path, content]) => workspace.files.get(path) !== content)
    .map(([path]) => ({ check: 'references', path, message: 'does not follow the manifests; run pnpm sync' }));

/** Writes them below `root`. */
export function writeTsconfigs(root: string, workspace: Workspace): void {
  for (const [path, content] of expectedTsconfigs(workspace)) {
    if (workspace.files.get(path) !== content) writeFileSync(join(root, path), content);
  }
}

/** JSON exactly as the formatter leaves it: lists of texts on one line. */
function json(value: unknown): string {
  const text = JSON.stringify(value, null, 2).replace(
    /\[\n\s+("[^"\n]*"(?:,\n\s+"[^"\n]*")*)\n\s+\]/g,
    (_, items: string) => `[${items.replace(/,\n\s+/g, ', ')}]`,
  );
  return `${text}\n`;
}

function reference(from: Package, to: Package, file: string): { path: string } {
  return { path: `${posix.relative(from.folder, to.folder)}/${file}` };
}

function all(from: Package, dependencies: readonly Package[]): { path: string }[] {
  return dependencies.flatMap((other) => [
    reference(from, other, 'tsconfig.json'),
    ...(other.hasIo ? [reference(from, other, 'tsconfig.io.json')] : []),
  ]);
}
