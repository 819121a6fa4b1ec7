import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readFingerprint } from '@holdfast/worker';
import { expect, test, vi } from 'vitest';
import { type Checkout, cloneOf, newCheckout, newFolder, openCheckout } from './checkout.ts';

const dirtyOf = (checkout: Checkout): string => readFingerprint(checkout.root).fingerprint.dirty;

test('a clean checkout -> commit, clean, no lock file, no origin', () => {
  const checkout = newCheckout();
  expect(readFingerprint(checkout.root)).toEqual({
    root: checkout.root,
    folder: '',
    fingerprint: {
      repository: 'none',
      commit: checkout.git('rev-parse', 'HEAD').trim(),
      dirty: 'clean',
      lockfile: 'none',
      platform: `${process.platform}-${process.arch}`,
      node: process.version,
    },
  });
});

test('a folder below the top, also through a symbolic link -> its path from the top', () => {
  const checkout = newCheckout();
  checkout.write('packages/one/x.txt', 'x');
  expect(readFingerprint(join(checkout.root, 'packages/one'))).toMatchObject({ root: checkout.root, folder: 'packages/one' });
  const link = join(newFolder(), 'link');
  symlinkSync(join(checkout.root, 'packages'), link);
  expect(readFingerprint(join(link, 'one'))).toMatchObject({ root: checkout.root, folder: 'packages/one' });
});

test('outside a repository -> the folder, no commit; the lock file tells states apart', () => {
  const one = openCheckout(newFolder());
  one.write('package-lock.json', '{}');
  const place = readFingerprint(one.root);
  expect(place).toMatchObject({
    root: one.root,
    folder: '',
    fingerprint: { repository: basename(one.root), commit: 'none', dirty: 'clean' },
  });
  expect(place.fingerprint.lockfile).toMatch(/^[0-9a-f]{16}$/);
  one.write('package-lock.json', '{ }');
  expect(readFingerprint(one.root).fingerprint.lockfile).not.toBe(place.fingerprint.lockfile);
});

test('F2 the same change unstaged, staged, or as an untracked file that is then added -> the same digest', () => {
  const checkout = newCheckout();
  checkout.write('a.txt', 'changed\n');
  checkout.write('new.txt', 'new\n');
  const digest = dirtyOf(checkout);
  expect(digest).toMatch(/^[0-9a-f]{16}$/);
  checkout.git('add', '.');
  expect(dirtyOf(checkout)).toBe(digest);
  checkout.git('commit', '-qm', 'two');
  expect(dirtyOf(checkout)).toBe('clean');
});

test.each<[string, (checkout: Checkout) => void]>([
  ['a tracked file is changed', (checkout) => checkout.write('a.txt', 'A\n')],
  ['... in bytes that are no UTF-8', (checkout) => checkout.write('a.txt', new Uint8Array([0xe4, 10]))],
  ['... in other such bytes', (checkout) => checkout.write('a.txt', new Uint8Array([0xe5, 10]))],
  ['a tracked file is deleted', (checkout) => rmSync(join(checkout.root, 'a.txt'))],
  ['a tracked file is renamed', (checkout) => renameSync(join(checkout.root, 'a.txt'), join(checkout.root, 'c.txt'))],
  ['a tracked file is renamed with git', (checkout) => checkout.git('mv', 'a.txt', 'd.txt')],
  ['a tracked file becomes a program', (checkout) => chmodSync(join(checkout.root, 'a.txt'), 0o755)],
  ['a file is untracked', (checkout) => checkout.write('new.txt', 'a\n')],
  ['... with another content', (checkout) => checkout.write('new.txt', 'b\n')],
  ['... with another name', (checkout) => checkout.write('née\n.txt', 'a\n')],
  ['... a link', (checkout) => symlinkSync('a.txt', join(checkout.root, 'new.txt'))],
  ['... a link elsewhere, to nothing', (checkout) => symlinkSync('nowhere', join(checkout.root, 'new.txt'))],
])('F1 %s -> not clean, and like no other state', (_, change) => {
  const checkout = newCheckout();
  change(checkout);
  const digest = dirtyOf(checkout);
  expect(digest).toMatch(/^[0-9a-f]{16}$/);
  expect(seen).not.toContain(digest);
  seen.push(digest);
});
const seen: string[] = [];

test('F1 a touched file, an ignored file and the data folder -> still clean', () => {
  const checkout = newCheckout();
  checkout.write('.gitignore', 'dist\n');
  checkout.git('add', '.');
  checkout.git('commit', '-qm', 'ignore');
  utimesSync(join(checkout.root, 'a.txt'), 1, 1);
  checkout.write('dist/x.js', '1');
  checkout.write('.holdfast/holdfast.db', '1');
  expect(dirtyOf(checkout)).toBe('clean');
});

