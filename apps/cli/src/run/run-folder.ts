/**
 * Where a local run keeps everything: its store, its logs, its reports. One folder per run, named so that sorting by
 * name sorts by time; the last few are kept.
 *
 * R1 `run.json` is written before anything is submitted, and renamed into place: what it says can be resumed.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { TaskInput } from '@holdfast/client';
import type { RunSpec } from '@holdfast/model';

export interface RunFolder {
  readonly path: string;
  /** Last part of `path`. */
  readonly name: string;
  readonly data: string;
  readonly logs: string;
}

/** What a later `resume` or `report` must know. */
export interface RunRecord {
  readonly version: 1;
  /** Of the coordinator; empty until the run is accepted. */
  readonly id: string;
  readonly command: readonly string[];
  readonly title: string;
  /** Absolute folder of the project. */
  readonly cwd: string;
  readonly spec: RunSpec;
  readonly workers: number;
  readonly startedAt: string;
  readonly tasks: readonly TaskInput[];
}

/** Makes the folder of a new run, and removes old ones beyond the last `RUNS_KEPT`. */
export function createRunFolder(cache: string, now: Date): RunFolder {
  const runs = join(cache, 'runs');
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const folder = folderOf(runs, `${stamp}-${randomBytes(2).toString('hex')}`);
  mkdirSync(folder.logs, { recursive: true, mode: 0o700 });
  for (const old of namesOf(runs).slice(RUNS_KEPT))
    if (!isAlive(folderOf(runs, old))) rmSync(join(runs, old), { recursive: true, force: true });
  return folder;
}

/** The newest run; `name` or its beginning: that one. Undefined: there is none. */
export function latestRunFolder(cache: string, name?: string): RunFolder | undefined {
  const runs = join(cache, 'runs');
  const found = namesOf(runs).find((each) =>
    name === undefined ? true : each.startsWith(name) || readRecord(folderOf(runs, each))?.id === name,
  );
  return found === undefined ? undefined : folderOf(runs, found);
}

export function writeRecord(folder: RunFolder, record: RunRecord): void {
  const path = join(folder.path, RECORD_FILE);
  writeFileSync(`${path}.tmp`, JSON.stringify(record));
  renameSync(`${path}.tmp`, path);
}

export function readRecord(folder: RunFolder): RunRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder.path, RECORD_FILE), 'utf8')) as RunRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Newest first. */
function namesOf(runs: string): string[] {
  return existsSync(runs)
    ? readdirSync(runs)
        .filter((name) => /^\d{8}-\d{6}-[0-9a-f]{4}$/.test(name))
        .sort()
        .reverse()
    : [];
}

/** A coordinator still serves it. */
function isAlive(folder: RunFolder): boolean {
  try {
    const { pid } = JSON.parse(readFileSync(join(folder.data, 'endpoint.json'), 'utf8')) as { pid: number };
    process.kill(pid, 0);
    return true;
  } catch {
    /* ignored: no file, no such process, or not ours: nothing serves it. */
    return false;
  }
}

const folderOf = (runs: string, name: string): RunFolder => {
  const path = join(runs, name);
  return { path, name, data: join(path, 'data'), logs: join(path, 'logs') };
};

const RECORD_FILE = 'run.json';
const RUNS_KEPT = 10;
