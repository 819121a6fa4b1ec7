/**
 * Who may import whom: `layers.json` ranks the packages, manifests name what each one uses.
 *
 * Y1 A package imports only lower layers, or its own layer's earlier entries.
 * Y2 What sources import stands in `dependencies`; what stands there is imported. Tests answer for `devDependencies`.
 * Y3 A package of the row `dev` serves tests: sources of published packages do not import it.
 */
import { isBuiltin } from 'node:module';
import { stringOf } from './source.ts';
import { type Check, type Dependencies, type Finding, type Package, sourceFiles, type Workspace } from './workspace.ts';

export const layers: Check = (workspace) => {
  const ranks = ranksOf(workspace);
  return [...rowFindings(workspace, ranks), ...workspace.packages.flatMap((pkg) => packageFindings(workspace, pkg, ranks))];
};

/** The package that a specifier names: `@holdfast/kernel/node` → `@holdfast/kernel`. Undefined for relative and built-in ones. */
export function packageNameOf(specifier: string): string | undefined {
  if (/^[./#]/.test(specifier) || isBuiltin(specifier) || specifier.includes(':')) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

interface Rank {
  readonly row: number;
  readonly column: number;
  readonly dev: boolean;
}

const LAYERS_PATH = 'tools/repo-checks/layers.json';

function ranksOf(workspace: Workspace): Map<string, Rank> {
  const rows = JSON.parse(workspace.files.get(LAYERS_PATH) ?? '{}') as Readonly<Record<string, readonly string[]>>;
  return new Map(
    Object.entries(rows).flatMap(([row, names]) =>
      names.map((name, column): [string, Rank] => [name, { row: row === 'dev' ? DEV_ROW : Number(row), column, dev: row === 'dev' }]),
    ),
  );
}

function rowFindings(workspace: Workspace, ranks: ReadonlyMap<string, Rank>): Finding[] {
  return workspace.packages
    .filter(({ short }) => !ranks.has(short))
    .map(({ short }) => ({ check: 'layers', path: LAYERS_PATH, message: `${short} has no layer` }));
}

function packageFindings(workspace: Workspace, pkg: Package, ranks: ReadonlyMap<string, Rank>): Finding[] {
  const findings: Finding[] = [];
  const { dependencies, devDependencies, peerDependencies, optionalDependencies } = pkg.manifest;
  const used: Dependencies = { ...dependencies, ...peerDependencies, ...optionalDependencies };
  const inTests: Dependencies = { ...used, ...devDependencies, ...workspace.rootManifest.devDependencies };
  const inSources = pkg.manifest.private === true ? { ...used, ...devDependencies } : used;
  const sources = sourceFiles(workspace, pkg, 'src');
  const tests = [
    ...sourceFiles(workspace, pkg, 'test'),
    ...sourceFiles(workspace, pkg, 'examples'),
    ...sourceFiles(workspace, pkg, 'bench'),
  ];
  findings.push(...importFindings(workspace, pkg, sources, inSources, ranks), ...importFindings(workspace, pkg, tests, inTests, undefined));

  const manifest = `${pkg.folder}/package.json`;
  if (sources.length === 0) return findings;
  const named = namesIn(workspace, sources);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    // Types that published declarations name come with the package, and count with what they describe.
    if (!named.has(name.replace(/^@types\//, '')))
      findings.push({ check: 'layers', path: manifest, message: `no source imports the dependency ${name}` });
  }
  const namedInTests = namesIn(workspace, tests);
  for (const name of Object.keys(devDependencies ?? {})) {
    const typed = name.startsWith('@types/') && (name.slice(7) in used || name.slice(7) in (devDependencies ?? {}));
    if (!typed && !namedInTests.has(name) && !(pkg.manifest.private && named.has(name))) {
      findings.push({ check: 'layers', path: manifest, message: `no test imports the devDependency ${name}` });
    }
  }
  return findings;
}

/** `ranks` absent: tests, which may look upward. */
function importFindings(
  workspace: Workspace,
  pkg: Package,
  paths: readonly string[],
  allowed: Dependencies,
  ranks: ReadonlyMap<string, Rank> | undefined,
): Finding[] {
  const findings: Finding[] = [];
  for (const path of paths) {
    for (const { specifier, line } of workspace.source(path).imports) {
      const report = (message: string): void => void findings.push({ check: 'layers', path: `${path}:${line}`, message });
      if (specifier.startsWith('.') && leaves(path, specifier, pkg.folder)) report(`${specifier} leaves the package`);
      const name = packageNameOf(specifier);
      if (name === undefined) continue;
      if (name === pkg.manifest.name) {
        if (ranks) report(`${specifier} imports its own package by name`);
        continue;
      }
      if (!(name in allowed)) report(`${name} is not in the manifest of ${pkg.short}`);
      const other = workspace.packages.find(({ manifest }) => manifest.name === name);
      if (!other) continue;
      const subpath = `.${specifier.slice(name.length)}`;
      if (!(subpath in (other.manifest.exports ?? {}))) report(`${name} does not export ${subpath}`);
      const problem = ranks && upward(ranks.get(pkg.short), ranks.get(other.short));
      if (problem !== undefined) report(`${pkg.short} must not import ${other.short}: ${problem}`);
    }
  }
  return findings;
}

/** Why an import goes the wrong way (Y1, Y3). */
function upward(from: Rank | undefined, to: Rank | undefined): string | undefined {
  if (!from || !to) return undefined;
  if (to.dev && !from.dev) return from.row === TOOLS_ROW ? undefined : 'it serves tests only';
  if (to.row > from.row) return `layer ${to.row} is above layer ${from.row}`;
  if (to.row === from.row && to.column >= from.column) return `it stands later in layer ${from.row}`;
  return undefined;
}

/** Package names in imports and in string literals, which is how `import.meta.resolve` and loaders name them. */
function namesIn(workspace: Workspace, paths: readonly string[]): Set<string> {
  const names = new Set<string>();
  for (const path of paths) {
    workspace.source(path).walk((node) => {
      const text = stringOf(node);
      const name = text === undefined || text.length > 100 ? undefined : packageNameOf(text);
      if (name !== undefined) names.add(name);
    });
  }
  return names;
}

function leaves(path: string, specifier: string, folder: string): boolean {
  return !new URL(specifier, `file:///${path}`).pathname.startsWith(`/${folder}/`);
}

/** Above layer 3, whose cores it exercises, and below 4. */
const DEV_ROW = 3.5;
const TOOLS_ROW = 6;
