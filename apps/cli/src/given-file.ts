/** Files that somebody named on the command line: a wrong name is a mistake in what was typed. */
import { readFileSync } from 'node:fs';
import { errorText } from '@holdfast/kernel';
import { usageError } from './exit.ts';

/** Its text; `what` says what it was given for. Errors: `CLI_USAGE`. */
export function readGivenFile(path: string | 0, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`read ${what}: ${errorText(error)}`);
  }
}
