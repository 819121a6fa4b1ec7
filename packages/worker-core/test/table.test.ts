import { expect, test } from 'vitest';
import { LEASE_TABLE, type LeaseDecision, type LeaseInput, type LeaseState } from '../src/index.ts';

const STATES: readonly LeaseState[] = ['waiting', 'starting', 'running', 'paused', 'stopping', 'returning', 'finished'];
const INPUTS: readonly LeaseInput[] = [
  'slotFreed',
  'attemptStarted',
  'attemptPaused',
  'attemptEnded',
  'revoked',
  'givenBack',
  'pauseAsked',
  'settled',
];

const cellsWith = (...wanted: LeaseDecision[]): string[] =>
  STATES.flatMap((state) => INPUTS.filter((input) => wanted.includes(LEASE_TABLE[state][input])).map((input) => `${state}/${input}`));

test('table: every state and input -> decided', () => {
  for (const state of STATES) for (const input of INPUTS) expect(LEASE_TABLE[state][input], `${state}/${input}`).toBeTypeOf('string');
  expect(Object.keys(LEASE_TABLE)).toEqual(STATES);
});

test('L1 table: start -> only of a lease that waits', () => {
  expect(cellsWith('start')).toEqual(['waiting/slotFreed']);
});

test('L2 table: a result -> goes away only when settled or revoked', () => {
  expect(cellsWith('forget')).toEqual(['finished/settled']);
  expect(INPUTS.filter((input) => LEASE_TABLE.finished[input] !== 'ignore')).toEqual(['revoked', 'settled']);
});

test('L3 table: a slot -> is freed only by the end of the attempt', () => {
  for (const cell of cellsWith('freeSlot', 'freeSlotAndRelease', 'finish')) expect(cell).toMatch(/\/attemptEnded$/);
});

test('table: a pause -> kept exactly while there is no process to pause', () => {
  expect(cellsWith('keepPause')).toEqual(['waiting/pauseAsked', 'starting/pauseAsked']);
  expect(cellsWith('passPause')).toEqual(['running/pauseAsked', 'paused/pauseAsked']);
});
