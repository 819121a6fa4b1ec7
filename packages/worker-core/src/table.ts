/**
 * The life of one lease on a worker, as a total table: every (state, input) is decided here.
 *
 * L1 A lease is started at most once; `start` is the only decision that takes a slot.
 * L2 An ended attempt becomes a result that is kept until the coordinator has committed it, unless the
 *    coordinator said before that it does not want it.
 * L3 A slot is freed by `attemptEnded` only: nothing else proves that its processes are gone.
 */

export type LeaseState =
  /** Accepted; no slot is free. */
  | 'waiting'
  /** Its process was asked for. */
  | 'starting'
  | 'running'
  | 'paused'
  /** Unwanted; its process is being ended, and its result will be thrown away. */
  | 'stopping'
  /** Being ended to be given back: `released` follows. */
  | 'returning'
  /** Its result waits to be committed by the coordinator. */
  | 'finished';

export type LeaseInput =
  | 'slotFreed'
  | 'attemptStarted'
  | 'attemptPaused'
  | 'attemptEnded'
  /** The coordinator revoked it. */
  | 'revoked'
  /** The worker wants to be rid of it: it stops, or its own clock says that the lease is over. */
  | 'givenBack'
  | 'pauseAsked'
  /** The coordinator has committed its result. */
  | 'settled';

export type LeaseDecision =
  /** Take the slot and begin. */
  | 'start'
  | 'noteStarted'
  | 'notePaused'
  /** Keep the result and offer it; free the slot. */
  | 'finish'
  /** End the process; say nothing of it. */
  | 'kill'
  /** End the process, then say `released`. */
  | 'killAndRelease'
  /** Forget it; there is no process. */
  | 'drop'
  /** Forget it and say `released`; there is no process. */
  | 'release'
  /** Free the slot and forget it. */
  | 'freeSlot'
  /** Free the slot, forget it and say `released`. */
  | 'freeSlotAndRelease'
  | 'passPause'
  /** There is no process to pause yet: pass it once there is. */
  | 'keepPause'
  /** The coordinator has the result: forget it. */
  | 'forget'
  /** Stays as it is, for the reason that stands beside it. */
  | 'ignore';

const started = {
  attemptStarted: 'noteStarted',
  attemptPaused: 'notePaused',
  attemptEnded: 'finish',
  revoked: 'kill',
  givenBack: 'killAndRelease',
  pauseAsked: 'passPause',
  // It has its slot; a result is settled only when it exists.
  slotFreed: 'ignore',
  settled: 'ignore',
} as const;

const ending = {
  // The end is on its way; whatever the process says before it is late.
  attemptStarted: 'ignore',
  attemptPaused: 'ignore',
  pauseAsked: 'ignore',
  slotFreed: 'ignore',
  settled: 'ignore',
  givenBack: 'ignore',
} as const;

export const LEASE_TABLE: Readonly<Record<LeaseState, Readonly<Record<LeaseInput, LeaseDecision>>>> = {
  waiting: {
    slotFreed: 'start',
    revoked: 'drop',
    givenBack: 'release',
    // No process exists yet, so nothing of one can be heard.
    attemptStarted: 'ignore',
    attemptPaused: 'ignore',
    attemptEnded: 'ignore',
    pauseAsked: 'keepPause',
    settled: 'ignore',
  },
  starting: { ...started, pauseAsked: 'keepPause' },
  running: started,
  paused: started,
  stopping: { ...ending, attemptEnded: 'freeSlot', revoked: 'ignore' },
  returning: { ...ending, attemptEnded: 'freeSlotAndRelease', revoked: 'kill' },
  finished: {
    settled: 'forget',
    // The coordinator does not want the result any more.
    revoked: 'drop',
    // The result is there: it is worth more than giving the lease back.
    givenBack: 'ignore',
    // Its process is gone.
    slotFreed: 'ignore',
    attemptStarted: 'ignore',
    attemptPaused: 'ignore',
    attemptEnded: 'ignore',
    pauseAsked: 'ignore',
  },
};
