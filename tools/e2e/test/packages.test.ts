/**
 * The packages as a stranger has them: packed, installed from nothing by npm, pnpm and yarn, imported by plain Node, and
 * checked by a compiler that knows none of this workspace's conditions.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attempt, installAll, type Manager, packAll, type Packed, publishedPackages, root, run } from './projects.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-packages-'));
const published = publishedPackages();
const specifiers = published.flatMap((one) => one.specifiers);
let packed: readonly Packed[] = [];

beforeAll(async () => {
  packed = await packAll(published, join(folder, 'tarballs'));
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('packing: every published package -> no workspace range, no source, README and LICENSE inside', async () => {
  expect(packed.length).toBeGreaterThan(10);
  for (const { name, tarball } of packed) {
    const entries = (await run('tar', ['-tzf', tarball], folder, `listing ${name}`)).stdout.trim().split('\n');
    expect(entries, name).toEqual(
      expect.arrayContaining([
        'package/package.json',
        'package/README.md',
        'package/LICENSE',
        'package/dist/index.js',
        'package/dist/index.d.ts',
      ]),
    );
    expect(
      entries.filter((entry) => /^package\/(?:src|test)\/|tsbuildinfo|\.env/.test(entry)),
      name,
    ).toEqual([]);
    const manifest = (await run('tar', ['-xzOf', tarball, 'package/package.json'], folder, `reading ${name}`)).stdout;
    expect(manifest, name).not.toContain('workspace:');
  }
});

test.each<Manager>(['npm', 'pnpm', 'yarn'])(
  '%s: an empty project installs all tarballs -> every export imports, the command answers',
  async (manager) => {
    const project = join(folder, manager);
    await installAll(manager, packed, project);

    writeFileSync(join(project, 'import-all.mjs'), IMPORT_ALL);
    const imported = await run('node', ['import-all.mjs', ...specifiers], project, `importing with ${manager}`);
    const names = JSON.parse(imported.stdout) as Readonly<Record<string, readonly string[] | string>>;
    expect(Object.keys(names).toSorted()).toEqual(specifiers.toSorted());
    for (const [specifier, exported] of Object.entries(names)) expect(exported, specifier).toBeInstanceOf(Array);
    expect(names['@holdfast/kernel']).toContain('drive');

    for (const one of packed) {
      const installed = JSON.parse(readFileSync(join(project, 'node_modules', one.name, 'package.json'), 'utf8')) as {
        readonly version: string;
      };
      expect(installed.version, one.name).toBe(one.version);
      for (const command of one.commands) {
        const runner = manager === 'pnpm' ? ['pnpm', 'exec'] : ['npx', '--no-install'];
        const said = await run(runner[0]!, [...runner.slice(1), command, '--version'], project, `${command} --version`);
        expect(said.stdout.trim(), command).toContain(one.version);
      }
    }
  },
);

test('types: a consumer under nodenext without our condition -> sound declarations, and mistakes are found', async () => {
  const project = join(folder, 'npm');
  if (!existsSync(join(project, 'node_modules'))) await installAll('npm', packed, project);
  const options = {
    module: 'nodenext',
    target: 'es2024',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }));
  const imports = specifiers.map((specifier, index) => `import * as m${index} from '${specifier}';`).join('\n');
  const used = `export const all: readonly object[] = [${specifiers.map((_, index) => `m${index}`).join(', ')}];`;
  writeFileSync(join(project, 'consumer.ts'), `${imports}\n${used}\n${CONSUMER}`);

  const checked = await attempt(
    join(root, 'node_modules/.bin/tsc'),
    ['-p', 'tsconfig.json', '--pretty', 'false'],
    project,
    'tsc of the consumer',
  );
  // Declarations of other people's packages are theirs; ours and the consumer must be clean.
  const ours = checked.stdout.split('\n').filter((line) => /^(?:consumer\.ts|node_modules\/(?:@holdfast|holdfast)\/)/.test(line));
  expect(ours).toEqual([]);

  writeFileSync(join(project, 'consumer.ts'), `${imports}\n${used}\n${CONSUMER.replaceAll('// @ts-expect-error', '//')}`);
  const refused = await attempt(
    join(root, 'node_modules/.bin/tsc'),
    ['-p', 'tsconfig.json', '--pretty', 'false'],
    project,
    'tsc of the mistakes',
  );
  expect(refused.stdout.split('\n').filter((line) => line.startsWith('consumer.ts'))).toHaveLength(2);
});

/** Imports each argument and prints the names it exports, or why it does not import. */
const IMPORT_ALL = `
const names = {};
for (const specifier of process.argv.slice(2)) {
  try {
    names[specifier] = Object.keys(await import(specifier));
  } catch (error) {
    names[specifier] = String(error?.stack ?? error);
  }
}
process.stdout.write(JSON.stringify(names), () => process.exit(0));
`;

const CONSUMER = `
import { defineConfig } from '@holdfast/config';
import { type DurationMs, parseDuration } from '@holdfast/kernel';
export const config = defineConfig({ run: { workers: 2, timeout: '5m' } });
export const duration: DurationMs | undefined = parseDuration('5m');
// @ts-expect-error An unknown key.
export const mistyped = defineConfig({ run: { wokers: 2 } });
// @ts-expect-error A bare number is not a duration.
export const bare: DurationMs = 5;
`;
