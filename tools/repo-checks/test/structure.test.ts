import { expect, test } from 'vitest';
import { layers } from '../src/layers.ts';
import { manifests } from '../src/manifests.ts';
import { references } from '../src/references.ts';
import { surface } from '../src/surface.ts';
import { found, manifest } from './planted.ts';

const beside = (dependencies: Readonly<Record<string, string>>, source: string): Record<string, string> => ({
  'packages/beside/package.json': manifest('@holdfast/beside', { dependencies }),
  'packages/beside/README.md': 'Beside.',
  'packages/beside/LICENSE': 'MIT',
  'packages/beside/src/index.ts': "export { it } from './it.ts';\n",
  'packages/beside/src/it.ts': source,
});
const upward = { 'packages/lower/package.json': manifest('@holdfast/lower', { dependencies: { '@holdfast/upper': 'workspace:*' } }) };

const imports = (name: string): string => `import { one } from '@holdfast/${name}';\nexport const it = one;\n`;

test('Y1 layers: a package imports one above it -> named with both layers', () => {
  expect(found(layers, { ...upward, 'packages/lower/src/one.ts': "export { two as one } from '@holdfast/upper';\n" })).toEqual([
    'packages/lower/src/one.ts:1 lower must not import upper: layer 1 is above layer 0',
  ]);
});

test('Y1 layers: within a layer -> earlier entries may be imported, later ones not', () => {
  expect(found(layers, beside({ '@holdfast/lower': 'workspace:*' }, imports('lower')))).toEqual([]);
  const lowerFiles = {
    'packages/lower/package.json': manifest('@holdfast/lower', { dependencies: { '@holdfast/beside': 'workspace:*' } }),
    'packages/lower/src/one.ts': "import { it } from '@holdfast/beside';\nexport const one = it;\n",
  };
  expect(found(layers, { ...beside({}, 'export const it = 1;\n'), ...lowerFiles })).toEqual([
    'packages/lower/src/one.ts:1 lower must not import beside: it stands later in layer 0',
  ]);
});

test('Y1 layers: a package without a layer -> reported', () => {
  expect(found(layers, { 'packages/stray/package.json': manifest('@holdfast/stray') })).toEqual([
    'tools/repo-checks/layers.json stray has no layer',
  ]);
});

test('Y2 layers: an import that the manifest does not list, and a dependency that nothing imports -> both', () => {
  expect(found(layers, { 'packages/upper/package.json': manifest('@holdfast/upper') })).toEqual([
    'packages/upper/src/two.ts:1 @holdfast/lower is not in the manifest of upper',
  ]);
  expect(found(layers, { 'packages/upper/src/two.ts': 'export const two = 2;\n' })).toEqual([
    'packages/upper/package.json no source imports the dependency @holdfast/lower',
  ]);
});

test('Y2 layers: a test imports what no manifest lists -> reported; the root devDependencies are for all', () => {
  expect(found(layers, { 'packages/upper/test/more.test.ts': "import 'left-pad';\nimport 'vitest';\n" })).toEqual([
    'packages/upper/test/more.test.ts:1 left-pad is not in the manifest of upper',
  ]);
});

test('Y2 layers: a subpath that is not exported, a path out of the package -> reported', () => {
  expect(found(layers, { 'packages/upper/src/two.ts': "import '@holdfast/lower/deep';\nimport '../../lower/src/one.ts';\n" })).toEqual([
    'packages/upper/src/two.ts:1 @holdfast/lower does not export ./deep',
    'packages/upper/src/two.ts:2 ../../lower/src/one.ts leaves the package',
  ]);
});

test('Y3 layers: a source imports a package for tests -> reported', () => {
  const kit = {
    'packages/kit/package.json': manifest('@holdfast/kit'),
    'packages/kit/src/index.ts': "export { kit } from './kit.ts';\n",
    'packages/kit/src/kit.ts': 'export const kit = 1;\n',
    'packages/upper/package.json': manifest('@holdfast/upper', { dependencies: { '@holdfast/kit': 'workspace:*' } }),
  };
  expect(found(layers, { ...kit, 'packages/upper/src/two.ts': "export { kit as two } from '@holdfast/kit';\n" })).toEqual([
    'packages/upper/src/two.ts:1 upper must not import kit: it serves tests only',
  ]);
});

