/** A copy of the sources that a test may break: manifests, sources and links to dependencies, so that imports stay inside the copy. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Patch } from './planted.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface Found {
  readonly runs: number;
  readonly failures: readonly { readonly seed: string; readonly checker: string; readonly message: string }[];
}

/** Copies, patches, runs `runs` seeds from 1 on in the copy, and removes it. */
export function simulateCopy(patches: readonly Patch[], runs: number): Found {
  return runCopy(patches, 'simulator', 'main', ['--seed', '1', '--runs', String(runs), '--json']) as Found;
}

/** Runs a program of a tool in a patched copy; returns the last line of its output, which must be JSON. */
export function runCopy(patches: readonly Patch[], tool: string, entry: string, args: readonly string[]): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-planted-'));
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const name of readdirSync(join(ROOT, 'packages'))) copyPackage(folder, join('packages', name));
    copyPackage(folder, join('tools', tool));
    for (const patch of patches) apply(folder, patch);
    const program = join(folder, 'tools', tool, 'src', `${entry}.ts`);
    const child = spawnSync(process.execPath, ['--conditions=@holdfast/source', program, ...args], {
      encoding: 'utf8',
      cwd: folder,
      maxBuffer: 64 * 1024 * 1024,
    });
    const line = child.stdout.trim().split('\n').at(-1) ?? '';
    if (!line.startsWith('{')) throw new Error(`the copy did not run: ${child.stderr.slice(0, 2000)}`);
    return JSON.parse(line);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function copyPackage(folder: string, name: string): void {
  if (!existsSync(join(ROOT, name, 'package.json'))) return;
  mkdirSync(join(folder, name), { recursive: true });
  for (const part of ['package.json', 'src', 'node_modules']) {
    const from = join(ROOT, name, part);
    if (existsSync(from)) cpSync(from, join(folder, name, part), { recursive: true, verbatimSymlinks: true });
  }
}

function apply(folder: string, { file, find, replace }: Patch): void {
  const path = join(folder, file);
  const text = readFileSync(path, 'utf8');
  const matches = text.split(find).length - 1;
  if (matches !== 1) throw new Error(`the patch of ${file} matches ${matches} times: ${find.slice(0, 80)}`);
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
}
