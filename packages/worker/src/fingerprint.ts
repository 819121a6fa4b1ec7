/**
 * Reads what state of a repository a folder holds. Two checkouts with the same fingerprint run the same code.
 *
 * F1 Uncommitted changes are hashed as paths and contents, never as the text of a diff: that depends on git's version,
 *    configuration and depth of history.
 * F2 Staged, unstaged and untracked make no difference: what lies in the folder is what runs.
 * F3 What cannot be read is an error, never `clean`.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, lstatSync, openSync, readFileSync, readlinkSync, readSync, realpathSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { CodedError, errorText } from '@holdfast/kernel';
import type { Fingerprint } from '@holdfast/model';

export interface FingerprintPlace {
  readonly fingerprint: Fingerprint;
  /** Absolute top folder of the checkout, symbolic links resolved; the folder itself outside a repository. */
  readonly root: string;
  /** The folder relative to `root`, forward slashes; empty: the root. */
  readonly folder: string;
}

/**
 * The fingerprint of the checkout that `folder` lies in. Outside a repository, or without git, commit is `none` and only
 * the lock file tells states apart. `.holdfast` at the top is not part of the state.
 *
 * Errors: `CHECKOUT_UNREADABLE` when git is there and refuses, with exit code 78 in its details.
 */
export function readFingerprint(folder: string): FingerprintPlace {
  const here = realpathSync(folder);
  const top = topOf(here);
  const root = top ?? here;
  return {
    root,
    folder: relative(root, here).split('\\').join('/'),
    fingerprint: {
      repository: top === undefined ? basename(here) : repositoryOf(root),
      ...(top === undefined ? { commit: 'none', dirty: 'clean' } : stateOf(root)),
      lockfile: lockfileDigest(root),
      platform: `${process.platform}-${process.arch}`,
      node: process.version,
    },
  };
}

function topOf(folder: string): string | undefined {
  const { status, stdout, stderr } = runGit(folder, ['rev-parse', '--show-toplevel']);
  if (status === 0) return realpathSync(stdout.toString('utf8').replace(/\r?\n$/, ''));
  // No git, or no repository, or a bare one: there is no checkout. Anything else keeps git from reading one.
  if (status === undefined || /not a git repository|must be run in a work tree/.test(stderr)) return undefined;
  throw unreadable(folder, stderr);
}

