/**
 * Drives one machine in the real world (rules M1 and M6 of the architecture).
 *
 * D1 Inputs queue; the machine is never re-entered, not even by an input offered inside `perform`.
 * D2 `perform` is called once per effect, in list order, and never awaited. A throw in it reaches `crashed`
 *    and the driver stops: a node that cannot perform an effect must not go on.
 * D3 One turn drains at most `inputsPerTurnMax` inputs, then ticks.
 * D4 A tick more than `stallAfter` late first delivers the machine's own `stalled(by)` input, so that liveness
 *    deadlines move: what was sent meanwhile may already wait in the socket.
 * D5 At most one timer waits at a time, none after `stop`. A machine whose deadline stays due after its tick, which
 *    no machine should have, is called again once a millisecond: it neither blocks the process nor counts as late.
 */
import { assert } from './assert.ts';
import type { Machine } from './machine.ts';
import type { Clock, Timers } from './ports.ts';
import { after, type DurationMs, durationMs, elapsed, type MonoMs } from './units.ts';

export interface DrivePorts<Input, Effect> {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Performs one effect at once. Whatever can fail comes back later as an input. */
  readonly perform: (effect: Effect, now: MonoMs) => void;
  /** Receives what `perform` or the machine threw. The driver has stopped by then. */
  readonly crashed: (error: unknown) => void;
  /** Makes the input that tells the machine it slept for `by`; absent: the machine has no liveness deadlines. */
  readonly stalled?: (by: DurationMs) => Input;
  /** Called at the end of each turn, when all its effects were performed: a place to flush batched frames. Not after `stop`. */
  readonly turnEnded?: () => void;
}

export interface Driver<Input> {
  /** Queues a fact. It is handled in a later turn, in the order offered. Ignored after `stop`. */
  offer(input: Input): void;
  /** Stops for good: queued inputs and the effects that are left of this turn are dropped, the timer is cancelled. */
  stop(): void;
}

/** Starts driving `machine`: its first tick comes in the next turn, even without an input. */
export function drive<Input, Effect>(machine: Machine<Input, Effect, unknown>, ports: DrivePorts<Input, Effect>): Driver<Input> {
  let queue: Input[] = [];
  let turnPlanned = false;
  let stopped = false;
  /** The timer that waits, or that has fired: timers may fire early, so only the clock says whether it was time. */
  let timer: { readonly at: MonoMs; waits: boolean; readonly cancel: () => void } | undefined;

  const performAll = (effects: readonly Effect[], now: MonoMs): void => {
    for (const effect of effects) {
      if (stopped) return;
      ports.perform(effect, now);
    }
  };

  const planTurn = (): void => {
    if (turnPlanned || stopped) return;
    turnPlanned = true;
    ports.timers.soon(turn);
  };

  /** One timer at a time; it stays when the deadline did. */
  const planTimer = (tickedAt: MonoMs): void => {
    const deadline = machine.deadline();
    assert(!Number.isNaN(deadline), 'a deadline is a time');
    const at = deadline !== undefined && deadline <= tickedAt ? after(tickedAt, SPIN_GAP) : deadline;
    if (timer?.waits && at === timer.at) return;
    timer?.cancel();
    timer = undefined;
    if (at === undefined) return;
    const delay = Math.max(0, elapsed(ports.clock.mono(), at));
    const fired = (): void => {
      if (timer) timer.waits = false;
      planTurn();
    };
    timer = { at, waits: true, cancel: ports.timers.set(durationMs(delay), fired) };
  };

  /** What is due at `now` is about to be done: its timer has served. */
  const takeTimer = (now: MonoMs): number => {
    if (timer === undefined || timer.at > now) return 0;
    const late = elapsed(timer.at, now);
    timer.cancel();
    timer = undefined;
    return late;
  };

  function turn(): void {
    turnPlanned = false;
    if (stopped) return;
    try {
      const now = ports.clock.mono();
      const late = takeTimer(now);
      if (ports.stalled && late > STALL_AFTER_MS) performAll(machine.handle(ports.stalled(durationMs(late)), now), now);
      const inputs = queue.length > INPUTS_PER_TURN_MAX ? queue.splice(0, INPUTS_PER_TURN_MAX) : queue;
      if (inputs === queue) queue = [];
      for (const input of inputs) {
        if (stopped) return;
        performAll(machine.handle(input, now), now);
      }
      if (stopped) return;
      performAll(machine.tick(now), now);
      if (stopped) return;
      ports.turnEnded?.();
      if (stopped) return;
      if (queue.length > 0) planTurn();
      planTimer(now);
    } catch (error) {
      stop();
      ports.crashed(error);
    }
  }

  function stop(): void {
    stopped = true;
    queue = [];
    timer?.cancel();
    timer = undefined;
  }

  planTurn();
  return {
    offer(input) {
      if (stopped) return;
      queue.push(input);
      planTurn();
    },
    stop,
  };
}

const INPUTS_PER_TURN_MAX = 256;
const STALL_AFTER_MS = 500;
const SPIN_GAP = durationMs(1);
