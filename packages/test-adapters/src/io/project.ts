/** Reads what recognising needs to know of a project, and knows the host program of each adapter. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { CodedError } from '@holdfast/kernel';
import { PROJECT_FILES, type ProjectFacts, type TestAdapter } from '../adapter.ts';
import type { HostProgram } from './host-client.ts';
import { siblingProgram } from './program.ts';

/**
 * The facts of the project that `folder` belongs to: its nearest package.json upwards, and the versions of the packages
 * that the adapters probe for, resolved as the project's own code would. Without any package.json: `folder`, no scripts.
 * Errors: ADAPTER_BAD_MANIFEST.
 */
export function readProject(folder: string, adapters: readonly TestAdapter[]): ProjectFacts {
  const start = resolve(folder);
  const manifest = nearestManifest(start);
  const root = manifest?.folder ?? start;
  const versions: Record<string, string> = {};
  for (const name of new Set(adapters.flatMap((adapter) => adapter.probes))) {
    const version = installedVersion(root, name);
    if (version !== undefined) versions[name] = version;
  }
  const files = Object.fromEntries(
    PROJECT_FILES.map((name) => [name, readIfThere(join(root, name))] as const).filter(
      (entry): entry is readonly [string, string] => entry[1] !== undefined,
    ),
  );
  return { folder: root, scripts: manifest?.scripts ?? {}, versions, files };
}

/** The program to start as a host of the named adapter. Errors: ADAPTER_UNKNOWN. */
export function hostProgram(adapter: string): HostProgram {
  const name = HOSTS[adapter];
  if (name === undefined) {
    throw new CodedError(
      'ADAPTER_UNKNOWN',
      `find the host of adapter ${JSON.stringify(adapter)}; known are ${Object.keys(HOSTS).join(', ')}`,
      {
        retryable: false,
        details: { adapter },
      },
    );
  }
  return { path: siblingProgram(import.meta.url, name), execArgv: [] };
}

function nearestManifest(start: string): { folder: string; scripts: Record<string, string> } | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    const text = readIfThere(path);
    if (text !== undefined) return { folder, scripts: scriptsOf(text, path) };
    if (dirname(folder) === folder) return undefined;
  }
}

function scriptsOf(text: string, path: string): Record<string, string> {
  let manifest: { scripts?: Record<string, unknown> } | null;
  try {
    manifest = JSON.parse(text) as typeof manifest;
  } catch (cause) {
    throw new CodedError('ADAPTER_BAD_MANIFEST', `read ${path}: it is no JSON`, { retryable: false, details: { path }, cause });
  }
  return Object.fromEntries(
    Object.entries(manifest?.scripts ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Looked for in the folders that resolution would look in: an `exports` map may hide a package's manifest. */
function installedVersion(root: string, name: string): string | undefined {
  const folders = createRequire(join(root, 'package.json')).resolve.paths(name) ?? [];
  for (const folder of folders) {
    const text = readIfThere(join(folder, name, 'package.json'));
    if (text === undefined) continue;
    try {
      return String((JSON.parse(text) as { version?: unknown }).version);
    } catch {
      /* ignored: a broken installation has no version; the host will say more. */
    }
  }
  return undefined;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    /* ignored: absent and unreadable are the same to resolution. */
    return undefined;
  }
}

const HOSTS: Readonly<Record<string, string>> = {
  vitest: 'vitest-host',
  jest: 'jest-host',
  mocha: 'mocha-host',
  'node-test': 'node-test-host',
  pytest: 'pytest-host',
  playwright: 'playwright-host',
};