/** The origin without scheme, user and `.git`: the same over https and ssh. `none` without an origin: commits tell such repositories apart. */
function repositoryOf(root: string): string {
  const { status, stdout } = runGit(root, ['config', '--get', 'remote.origin.url']);
  const origin = status === 0 ? stdout.toString('utf8').trim() : '';
  if (origin === '') return 'none';
  const bare = origin.replace(/\/+$/, '').replace(/\.git$/, '');
  // Up to the last @ before the path: a password may hold others.
  const url = /^(https?|ssh|git|git\+ssh):\/\/(?:[^/]*@)?([^/]*)\/+(.*)$/i.exec(bare);
  if (url) return `${url[2]!.toLowerCase().replace(DEFAULT_PORT, '')}/${url[3]!}`;
  const short = /^(?:[^@/]*@)?([^:/@\\]{2,}):(?!\/\/)\/*(.*)$/.exec(bare);
  if (short) return `${short[1]!.toLowerCase()}/${short[2]!}`;
  return bare.replace(/^([a-z+]+:\/\/)[^/]*@/i, '$1');
}

function stateOf(root: string): Pick<Fingerprint, 'commit' | 'dirty'> {
  const head = runGit(root, ['rev-parse', '--verify', '--quiet', 'HEAD']);
  const commit = head.status === 0 ? head.stdout.toString('latin1').trim() : undefined;
  const against = commit ?? mustGit(root, ['hash-object', '-t', 'tree', '--stdin']).toString('latin1').trim();
  const raw = fields(mustGit(root, ['diff', '--raw', '-z', '--no-renames', '--no-ext-diff', '--ignore-submodules=none', against, '--']));
  const others = fields(mustGit(root, ['ls-files', '--others', '--exclude-standard', '--exclude=/.holdfast/', '-z']));
  // `:modes and ids`, then the path, in turn.
  const paths = new Set([...raw.filter((_, index) => index % 2 === 1), ...others]);
  return { commit: commit ?? 'none', dirty: paths.size === 0 ? 'clean' : digestOf(root, [...paths].sort()) };
}

/** `paths` hold one character per byte: not every file name is UTF-8. */
function digestOf(root: string, paths: readonly string[]): string {
  const hash = createHash('sha256');
  const start = Buffer.from(`${root}/`);
  for (const path of paths) hash.update(`${path}\0${contentOf(Buffer.concat([start, Buffer.from(path, 'latin1')]))}\0`, 'latin1');
  return hash.digest('hex').slice(0, DIGEST_LENGTH);
}

/** What lies at a path, in a few words. */
function contentOf(path: Buffer): string {
  try {
    const facts = lstatSync(path);
    if (facts.isSymbolicLink()) return `link ${createHash('sha256').update(readlinkSync(path, 'buffer')).digest('hex')}`;
    if (facts.isDirectory()) return `repository ${repositoryState(path.toString('utf8'))}`;
    if (!facts.isFile()) return 'special';
    return `${(facts.mode & 0o100) === 0 ? 'file' : 'program'} ${fileDigest(path)}`;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'deleted';
    throw code === UNREADABLE ? error : unreadable(path.toString('utf8'), errorText(error));
  }
}

/** Of a submodule, or of a repository inside this one. */
function repositoryState(folder: string): string {
  const top = topOf(folder);
  if (top !== realpathSync(folder)) return 'none';
  const { commit, dirty } = stateOf(top);
  return `${commit} ${dirty}`;
}

/** In pieces: a file may be larger than memory. */
function fileDigest(path: Buffer): string {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  const file = openSync(path, 'r');
  try {
    for (let count = readSync(file, piece); count > 0; count = readSync(file, piece)) hash.update(piece.subarray(0, count));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

function lockfileDigest(root: string): string {
  const name = LOCKFILES.find((candidate) => existsSync(join(root, candidate)));
  if (name === undefined) return 'none';
  return createHash('sha256')
    .update(readFileSync(join(root, name)))
    .digest('hex')
    .slice(0, DIGEST_LENGTH);
}

const fields = (output: Buffer): string[] => output.toString('latin1').split('\0').slice(0, -1);

function mustGit(folder: string, args: readonly string[]): Buffer {
  const { status, stdout, stderr } = runGit(folder, args);
  if (status !== 0) throw unreadable(folder, stderr);
  return stdout;
}

interface GitAnswer {
  /** Undefined: it did not run to its end. */
  readonly status: number | undefined;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function runGit(folder: string, args: readonly string[]): GitAnswer {
  const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' };
  // A hook's variables name the repository of the hook.
  for (const name of HOOK_VARIABLES) delete env[name];
  const done = spawnSync('git', ['-c', 'diff.autoRefreshIndex=true', ...args], {
    cwd: folder,
    env,
    maxBuffer: OUTPUT_BYTES_MAX,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (done.error && (done.error as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable(folder, done.error.message);
  return { status: done.status ?? undefined, stdout: done.stdout ?? Buffer.alloc(0), stderr: done.stderr?.toString('utf8') ?? '' };
}

function unreadable(folder: string, problem: string): CodedError {
  const why = problem.trim().split('\n')[0] || 'git gave no reason';
  return new CodedError(UNREADABLE, `read the state of the checkout, ${folder}: ${why}`, { details: { folder, exitCode: 78 } });
}

const UNREADABLE = 'CHECKOUT_UNREADABLE';
const LOCKFILES = ['pnpm-lock.yaml', 'package-lock.json', 'yarn.lock', 'bun.lock', 'bun.lockb', 'npm-shrinkwrap.json'];
const HOOK_VARIABLES = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX', 'GIT_COMMON_DIR'];
const DEFAULT_PORT = /:(?:22|80|443|9418)$/;
const DIGEST_LENGTH = 16;
const PIECE_BYTES = 1024 * 1024;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
