/** What every manifest must say, so that each package installs, resolves and publishes the same way. */
import type { Check, Finding, Manifest, Package, Workspace } from './workspace.ts';

export const manifests: Check = (workspace) => {
  const version = workspace.packages.find(({ manifest }) => !manifest.private)?.manifest.version;
  return workspace.packages.flatMap((pkg) => {
    const messages = [...commonMessages(pkg), ...dependencyMessages(workspace, pkg.manifest)];
    if (!pkg.manifest.private) messages.push(...publishedMessages(workspace, pkg, version));
    return messages.map((message): Finding => ({ check: 'manifests', path: `${pkg.folder}/package.json`, message }));
  });
};

/** A version without a range. */
const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;
const ENGINE = '>=22.18';
const CONDITIONS = ['@holdfast/source', 'types', 'default'];

function commonMessages({ folder, short, manifest }: Package): string[] {
  const messages: string[] = [];
  const name = folder === 'apps/cli' ? 'holdfast' : `@holdfast/${short}`;
  if (manifest.name !== name) messages.push(`the name must be ${name}`);
  if (manifest.type !== 'module') messages.push('type must be module');
  if (manifest.license !== 'MIT') messages.push('license must be MIT');
  if (!manifest.description) messages.push('a description is missing');
  return messages;
}

function publishedMessages(workspace: Workspace, { folder, manifest }: Package, version: string | undefined): string[] {
  const messages: string[] = [];
  if (manifest.version !== version)
    messages.push(`version ${manifest.version} differs from ${version}: all packages are released together`);
  if (manifest.engines?.['node'] !== ENGINE) messages.push(`engines.node must be ${ENGINE}`);
  if (manifest.publishConfig?.access !== 'public') messages.push('publishConfig.access must be public');
  for (const name of ['dist', '!dist/.tsbuildinfo*', 'README.md', 'LICENSE'])
    if (!manifest.files?.includes(name)) messages.push(`files must list ${name}`);
  for (const name of ['README.md', 'LICENSE'])
    if (!workspace.files.get(`${folder}/${name}`)?.trim()) messages.push(`${name} is missing or empty`);
  if (Object.keys(manifest.exports ?? {}).length === 0) messages.push('exports are missing');
  for (const [subpath, target] of Object.entries(manifest.exports ?? {}))
    messages.push(...exportMessages(workspace, folder, subpath, target));
  for (const [name, file] of Object.entries(manifest.bin ?? {})) {
    const stem = /^\.\/dist\/(.+)\.js$/.exec(file)?.[1];
    const built =
      manifest.holdfast?.entries?.includes(stem ?? '') ||
      Object.values(manifest.exports ?? {}).some((target) => target['default'] === file);
    if (stem === undefined || !built) messages.push(`bin ${name}: ${file} is not built; name it in holdfast.entries`);
  }
  return messages;
}

function exportMessages(workspace: Workspace, folder: string, subpath: string, target: Readonly<Record<string, string>>): string[] {
  if (Object.keys(target).join() !== CONDITIONS.join()) return [`exports ${subpath} must have ${CONDITIONS.join(', ')} in this order`];
  const [, stem] = /^\.\/src\/(.+)\.ts$/.exec(target['@holdfast/source'] ?? '') ?? [];
  const messages: string[] = [];
  if (stem === undefined || !workspace.files.has(`${folder}/src/${stem}.ts`))
    messages.push(`exports ${subpath}: ${target['@holdfast/source']} does not exist`);
  if (stem !== undefined && (target['types'] !== `./dist/${stem}.d.ts` || target['default'] !== `./dist/${stem}.js`)) {
    messages.push(`exports ${subpath}: types and default must be ./dist/${stem}.d.ts and ./dist/${stem}.js`);
  }
  return messages;
}

function dependencyMessages(workspace: Workspace, manifest: Manifest): string[] {
  const messages: string[] = [];
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const) {
    for (const [name, range] of Object.entries(manifest[kind] ?? {})) {
      const other = workspace.packages.find((pkg) => pkg.manifest.name === name);
      if (other) {
        if (range !== 'workspace:*') messages.push(`${kind} ${name} must be workspace:*`);
        if (kind !== 'devDependencies' && other.manifest.private && !manifest.private)
          messages.push(`${kind} ${name} is private and would not be published`);
      } else if (kind !== 'peerDependencies') {
        if (!EXACT.test(range)) messages.push(`${kind} ${name} must be an exact version, not ${range}`);
        const elsewhere = otherVersion(workspace, manifest, name, range);
        if (elsewhere !== undefined) messages.push(`${kind} ${name} ${range} differs from ${elsewhere}`);
      }
    }
  }
  return messages;
}

/** The first other version of a third-party package, with its user. */
function otherVersion(workspace: Workspace, manifest: Manifest, name: string, range: string): string | undefined {
  for (const other of [workspace.rootManifest, ...workspace.packages.map((pkg) => pkg.manifest)]) {
    const found = other.dependencies?.[name] ?? other.devDependencies?.[name] ?? other.optionalDependencies?.[name];
    if (other !== manifest && found !== undefined && found !== range) return `${found} of ${other.name}`;
  }
  return undefined;
}
