import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { CHECKS, findingsOf } from '../src/checks.ts';
import { readWorkspace } from '../src/workspace.ts';
import { planted } from './planted.ts';

const root = resolve(import.meta.dirname, '../../..');

test('all checks: a sound small workspace -> nothing, so that every finding elsewhere is the planted one', () => {
  expect(findingsOf(planted())).toEqual([]);
});

test.each(Object.keys(CHECKS))('this repository: %s -> nothing', (name) => {
  expect(CHECKS[name]?.(readWorkspace(root)).map(({ path, message }) => `${path} ${message}`)).toEqual([]);
});

test('main: a broken workspace on disk -> prints path, line and message, leaves with 1; --fix repairs the references', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-checks-'));
  try {
    for (const [path, text] of planted({ 'packages/lower/src/one.ts': 'export const one = Date.now();\n', 'tsconfig.json': '{}\n' })
      .files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const tool = join(folder, 'tools/repo-checks');
    cpSync(join(root, 'tools/repo-checks/src'), join(tool, 'src'), { recursive: true });
    symlinkSync(join(root, 'tools/repo-checks/node_modules'), join(tool, 'node_modules'), 'dir');
    const main = (...args: string[]) => spawnSync(process.execPath, [join(tool, 'src/main.ts'), ...args], { encoding: 'utf8' });

    const broken = main();
    expect(broken.stdout.trim().split('\n')).toEqual([
      'packages/lower/src/one.ts:1 pure code uses Date [purity]',
      'tsconfig.json does not follow the manifests; run pnpm sync [references]',
    ]);
    expect(broken.status).toBe(1);
    expect(main('--fix').stdout.trim()).toBe('packages/lower/src/one.ts:1 pure code uses Date [purity]');
    expect(readFileSync(join(folder, 'tsconfig.json'), 'utf8')).toContain('packages/upper/tsconfig.json');
    writeFileSync(join(folder, 'packages/lower/src/one.ts'), 'export const one = 1;\n');
    expect(main().status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
