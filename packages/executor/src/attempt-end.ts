/** What the ends of all kinds of attempts have in common: force, exit codes, signals. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration } from '@holdfast/kernel';
import type { Attempt, AttemptEnd } from './attempt.ts';
import type { GroupEnd } from './process-group.ts';

/** The verdict when the attempt was ended by force, or could not be cleared away. */
export function forcedEnd(attempt: Attempt, end: GroupEnd): AttemptEnd | undefined {
  const cause = attempt.overseer.cause();
  if (end.left.length > 0) {
    return { outcome: 'errored', reason: `processes could not be killed: ${end.left.join(', ')}`, ...exitFacts(end) };
  }
  if (cause === 'timeout') {
    return { outcome: 'timed_out', reason: `took longer than ${formatDuration(attempt.order.timeoutMs)}`, ...exitFacts(end) };
  }
  return cause === 'stop' ? { outcome: 'cancelled', ...exitFacts(end) } : undefined;
}

export const exitFacts = ({ code, signal }: GroupEnd): Pick<AttemptEnd, 'exitCode' | 'signal'> => ({
  ...(code === null ? {} : { exitCode: code }),
  ...(signal === null ? {} : { signal }),
});

/** `exit code 3` or `killed by SIGSEGV`. */
export const exitText = ({ code, signal }: Pick<GroupEnd, 'code' | 'signal'>): string =>
  signal === null ? `exit code ${code ?? 'unknown'}` : `killed by ${signal}`;

/** The file that the name of a task ends in, if there is such a file in the run's folder; else the empty text. */
export function taskFile(name: string, folder: string): string {
  const last = name.split(/\s+/).at(-1) ?? '';
  if (!/\.[A-Za-z0-9]+$/.test(last) || last.includes('\0')) return '';
  return statSync(join(folder, last), { throwIfNoEntry: false })?.isFile() ? last : '';
}
