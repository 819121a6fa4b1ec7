/** A worker's id is made once and kept: a restart is the same worker with a new incarnation. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, errorText } from '@holdfast/kernel';
import { type WorkerId, workerId } from '@holdfast/model';

/** The id kept in `dataFolder`, made there at the first call. Errors: `DATA_NOT_WRITABLE` with exit code 78 in its details. */
export function keptWorkerId(dataFolder: string): WorkerId {
  const path = join(dataFolder, 'worker.id');
  try {
    mkdirSync(dataFolder, { recursive: true });
    // `wx`: of two workers that start at once, both end up with the id of the first.
    writeFileSync(path, `w_${randomUUID()}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') {
      throw new CodedError('DATA_NOT_WRITABLE', `keep the worker's id in ${dataFolder}: ${errorText(error)}`, {
        details: { folder: dataFolder, exitCode: 78 },
        cause: error,
      });
    }
  }
  return workerId(readFileSync(path, 'utf8').trim());
}
