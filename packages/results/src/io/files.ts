/**
 * What is kept on disk between runs, and the reports.
 *
 * K1 Every file is written beside its place and renamed: a reader sees the old one or the new one, never half.
 * K2 A history that cannot be read is set aside with a note, never repaired and never a reason to fail a run.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  createWriteStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorText } from '@holdfast/kernel';
import type { ReadLines } from '../failure-location.ts';
import type { RunFold } from '../fold.ts';
import { type DurationHistory, EMPTY_HISTORY, parseHistory } from '../history.ts';
import { jsonReport, type JsonReportOptions } from '../json-report.ts';
import { type JunitOptions, junitXml } from '../junit.ts';

/** What was found, and a sentence for the user when it could not be used. */
export interface ReadHistory {
  readonly history: DurationHistory;
  readonly note?: string;
}

/**
 * The folder for what Holdfast keeps of a project: `node_modules/.cache/holdfast` if the project has `node_modules`, else
 * `holdfast/<hash of the path>` in `XDG_CACHE_HOME` (default `~/.cache`). It is not made by this call.
 */
export function cacheFolder(projectFolder: string, env: Readonly<Record<string, string | undefined>> = process.env): string {
  const modules = join(projectFolder, 'node_modules');
  if (existsSync(modules)) return join(modules, '.cache', 'holdfast');
  const real = existsSync(projectFolder) ? realpathSync(projectFolder) : resolve(projectFolder);
  const base = env['XDG_CACHE_HOME'];
  const cache = base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache');
  return join(cache, 'holdfast', createHash('sha256').update(real).digest('hex').slice(0, 16));
}

/** Reads the history in `folder`, or in `file`. Absent: empty, no note. Unreadable: empty, with a note; the file is kept as `.broken` (K2). */
export function readHistory(folder: string, file?: string): ReadHistory {
  const path = file ?? join(folder, HISTORY_FILE);
  let text: string;
  try {
    if (statSync(path).size > HISTORY_BYTES_MAX) return setAside(path, `it is larger than ${HISTORY_BYTES_MAX} bytes`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { history: EMPTY_HISTORY };
    return { history: EMPTY_HISTORY, note: `the history in ${path} cannot be read (${errorText(error)}): durations are learnt anew` };
  }
  const parsed = parseHistory(text);
  return parsed.ok ? { history: parsed.value } : setAside(path, parsed.problem);
}

/** Writes the history in `folder`, or in `file`; the folder is made if need be. Throws what the file system says. */
export function writeHistory(folder: string, history: DurationHistory, file?: string): void {
  replaceFile(file ?? join(folder, HISTORY_FILE), `${JSON.stringify(history)}\n`);
}

/** Writes the JUnit report, streaming. Rejects with what the file system says; the old file stays then. */
export const writeJunit = (path: string, fold: Pick<RunFold, 'files' | 'totals'>, options: JunitOptions = {}): Promise<void> =>
  writePieces(path, junitXml(fold, options));

/** Writes the JSON report, streaming. Rejects with what the file system says; the old file stays then. */
export const writeJsonReport = (path: string, fold: Pick<RunFold, 'files' | 'totals'>, options: JsonReportOptions): Promise<void> =>
  writePieces(path, jsonReport(fold, options));

/**
 * Reads lines of files inside `folder` for code frames. What lies outside (links resolved), is larger than 1 MiB, or cannot be
 * read gives no frame: names come from workers.
 */
export function createReadLines(folder: string): ReadLines {
  const root = realpathSync(folder);
  return (file, from, to) => {
    try {
      const path = realpathSync(resolve(root, file));
      const inside = relative(root, path);
      if (inside.startsWith('..') || isAbsolute(inside)) return undefined;
      const stat = statSync(path);
      if (!stat.isFile() || stat.size > FRAME_BYTES_MAX) return undefined;
      return readFileSync(path, 'utf8')
        .split(/\r?\n/)
        .slice(from - 1, to);
    } catch {
      /* ignored: a failure without a code frame is still a failure told */
      return undefined;
    }
  };
}

function setAside(path: string, problem: string): ReadHistory {
  const kept = `${path}.broken`;
  try {
    renameSync(path, kept);
  } catch {
    /* ignored: the next write replaces the file */
    return { history: EMPTY_HISTORY, note: `the history in ${path} cannot be used (${problem}): durations are learnt anew` };
  }
  return {
    history: EMPTY_HISTORY,
    note: `the history in ${path} cannot be used (${problem}): durations are learnt anew, it is kept as ${kept}`,
  };
}

function replaceFile(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = draftOf(path);
  try {
    const file = openSync(draft, 'wx');
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

async function writePieces(path: string, pieces: Iterable<string>): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const draft = draftOf(path);
  try {
    await pipeline(Readable.from(pieces), createWriteStream(draft, { flags: 'wx', flush: true }));
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

const draftOf = (path: string): string => `${path}.${process.pid}.${randomUUID().slice(0, 8)}.draft`;
const HISTORY_FILE = 'history.json';
const HISTORY_BYTES_MAX = 67_108_864;
const FRAME_BYTES_MAX = 1_048_576;
