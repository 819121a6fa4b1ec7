/**
 * Reads what state of a repository a folder holds. Two checkouts with the same fingerprint run the same code.
 *
 * Uncommitted changes are hashed by content: tracked ones as `git diff HEAD`, untracked ones file by file.
 */
import { spawnSync } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { Fingerprint } from '@holdfast/model';

export interface FingerprintPlace {
  readonly fingerprint: Fingerprint;
  /** Absolute top folder of the checkout; the folder itself outside a repository. */
  readonly root: string;
  /** The folder relative to `root`, forward slashes; empty: the root. */
  readonly folder: string;
}

/** The fingerprint of the checkout that `folder` lies in. Outside a repository, commit is `none` and only the lock file tells states apart. */
export function readFingerprint(folder: string): FingerprintPlace {
  const top = git(folder, ['rev-parse', '--show-toplevel'])?.trim();
  const root = top ?? folder;
  return {
    root,
    folder: relative(root, folder).split('\\').join('/'),
    fingerprint: {
      repository: top === undefined ? basename(folder) : repositoryOf(root),
      commit: (top !== undefined && git(root, ['rev-parse', 'HEAD'])?.trim()) || 'none',
      dirty: top === undefined ? 'clean' : dirtyDigest(root),
      lockfile: lockfileDigest(root),
      platform: `${process.platform}-${process.arch}`,
      node: process.version,
    },
  };
}

/** The origin without credentials and `.git`; `none` for a repository that has no origin: its commits tell it apart. */
function repositoryOf(root: string): string {
  const origin = git(root, ['config', '--get', 'remote.origin.url'])?.trim();
  if (!origin) return 'none';
  return origin.replace(/^([a-z+]+:\/\/)[^@/]*@/i, '$1').replace(/\.git\/?$/, '');
}

function dirtyDigest(root: string): string {
  const changed = git(root, ['diff', 'HEAD', '--binary', '--no-ext-diff', '--no-textconv']) ?? '';
  const untracked = (git(root, ['ls-files', '--others', '--exclude-standard', '-z']) ?? '').split('\0').filter(Boolean).sort();
  if (changed === '' && untracked.length === 0) return 'clean';
  const hash = createHash('sha256').update(changed);
  for (const path of untracked) {
    hash.update(`\0${path}\0`);
    hashFile(hash, join(root, path));
  }
  return hash.digest('hex').slice(0, 16);
}

function hashFile(hash: Hash, path: string): void {
  try {
    hash.update(lstatSync(path).isSymbolicLink() ? readlinkSync(path) : readFileSync(path));
  } catch (error) {
    // Gone or unreadable since it was listed: its name alone is hashed, and so is why.
    hash.update(String((error as { code?: string }).code));
  }
}

function lockfileDigest(root: string): string {
  const name = LOCKFILES.find((candidate) => existsSync(join(root, candidate)));
  if (name === undefined) return 'none';
  return createHash('sha256').update(readFileSync(join(root, name))).digest('hex').slice(0, 16);
}

function git(folder: string, args: readonly string[]): string | undefined {
  const done = spawnSync('git', args, { cwd: folder, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX, stdio: ['ignore', 'pipe', 'ignore'] });
  return done.status === 0 ? done.stdout : undefined;
}

const LOCKFILES = ['pnpm-lock.yaml', 'package-lock.json', 'yarn.lock', 'bun.lock', 'bun.lockb', 'npm-shrinkwrap.json'];
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