test('F1 the same change in a shallow clone with another configuration of diff -> the same digest', () => {
  const checkout = newCheckout();
  const clone = cloneOf(checkout, '--depth', '1');
  for (const [name, value] of [
    ['core.abbrev', '20'],
    ['diff.noprefix', 'true'],
    ['diff.context', '0'],
    ['diff.renames', 'copies'],
    ['diff.autoRefreshIndex', 'false'],
  ]) {
    clone.git('config', name!, value!);
  }
  for (const one of [checkout, clone]) {
    one.write('a.txt', 'changed\n');
    one.git('mv', 'b.txt', 'c.txt');
  }
  expect(dirtyOf(clone)).toBe(dirtyOf(checkout));
});

test('F3 no commits yet -> no commit, and what is staged counts', () => {
  const checkout = openCheckout(newFolder());
  checkout.git('init', '-q');
  expect(readFingerprint(checkout.root).fingerprint).toMatchObject({ commit: 'none', dirty: 'clean' });
  checkout.write('a.txt', 'a\n');
  const untracked = dirtyOf(checkout);
  checkout.git('add', '.');
  expect(dirtyOf(checkout)).toBe(untracked);
  checkout.write('a.txt', 'b\n');
  expect(dirtyOf(checkout)).not.toBe(untracked);
});

test('a submodule and a repository inside this one -> their commits and changes count', () => {
  const inner = newCheckout();
  const outer = newCheckout();
  outer.git('submodule', '-q', 'add', inner.root, 'sub');
  outer.git('commit', '-qm', 'submodule');
  expect(dirtyOf(outer)).toBe('clean');
  const sub = openCheckout(join(outer.root, 'sub'));
  sub.write('a.txt', 'changed\n');
  const changed = dirtyOf(outer);
  sub.write('a.txt', 'changed again\n');
  expect(new Set(['clean', changed, dirtyOf(outer)]).size).toBe(3);

  const other = newCheckout();
  mkdirSync(join(other.root, 'nested'));
  const nested = openCheckout(join(other.root, 'nested'));
  nested.git('init', '-q');
  nested.write('x.txt', '1');
  const one = dirtyOf(other);
  nested.write('x.txt', '2');
  expect(dirtyOf(other)).not.toBe(one);
});

test.each([
  ['https://github.com/owner/name.git', 'github.com/owner/name'],
  ['https://user:secret@github.com/owner/name', 'github.com/owner/name'],
  ['https://user:p@ss:word@GitHub.com:443/owner/name.git/', 'github.com/owner/name'],
  ['git@github.com:owner/name.git', 'github.com/owner/name'],
  ['github.com:/owner/name', 'github.com/owner/name'],
  ['ssh://git@github.com:22/owner/name.git', 'github.com/owner/name'],
  ['ssh://git@host:2222/owner/name', 'host:2222/owner/name'],
  ['ftp://user:secret@host/name', 'ftp://host/name'],
  ['/srv/git/name.git', '/srv/git/name'],
  ['C:\\git\\name', 'C:\\git\\name'],
  ['file:///srv/git/name', 'file:///srv/git/name'],
])('origin %s -> %s', (origin, repository) => {
  const checkout = openCheckout(newFolder());
  checkout.git('init', '-q');
  checkout.git('config', 'remote.origin.url', origin);
  expect(readFingerprint(checkout.root).fingerprint.repository).toBe(repository);
});

test("inside a hook of another repository -> the folder's own state", () => {
  const checkout = newCheckout();
  const other = newCheckout();
  vi.stubEnv('GIT_DIR', join(other.root, '.git'));
  vi.stubEnv('GIT_INDEX_FILE', join(other.root, '.git/index'));
  try {
    expect(readFingerprint(checkout.root)).toMatchObject({ root: checkout.root, fingerprint: { dirty: 'clean' } });
  } finally {
    vi.unstubAllEnvs();
  }
});

test('F3 git is there and refuses -> CHECKOUT_UNREADABLE with what it says; a folder without git is no repository', () => {
  const checkout = newCheckout();
  checkout.write('.git/config', '[core');
  expect(() => readFingerprint(checkout.root)).toThrow(
    expect.objectContaining({ code: 'CHECKOUT_UNREADABLE', message: expect.stringContaining('bad config') as string }),
  );
  vi.stubEnv('PATH', newFolder());
  try {
    expect(readFingerprint(checkout.root).fingerprint).toMatchObject({ commit: 'none', dirty: 'clean' });
  } finally {
    vi.unstubAllEnvs();
  }
});
