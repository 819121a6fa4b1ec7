/**
 * A place of its own for one test: a project under git, an empty home, and the command as users have it, built.
 *
 * S1 When a test ends, nothing that it started is left: asserted if it passed, enforced if it failed.
 * S2 `git status` of the project is clean when a test ends.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'vitest';
import { type Ended, startCommand, type StartedCommand } from './command.ts';
import { until } from './condition.ts';
import { createGates, type Gates } from './gates.ts';
import { type Census, createCensus } from './processes.ts';

export interface Sandbox {
  /** Holds everything else; absolute, links resolved. */
  readonly folder: string;
  readonly project: string;
  readonly gates: Gates;
  readonly census: Census;
  readonly env: Readonly<Record<string, string>>;
  /** Writes into the project and commits. */
  commit(files: Readonly<Record<string, string>>): void;
  /** A clone of the project. */
  clone(name: string): string;
  /** Lets the project resolve packages of this workspace. */
  link(...packages: string[]): void;
  /** Starts `holdfast ...args`. */
  start(args: readonly string[], options?: StartOptions): StartedCommand;
  /** The same in a terminal of its own. */
  startInTerminal(args: readonly string[]): StartedCommand;
  /** Runs `holdfast ...args` to its end. */
  run(args: readonly string[], options?: StartOptions & { readonly deadlineMs?: number }): Promise<Ended>;
}

export interface StartOptions {
  /** Default: the project. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** A Node program to start instead of the command. */
  readonly program?: string;
  /** What to put before the command: `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
}

/** Runs `body` in a new sandbox whose project holds `files`. */
export async function inSandbox(files: Readonly<Record<string, string>>, body: (box: Sandbox) => Promise<void>): Promise<void> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run \`pnpm build\` first`);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-e2e-')));
  const census = createCensus(folder);
  try {
    const box = createSandbox(folder, census);
    box.commit({ 'package.json': MANIFEST, '.gitignore': 'node_modules/\n', ...box.gates.files, ...files });
    await body(box);
    await nothingLeft(census);
    expect(git(box.project, 'status', '--porcelain'), 'git status').toBe('');
  } finally {
    for (const { pid } of census.left()) killIfThere(pid);
    await until('the processes of the sandbox to die', () => census.left().length === 0, 10_000).finally(() =>
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
    );
  }
}

/** Fails unless all processes of the sandbox are gone soon. */
export async function nothingLeft(census: Census, deadlineMs = 10_000): Promise<void> {
  const list = (): string =>
    census
      .left()
      .map(({ pid, state, command }) => `${pid} ${state} ${command}`)
      .join('\n');
  await until('all processes to be gone', () => census.left().length === 0, deadlineMs, list);
}

function createSandbox(folder: string, census: Census): Sandbox {
  const project = join(folder, 'project');
  const [home, temporary] = [join(folder, 'home'), join(folder, 'tmp')];
  for (const each of [project, home, temporary]) mkdirSync(each);
  git(project, 'init', '--quiet', '--initial-branch=main');
  git(project, 'remote', 'add', 'origin', ORIGIN);
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    HOME: home,
    XDG_CACHE_HOME: join(home, '.cache'),
    TMPDIR: temporary,
    LANG: 'C.UTF-8',
    NO_COLOR: '1',
  };
  const start: Sandbox['start'] = (args, options = {}) => {
    const [file = '', ...words] = [...(options.prefix ?? []), process.execPath, options.program ?? PROGRAM, ...args];
    return startCommand(file, words, {
      cwd: options.cwd ?? project,
      env: { ...env, ...options.env },
      beforeKill: () => void census.take(),
      ...(options.input === undefined ? {} : { input: options.input }),
    });
  };
  return {
    folder,
    project,
    census,
    env,
    gates: createGates(join(folder, 'gates'), census),
    commit(files) {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(project, path)), { recursive: true });
        writeFileSync(join(project, path), text);
      }
      git(project, 'add', '--all');
      git(project, 'commit', '--quiet', '--message=change');
    },
    clone(name) {
      const place = join(folder, name);
      git(folder, 'clone', '--quiet', project, place);
      git(place, 'remote', 'set-url', 'origin', ORIGIN);
      return place;
    },
    link(...packages) {
      mkdirSync(join(project, 'node_modules'), { recursive: true });
      for (const name of packages) symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
    },
    start,
    startInTerminal: (args) => {
      const words = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(' ');
      const options = {
        cwd: project,
        env: { ...env, TERM: 'xterm', SHELL: '/bin/sh' },
        interactive: true,
        beforeKill: () => void census.take(),
      };
      return startCommand('script', ['--quiet', '--return', '--command', words, '/dev/null'], options);
    },
    run: (args, { deadlineMs, ...options } = {}) => start(args, options).ended(deadlineMs),
  };
}

/** Output of a git command. */
export function git(cwd: string, ...args: string[]): string {
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' };
  return execFileSync('git', ['-c', 'user.name=A User', '-c', 'user.email=user@example.org', ...args], {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 20_000,
  }).trim();
}

export const readJson = <Value>(path: string): Value => JSON.parse(readFileSync(path, 'utf8')) as Value;

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    /* ignored: it is gone, which was wanted. */
  }
}

const ROOT = resolve(import.meta.dirname, '../../../..');
const PROGRAM = join(ROOT, 'apps/cli/dist/main.js');
/** Never called: it tells that checkouts belong together. */
const ORIGIN = 'https://git.example.org/project.git';
const MANIFEST = JSON.stringify({ name: 'project', version: '1.0.0', type: 'module', scripts: { test: 'node --test' } });
