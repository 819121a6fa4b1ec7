import { isTerminal, mayFollow, TASK_TRANSITIONS, type TaskState } from '@holdfast/model';
import { expect, test } from 'vitest';

const STATES = Object.keys(TASK_TRANSITIONS) as TaskState[];
const ENDS: readonly TaskState[] = ['passed', 'failed', 'errored', 'timed_out', 'cancelled', 'dead_letter'];

/** Written by hand a second time: a change of the table must be meant. */
const EXPECTED: Readonly<Record<TaskState, string>> = {
  queued: 'cancelled dead_letter leased',
  leased: 'cancelled dead_letter errored failed passed queued running timed_out',
  running: 'cancelled dead_letter errored failed passed paused queued timed_out',
  paused: 'cancelled dead_letter errored failed passed queued running timed_out',
  passed: '',
  failed: '',
  errored: '',
  timed_out: '',
  cancelled: '',
  dead_letter: '',
};

test.each(STATES)('%s: every pair is decided, as written here', (from) => {
  const open = STATES.filter((to) => mayFollow(from, to));
  expect(open.toSorted().join(' ')).toBe(EXPECTED[from]);
  // No name in the table that is not a state, and none twice.
  expect(TASK_TRANSITIONS[from].toSorted()).toEqual(open.toSorted());
});

test('the table has the ten states and no other', () => {
  expect(STATES.toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
});

test('M1 terminal are the six ends, none has a way out, all others have one', () => {
  expect(STATES.filter(isTerminal).toSorted()).toEqual(ENDS.toSorted());
  for (const end of ENDS) for (const to of STATES) expect(mayFollow(end, to)).toBe(false);
});

test('M2 only queued tasks are granted', () => {
  expect(STATES.filter((from) => mayFollow(from, 'leased'))).toEqual(['queued']);
});

test('no state follows itself', () => {
  expect(STATES.filter((state) => mayFollow(state, state))).toEqual([]);
});

test('every state is reachable from queued, and an end is reachable from every state', () => {
  const reachable = (from: TaskState): Set<TaskState> => {
    const seen = new Set<TaskState>([from]);
    for (const state of seen) for (const to of TASK_TRANSITIONS[state]) seen.add(to);
    return seen;
  };
  expect([...reachable('queued')].toSorted()).toEqual(STATES.toSorted());
  for (const state of STATES) expect([...reachable(state)].some(isTerminal)).toBe(true);
});
