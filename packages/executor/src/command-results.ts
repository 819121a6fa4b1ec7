/** Judges a command by the results that it wrote or printed. Green results of a failed process are never green. */
import { readFile, stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { bad, errorText, ok, type Result } from '@holdfast/kernel';
import type { CommandResults } from '@holdfast/model';
import { parseGoJson } from '@holdfast/test-adapters/go-json';
import { type JunitResults, parseJunit } from '@holdfast/test-adapters/junit';
import { parseTap } from '@holdfast/test-adapters/tap';
import type { Attempt, AttemptEnd } from './attempt.ts';
import { exitText, taskFile } from './attempt-end.ts';
import { resolveInside } from './folders.ts';
import type { GroupEnd } from './process-group.ts';

/** The absolute path of a results file, which need not exist yet, if it lies inside the folders. */
export function locateResults(cwd: string, path: string, folders: readonly string[]): Result<string, string> {
  const whole = resolve(cwd, path);
  if (existsSync(whole)) return resolveInside(cwd, path, folders);
  // The nearest folder that exists decides; the command makes the others below it.
  let folder = dirname(whole);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const place = resolveInside(cwd, folder, folders);
  return place.ok ? ok(folder === dirname(whole) ? join(place.value, basename(whole)) : whole) : place;
}

/** Standard output of a command whose results are in it, up to `FILE_BYTES_MAX`. */
export interface PrintedResults {
  take(chunk: Buffer): void;
  read(format: Exclude<CommandResults['format'], 'junit'>, name: string, folder: string): Result<JunitResults, string>;
}

export function collectPrinted(): PrintedResults {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return {
    take(chunk) {
      bytes += chunk.length;
      if (bytes <= FILE_BYTES_MAX) chunks.push(chunk);
    },
    read(format, name, folder) {
      if (bytes > FILE_BYTES_MAX) return bad(`the results on standard output have ${bytes} bytes, more than ${FILE_BYTES_MAX}`);
      const parse = format === 'tap' ? parseTap : parseGoJson;
      const parsed = parse(Buffer.concat(chunks).toString('utf8'), { file: taskFile(name, folder) });
      return parsed.ok ? parsed : bad(`the results on standard output ${parsed.problem}`);
    },
  };
}

/** The verdict on a results file, together with the exit of the process. */
export const junitVerdict = async (attempt: Attempt, folder: string, path: string, end: GroupEnd): Promise<AttemptEnd> =>
  resultsVerdict(attempt, await readResults(path, attempt.order.name, folder), end);

/** The verdict on what was read, together with the exit of the process. */
export function resultsVerdict(attempt: Attempt, read: Result<JunitResults, string>, end: GroupEnd): AttemptEnd {
  if (!read.ok) return { outcome: 'errored', reason: `${read.problem}${end.code === 0 ? '' : ` (${exitText(end)})`}` };
  const { cases, errors } = read.value;
  if (cases.length > 0) attempt.addCases(cases);
  const more = errors.length > 0 ? { errors } : {};
  const exit = end.code === 0 ? {} : { reason: exitText(end) };
  if (attempt.failedCount() > 0) return { outcome: 'failed', ...exit, ...more };
  if (errors.length > 0) return { outcome: cases.length > 0 ? 'failed' : 'errored', ...exit, ...more };
  if (end.code !== 0) return { outcome: 'errored', reason: `${exitText(end)}, although no test case failed` };
  if (cases.length === 0) return { outcome: 'errored', reason: 'no test ran: the results hold no test case' };
  return { outcome: 'passed' };
}

async function readResults(path: string, name: string, folder: string): Promise<Result<JunitResults, string>> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) return bad(`the results in ${path} have ${size} bytes, more than ${FILE_BYTES_MAX}`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    return bad(`the results cannot be read: ${errorText(error)}`);
  }
  const parsed = parseJunit(text, { file: taskFile(name, folder), cwd: folder });
  return parsed.ok ? parsed : bad(`the results in ${path} ${parsed.problem}`);
}

/** Reading is synchronous: a larger file would hold up the worker's heartbeats. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
