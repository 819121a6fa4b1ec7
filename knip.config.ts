/**
 * `pnpm knip` lists files and exports that nobody uses. It advises and gates nothing: what a test alone uses counts as
 * used, and a package's own index decides what is public.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const folders = ['packages', 'apps', 'tools'].flatMap((area) => readdirSync(area).map((name) => `${area}/${name}`));

export default {
  ignore: ['**/fixtures/**'],
  exclude: ['types', 'duplicates'],
  // What `verify.mjs` and the tests start by name.
  ignoreDependencies: ['oxfmt', 'oxlint', '@changesets/cli', 'jest', 'mocha', '@playwright/test'],
  workspaces: {
    '.': { entry: ['scripts/*.mjs', 'vitest.workspace.ts'] },
    ...Object.fromEntries(
      folders.filter((folder) => existsSync(`${folder}/package.json`)).map((folder) => [folder, { entry: entriesOf(folder) }]),
    ),
  },
};

/** Exported sources, programs that are started, tests and examples. */
function entriesOf(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as {
    readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
    readonly holdfast?: { readonly entries?: readonly string[] };
  };
  const exported = Object.values(manifest.exports ?? {}).flatMap((target) => target['@holdfast/source']?.slice(2) ?? []);
  const started = (manifest.holdfast?.entries ?? []).map((entry) => `src/${entry}.ts`);
  return [...exported, ...started, 'src/main.ts', 'test/**/*.test.ts', 'examples/*.ts'];
}
