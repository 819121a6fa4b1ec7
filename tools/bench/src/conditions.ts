/** Where and on what a bench was taken. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { PROGRAM_MANIFEST, ROOT } from './places.ts';

/** Facts of this machine, now: take them before the bench puts its own load on it. */
export function machineConditions(): Readonly<Record<string, unknown>> {
  return {
    machine: `${process.platform} ${process.arch}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}`,
    cores: availableParallelism(),
    memoryMb: Math.round(totalmem() / 1e6),
    loadBefore: loadavg()[0],
    node: process.version,
    versions: {
      holdfast: versionOf(PROGRAM_MANIFEST),
      vitest: versionOf(join(ROOT, 'node_modules/vitest/package.json')),
    },
  };
}

const versionOf = (manifest: string): string => (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