test('references: a tsconfig that lost a reference -> reported by path', () => {
  expect(found(references, { 'packages/upper/tsconfig.json': '{}\n' })).toEqual([
    'packages/upper/tsconfig.json does not follow the manifests; run pnpm sync',
  ]);
});

test.each([
  [{ license: 'ISC' }, 'license must be MIT'],
  [{ description: '' }, 'a description is missing'],
  [{ type: 'commonjs' }, 'type must be module'],
  [{ name: '@holdfast/other' }, 'the name must be @holdfast/lower'],
  [{ engines: { node: '>=18' } }, 'engines.node must be >=22.18'],
  [{ publishConfig: {} }, 'publishConfig.access must be public'],
  [{ files: ['dist', '!dist/.tsbuildinfo*', 'README.md'] }, 'files must list LICENSE'],
  [{ files: ['dist', 'README.md', 'LICENSE'] }, 'files must list !dist/.tsbuildinfo*'],
  [{ exports: {} }, 'exports are missing'],
  [
    { exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } } },
    'exports . must have @holdfast/source, types, default in this order',
  ],
  [{ bin: { x: './src/x.ts' } }, 'bin x: ./src/x.ts is not built; name it in holdfast.entries'],
  [{ bin: { x: './dist/x.js' } }, 'bin x: ./dist/x.js is not built; name it in holdfast.entries'],
  [{ dependencies: { ws: '^8.23.0' } }, 'dependencies ws must be an exact version, not ^8.23.0'],
  [{ dependencies: { vitest: '5.0.0' } }, 'dependencies vitest 5.0.0 differs from 5.1.1 of root'],
])('manifests: %j -> %s', (changes, message) => {
  expect(found(manifests, { 'packages/lower/package.json': manifest('@holdfast/lower', changes) })).toContain(
    `packages/lower/package.json ${message}`,
  );
});

test('manifests: another version than the rest -> reported', () => {
  expect(found(manifests, { 'packages/upper/package.json': manifest('@holdfast/upper', { version: '0.2.0' }) })).toEqual([
    'packages/upper/package.json version 0.2.0 differs from 0.1.0: all packages are released together',
  ]);
});

test('manifests: README, LICENSE or an exported source missing -> reported', () => {
  expect(
    found(manifests, { 'packages/lower/README.md': undefined, 'packages/lower/LICENSE': ' ', 'packages/lower/src/index.ts': undefined }),
  ).toEqual([
    'packages/lower/package.json README.md is missing or empty',
    'packages/lower/package.json LICENSE is missing or empty',
    'packages/lower/package.json exports .: ./src/index.ts does not exist',
  ]);
});

test('manifests: a published package needs a private one, or a version of a sibling -> reported', () => {
  const files = {
    'packages/lower/package.json': manifest('@holdfast/lower', { private: true }),
    'packages/upper/package.json': manifest('@holdfast/upper', { dependencies: { '@holdfast/lower': '0.1.0' } }),
  };
  expect(found(manifests, files)).toEqual([
    'packages/upper/package.json dependencies @holdfast/lower must be workspace:*',
    'packages/upper/package.json dependencies @holdfast/lower is private and would not be published',
  ]);
});

test.each([
  ["export * from './one.ts';\n", 'packages/lower/src/index.ts:1 export * hides what is public; name each export'],
  ['export const one = 1;\n', 'packages/lower/src/index.ts:1 index.ts only re-exports'],
  ["import { one } from './one.ts';\nexport { one };\n", 'packages/lower/src/index.ts:1 index.ts only re-exports'],
  ["export { one } from './one.ts';\nexport default 1;\n", 'packages/lower/src/index.ts:2 default exports have no name; export by name'],
])('surface: index %j -> %s', (text, finding) => {
  expect(found(surface, { 'packages/lower/src/index.ts': text })).toContain(finding);
});
