import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { findConfig, loadConfig } from '../src/io/load.ts';

/** A fresh folder with the files, removed afterwards. */
async function inFolder(files: Readonly<Record<string, string>>, use: (root: string) => unknown): Promise<void> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-config-')));
  try {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    await use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('L1 search: from a folder deep in a repository -> the nearest file up to its root', () =>
  inFolder(
    { 'repo/.git/HEAD': '', 'repo/holdfast.config.json': '{}', 'repo/a/holdfast.config.json': '{}', 'repo/a/b/x': '', 'repo/c/x': '' },
    (root) => {
      expect(findConfig(join(root, 'repo/a/b'))).toBe(join(root, 'repo/a/holdfast.config.json'));
      expect(findConfig(join(root, 'repo/c'))).toBe(join(root, 'repo/holdfast.config.json'));
    },
  ));

test('L1 search: a file above the repository, or above a folder outside one -> not found', () =>
  inFolder({ 'holdfast.config.json': '{}', 'repo/.git/HEAD': '', 'repo/a/x': '', 'plain/x': '' }, async (root) => {
    expect(findConfig(join(root, 'repo/a'))).toBeUndefined();
    expect(findConfig(join(root, 'plain'))).toBeUndefined();
    expect(await loadConfig({ cwd: join(root, 'plain') })).toEqual({ config: {}, path: undefined });
    expect(findConfig(root)).toBe(join(root, 'holdfast.config.json'));
  }));

test('search: two files in one folder -> CONFIG_INVALID names both', () =>
  inFolder({ 'holdfast.config.json': '{}', 'holdfast.config.mjs': '' }, (root) => {
    expect(() => findConfig(root)).toThrow('both holdfast.config.mjs and holdfast.config.json are there');
  }));

test.each([
  ['holdfast.config.json', '{"run":{"workers":3}}'],
  ['holdfast.config.mjs', 'export default { run: { workers: 3 } };'],
  ['holdfast.config.js', 'export default { run: { workers: 3 } };'],
  ['holdfast.config.ts', 'const workers: number = 3;\nexport default { run: { workers } };'],
])('load: %s -> its value', (name, content) =>
  inFolder({ [name]: content, 'package.json': '{"type":"module"}' }, async (root) => {
    expect(await loadConfig({ cwd: root })).toEqual({ config: { run: { workers: 3 } }, path: join(root, name) });
  }),
);

test.each([
  ['broken.json', '{', 'CONFIG_UNREADABLE', 'broken.json'],
  ['throws.mjs', 'throw new Error("no luck")', 'CONFIG_UNREADABLE', 'it threw: no luck'],
  ['empty.mjs', 'export const run = {};', 'CONFIG_UNREADABLE', 'no default export'],
  ['lonely.mjs', 'import "holdfast-is-not-here"; export default {};', 'CONFIG_UNREADABLE', 'install what it imports'],
  ['typo.mjs', 'export default { run: { retrys: 1 } };', 'CONFIG_INVALID', 'did you mean run.retries?'],
])('load: %s -> %s says why', (name, content, code, words) =>
  inFolder({ [name]: content }, async (root) => {
    const failure = await loadConfig({ cwd: root, file: name }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(words), details: { exitCode: 16 } });
    expect((failure as Error).message).toContain(join(root, name));
  }),
);

test('load: a file named by the user that is not there -> CONFIG_UNREADABLE', () =>
  inFolder({}, async (root) => {
    await expect(loadConfig({ cwd: root, file: 'gone.ts' })).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
  }));
