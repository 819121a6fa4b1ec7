// Builds every package that has a manifest with `exports`: ESM by tsup, declarations by `tsc -b`.
// One process for all of them: starting tsup once a package would cost more than the building.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'tsup';

const root = resolve(import.meta.dirname, '..');
const started = performance.now();
const folders = ['packages', 'apps', 'tools'].flatMap((area) =>
  existsSync(join(root, area)) ? readdirSync(join(root, area)).map((name) => join(root, area, name)) : [],
);

let built = 0;
for (const folder of folders) {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) continue;
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  const entries = entriesOf(manifest);
  if (entries.length === 0) continue;
  const absent = entries.find((entry) => !existsSync(join(folder, 'src', `${entry}.ts`)));
  if (absent !== undefined) {
    console.error(`build: ${path} names src/${absent}.ts, which does not exist`);
    process.exit(1);
  }
  const builtIn = manifest.holdfast?.builtIn ?? [];
  await build({
    entry: Object.fromEntries(entries.map((entry) => [entry, join(folder, 'src', `${entry}.ts`)])),
    outDir: join(folder, 'dist'),
    format: 'esm',
    target: 'node22',
    platform: 'node',
    splitting: true,
    sourcemap: true,
    clean: false,
    silent: true,
    config: false,
    dts: false,
    // tsup would turn node:test and node:sqlite into packages that do not exist.
    removeNodeProtocol: false,
    // A library of hundreds of small files costs every start more than its code does: such a one is built in, unused parts left out.
    noExternal: builtIn.map((name) => new RegExp(`^${name}(/|$)`)),
    external: [
      // A tool is never installed from elsewhere: what it develops with is there when it runs.
      ...Object.keys({
        ...manifest.dependencies,
        ...manifest.peerDependencies,
        ...(manifest.holdfast?.tool ? manifest.devDependencies : {}),
      }).filter((name) => !builtIn.includes(name)),
      /^@holdfast\//,
    ],
  });
  built += 1;
}

const declarations = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-b'], { cwd: root, stdio: 'inherit' });
if (declarations.status !== 0) process.exit(declarations.status ?? 1);
console.error(`built ${built} packages in ${((performance.now() - started) / 1000).toFixed(1)} s`);

/** Entry points without `src/` and `.ts`: what `exports` and `holdfast.entries` name. */
function entriesOf(manifest) {
  const exported = Object.values(manifest.exports ?? {})
    .map((target) => target['@holdfast/source'])
    .filter(Boolean);
  return [
    ...new Set([...exported.map((file) => file.replace(/^\.\/src\//, '').replace(/\.ts$/, '')), ...(manifest.holdfast?.entries ?? [])]),
  ];
}
