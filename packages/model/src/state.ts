/**
 * The life of a task, as a table.
 *
 * M1 A terminal state has no way out.
 * M2 Only `queued` tasks are granted; each grant raises the epoch.
 */

export type TaskState =
  | 'queued'
  | 'leased'
  | 'running'
  | 'paused'
  | 'passed'
  | 'failed'
  | 'errored'
  | 'timed_out'
  | 'cancelled'
  | 'dead_letter';

/** What may follow each state. Anything absent is refused by the store with `bad_transition`. */
export const TASK_TRANSITIONS: Readonly<Record<TaskState, readonly TaskState[]>> = {
  queued: ['leased', 'cancelled', 'dead_letter'],
  // A result may come without a start: the start message is background information, the result is not.
  leased: ['running', 'queued', 'passed', 'failed', 'errored', 'timed_out', 'cancelled', 'dead_letter'],
  running: ['paused', 'queued', 'passed', 'failed', 'errored', 'timed_out', 'cancelled', 'dead_letter'],
  paused: ['running', 'queued', 'passed', 'failed', 'errored', 'timed_out', 'cancelled', 'dead_letter'],
  passed: [],
  failed: [],
  errored: [],
  timed_out: [],
  cancelled: [],
  dead_letter: [],
};

export const isTerminal = (state: TaskState): boolean => TASK_TRANSITIONS[state].length === 0;
export const mayFollow = (from: TaskState, to: TaskState): boolean => TASK_TRANSITIONS[from].includes(to);

export type RunState =
  /** Tasks may still be added. */
  | 'open'
  /** All tasks are known; some are not finished. */
  | 'sealed'
  /** Its owner went away (Ctrl-C): nothing is granted until `resume`. */
  | 'interrupted'
  | 'finished'
  | 'cancelled';
