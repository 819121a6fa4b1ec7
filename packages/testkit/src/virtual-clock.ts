/**
 * Time that moves only when a test says so. Implements the kernel's `Clock` and `Timers`.
 *
 * V1 Work planned with `soon` runs before time moves, first planned first.
 * V2 Timers run by (time, order of setting); while one runs, `mono` is its own time, never later.
 * V3 Wall time follows at the rate of `mono` plus whatever `jumpWall` added.
 */
import { type Clock, createDeadlines, type DurationMs, type MonoMs, monoMs, type Timers, type WallMs, wallMs } from '@holdfast/kernel';

export interface VirtualClock extends Clock, Timers {
  /** Runs everything planned for now, then jumps to the next timer and runs it. False: nothing is planned any more. */
  next(): boolean;
  /** Runs all that is due within `by` from now; time ends there. */
  advance(by: DurationMs | number): void;
  /** Steps until `done()`; throws after `stepsMax` steps (default 100000) or when nothing is planned, naming `what`. */
  runUntil(what: string, done: () => boolean, stepsMax?: number): void;
  /** Moves the wall clock only, by any sign. */
  jumpWall(by: number): void;
  /** Timers and turns that are planned. */
  readonly planned: number;
}

/** Creates a clock at 0 ms monotonic (or `startAt`) and 2026-01-01 wall time. */
export function createVirtualClock(startAt = 0): VirtualClock {
  const timers = createDeadlines<number>();
  const runs = new Map<number, () => void>();
  let turns: (() => void)[] = [];
  let now: MonoMs = monoMs(startAt);
  let wallOffset = START_WALL_MS;
  let lastId = 0;

  const settle = (): boolean => {
    const any = turns.length > 0;
    for (let round = 0; turns.length > 0; round += 1) {
      if (round >= TURNS_AT_ONCE_MAX) throw new Error(`virtual clock: still busy after ${TURNS_AT_ONCE_MAX} turns at ${now} ms`);
      const ready = turns;
      turns = [];
      for (const run of ready) run();
    }
    return any;
  };
  const fire = (): void => {
    for (const id of timers.due(now)) {
      const run = runs.get(id);
      runs.delete(id);
      run?.();
    }
  };

  return {
    mono: () => now,
    wall: (): WallMs => wallMs(now + wallOffset),
    set(delay, run) {
      const id = ++lastId;
      runs.set(id, run);
      timers.set(id, monoMs(now + Math.max(0, delay)));
      return () => {
        timers.clear(id);
        runs.delete(id);
      };
    },
    soon: (run) => void turns.push(run),
    next() {
      if (settle()) return true;
      const at = timers.next();
      if (at === undefined) return false;
      now = monoMs(Math.max(now, at));
      fire();
      settle();
      return true;
    },
    advance(by) {
      const end = monoMs(now + by);
      settle();
      for (let at = timers.next(); at !== undefined && at <= end; at = timers.next()) {
        now = monoMs(Math.max(now, at));
        fire();
        settle();
      }
      now = end;
    },
    runUntil(what, done, stepsMax = 100_000) {
      for (let step = 0; !done(); step += 1) {
        if (step >= stepsMax) throw new Error(`virtual clock: no ${what} after ${stepsMax} steps, at ${now} ms`);
        if (!this.next()) throw new Error(`virtual clock: no ${what}, and nothing is planned, at ${now} ms`);
      }
    },
    jumpWall(by) {
      wallOffset += by;
    },
    get planned() {
      return timers.size + turns.length;
    },
  };
}

const START_WALL_MS = 1_767_225_600_000;
const TURNS_AT_ONCE_MAX = 100_000;
