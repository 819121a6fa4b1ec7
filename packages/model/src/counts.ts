/** The counters of a run: changed in the transaction of each task, never counted anew. */

/** `total` is the sum of `remaining` and of the terminal states that follow it. */
export interface RunCounts {
  readonly total: number;
  /** Not terminal. */
  readonly remaining: number;
  readonly passed: number;
  readonly failed: number;
  readonly errored: number;
  readonly timedOut: number;
  readonly cancelled: number;
  readonly deadLetter: number;
  /** Attempts lost with their machine; not part of the sum. */
  readonly lostAttempts: number;
}

/** A run without tasks. */
export const NO_COUNTS: RunCounts = {
  total: 0,
  remaining: 0,
  passed: 0,
  failed: 0,
  errored: 0,
  timedOut: 0,
  cancelled: 0,
  deadLetter: 0,
  lostAttempts: 0,
};
