/** Small workspaces in memory, sound but for what a test plants. */
import { expectedTsconfigs } from '../src/references.ts';
import { type Check, workspaceOf } from '../src/workspace.ts';

type Files = Readonly<Record<string, string | undefined>>;

/** The manifest of a published package, with changes. */
export function manifest(name: string, changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    name,
    version: '0.1.0',
    description: 'words',
    license: 'MIT',
    files: ['dist', '!dist/.tsbuildinfo*', 'README.md', 'LICENSE'],
    type: 'module',
    exports: { '.': { '@holdfast/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' } },
    publishConfig: { access: 'public' },
    engines: { node: '>=22.18' },
    holdfast: { pure: true },
    ...changes,
  });
}

/** Two pure packages, `upper` importing `lower`, an app, and one decision; `changes` replace or (undefined) remove files. */
export function planted(changes: Files = {}): ReturnType<typeof workspaceOf> {
  const files: Files = {
    'package.json': '{"name":"root","private":true,"devDependencies":{"vitest":"5.1.1"}}',
    'tools/repo-checks/layers.json': '{"0":["lower","beside"],"1":["upper"],"dev":["kit"],"6":["cli"]}',
    'packages/lower/package.json': manifest('@holdfast/lower'),
    'packages/lower/README.md': 'Lower.',
    'packages/lower/LICENSE': 'MIT',
    'packages/lower/src/index.ts': "export { one } from './one.ts';\n",
    'packages/lower/src/one.ts': 'export const one = 1;\n',
    'packages/upper/package.json': manifest('@holdfast/upper', { dependencies: { '@holdfast/lower': 'workspace:*' } }),
    'packages/upper/README.md': 'Upper.',
    'packages/upper/LICENSE': 'MIT',
    'packages/upper/src/index.ts': "export { two } from './two.ts';\n",
    'packages/upper/src/two.ts': "import { one } from '@holdfast/lower';\nexport const two = one + one;\n",
    'packages/upper/test/two.test.ts': "import { test } from 'vitest';\nimport { two } from '../src/two.ts';\ntest('two', () => two);\n",
    'docs/adr/0001-begin.md':
      '# 0001 Begin\n\nDate: 2026-01-02\nStatus: accepted\n\n## Context\n\n## Decision\n\n## Alternatives\n\n## Consequences\n',
    ...changes,
  };
  const present = new Map(Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== undefined));
  for (const [path, content] of expectedTsconfigs(workspaceOf(present))) if (!(path in changes)) present.set(path, content);
  return workspaceOf(present);
}

/** What `check` finds after planting `changes`, as `path message`. */
export function found(check: Check, changes: Files): string[] {
  return check(planted(changes)).map(({ path, message }) => `${path} ${message}`);
}
