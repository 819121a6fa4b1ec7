/**
 * The one contract of every core: past-tense inputs and time in, imperative effects out.
 *
 * A machine never reads a clock, draws a random number of its own, sleeps, awaits or touches I/O, so a whole
 * cluster of them runs in one process under virtual time and any failure replays from its seed.
 */
import type { MonoMs } from './units.ts';

export interface Machine<Input, Effect, Snapshot> {
  /** Takes one fact and returns what must be done, in order. Never async, never re-entrant. */
  handle(input: Input, now: MonoMs): readonly Effect[];
  /** Does what time alone makes due. An early or repeated call returns []. */
  tick(now: MonoMs): readonly Effect[];
  /** When `tick` next matters; undefined: not before another input. O(1). */
  deadline(): MonoMs | undefined;
  /** The state as plain data. */
  snapshot(): Snapshot;
}
