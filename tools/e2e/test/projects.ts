/** Packs what would be published and installs it as a user would, with each package manager, into an empty project. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../../..');

/** A package as published. */
export interface Published {
  readonly name: string;
  readonly version: string;
  /** `@holdfast/kernel`, `@holdfast/kernel/node`. */
  readonly specifiers: readonly string[];
  /** The commands it installs whose programs are built. */
  readonly commands: readonly string[];
  readonly folder: string;
}

export interface Packed extends Published {
  /** Absolute path. */
  readonly tarball: string;
}

export type Manager = 'npm' | 'pnpm' | 'yarn';

/** Every package of the workspace that is not private. */
export function publishedPackages(): Published[] {
  return ['packages', 'apps', 'tools']
    .flatMap((area) => readdirSync(join(root, area)).map((name) => join(root, area, name)))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .flatMap((folder) => {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        readonly name: string;
        readonly version: string;
        readonly private?: boolean;
        readonly exports?: Readonly<Record<string, unknown>>;
        readonly bin?: Readonly<Record<string, string>>;
      };
      if (manifest.private) return [];
      const specifiers = Object.keys(manifest.exports ?? {}).map((subpath) => `${manifest.name}${subpath.slice(1)}`);
      const commands = Object.entries(manifest.bin ?? {}).flatMap(([name, file]) => (existsSync(join(folder, file)) ? [name] : []));
      return [{ name: manifest.name, version: manifest.version, specifiers, commands, folder }];
    });
}

/** Packs all packages into `folder`, a few at a time. */
export async function packAll(packages: readonly Published[], folder: string): Promise<Packed[]> {
  mkdirSync(folder, { recursive: true });
  const waiting = [...packages];
  const packer = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await run('pnpm', ['pack', '--pack-destination', folder], next.folder, `packing ${next.name}`);
    }
  };
  await Promise.all(Array.from({ length: PACKERS }, packer));
  return packages.map((one) => {
    const tarball = join(folder, `${one.name.replace('@', '').replace('/', '-')}-${one.version}.tgz`);
    if (!existsSync(tarball)) throw new Error(`${one.name}: pnpm pack wrote no ${tarball}`);
    return { ...one, tarball };
  });
}

/** Creates a project in `folder` that depends on all tarballs, so that no name of ours is looked up anywhere, and installs it. */
export async function installAll(manager: Manager, packages: readonly Packed[], folder: string): Promise<void> {
  const files = Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`]));
  const manifest = { name: 'consumer', version: '1.0.0', private: true, type: 'module', dependencies: files };
  mkdirSync(folder, { recursive: true });
  const write = (path: string, value: unknown): void => writeFileSync(join(folder, path), `${JSON.stringify(value, null, 2)}\n`);
  if (manager === 'npm') {
    write('package.json', { ...manifest, overrides: Object.fromEntries(packages.map(({ name }) => [name, `$${name}`])) });
    await run(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'],
      folder,
      'npm install',
    );
  } else if (manager === 'pnpm') {
    write('package.json', manifest);
    // JSON is YAML.
    write('pnpm-workspace.yaml', { packages: ['.'], overrides: files, pmOnFail: 'ignore', allowBuilds: { 'better-sqlite3': false } });
    await run(
      'pnpm',
      ['install', '--ignore-scripts', '--no-frozen-lockfile', '--prefer-offline', '--reporter=append-only'],
      folder,
      'pnpm install',
    );
  } else {
    write('package.json', { ...manifest, resolutions: files });
    // A cache of its own: yarn 1 takes a tarball of the same name and version from its cache unread.
    const cache = join(folder, '..', 'yarn-cache');
    const args = ['install', '--ignore-scripts', '--non-interactive', '--ignore-engines', '--silent', '--cache-folder', cache];
    await run('npx', ['--yes', '--prefer-offline', YARN, ...args], folder, 'yarn install');
  }
}

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end; `awaited` names it when it fails or when the deadline passes. */
export async function run(command: string, args: readonly string[], cwd: string, awaited: string): Promise<Ran> {
  const ran = await attempt(command, args, cwd, awaited);
  if (ran.code !== 0) throw new Error(`${awaited} left with ${ran.code}\n${ran.stdout.slice(-4000)}\n${ran.stderr.slice(-4000)}`);
  return ran;
}

/** The same, with the exit code as an answer. */
export function attempt(command: string, args: readonly string[], cwd: string, awaited: string): Promise<Ran & { readonly code: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: plainEnvironment(), stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const deadline = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      reject(new Error(`${awaited} took longer than ${DEADLINE_MS} ms\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`));
    }, DEADLINE_MS);
    child.on('error', (error) => {
      clearTimeout(deadline);
      reject(new Error(`${awaited}: ${error.message}`, { cause: error }));
    });
    child.on('close', (code) => {
      clearTimeout(deadline);
      resolve({ code: code ?? 1, stdout, stderr });
    });
  });
}

/** What a user's shell would have: nothing of this test run, nor of the package manager that started it. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const dropped = /^(?:VITEST|NODE_ENV$|NODE_OPTIONS$|TEST$|npm_(?:package|lifecycle|command|execpath|node_execpath)|HOLDFAST_|INIT_CWD$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !dropped.test(name)));
}

const YARN = 'yarn@1.22.22';
const PACKERS = 3;
const DEADLINE_MS = 150_000;
