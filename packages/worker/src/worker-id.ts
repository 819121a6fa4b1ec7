/**
 * A worker's id is made once and kept: a restart is the same worker with a new incarnation.
 *
 * W1 Of two processes that start at once, both end up with the id of the first; neither sees half of it. (On a file system
 *    without hard links the last one may win; the coordinator then takes both for two workers.)
 */
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, errorText } from '@holdfast/kernel';
import { type WorkerId, workerId } from '@holdfast/model';

/**
 * The id kept in `dataFolder`, made there at the first call. A folder that this makes is hidden from git: what lies in it
 * must not count as a change of the checkout.
 *
 * Errors: `DATA_NOT_WRITABLE` with exit code 78 in its details.
 */
export function keptWorkerId(dataFolder: string): WorkerId {
  const path = join(dataFolder, 'worker.id');
  try {
    if (mkdirSync(dataFolder, { recursive: true, mode: 0o700 }) !== undefined) writeFileSync(join(dataFolder, '.gitignore'), '*\n');
    return workerId(readId(path) ?? makeId(path));
  } catch (error) {
    throw new CodedError('DATA_NOT_WRITABLE', `keep the worker's id in ${dataFolder}: ${errorText(error)}`, {
      details: { folder: dataFolder, exitCode: 78 },
      cause: error,
    });
  }
}

/** Undefined: there is none, or a disk was full when it was written. */
function readId(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function makeId(path: string): string {
  const id = `w_${randomUUID()}`;
  const own = `${path}.${id}`;
  try {
    writeFileSync(own, `${id}\n`, { mode: 0o600 });
    try {
      linkSync(own, path);
      return id;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const first = code === 'EEXIST' ? readId(path) : undefined;
      if (first !== undefined) return first;
      // An empty file is there, or the file system has no links.
      renameSync(own, path);
      return readId(path) ?? id;
    }
  } finally {
    rmSync(own, { force: true });
  }
}
