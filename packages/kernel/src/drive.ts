/**
 * Drives one machine in the real world (rules M1 and M6 of the architecture).
 *
 * D1 Inputs queue; the machine is never re-entered, not even by an input offered inside `perform`.
 * D2 `perform` is called once per effect, in list order, and never awaited. A throw in it reaches `crashed`
 *    and the driver stops: a node that cannot perform an effect must not go on.
 * D3 One turn drains at most `inputsPerTurnMax` inputs, then ticks.
 * D4 A tick more than `stallAfter` late first delivers the machine's own `stalled(by)` input, so that liveness
 *    deadlines move: what was sent meanwhile may already wait in the socket.
 */
import type { Machine } from './machine.ts';
import type { Clock, Timers } from './ports.ts';
import { type DurationMs, durationMs, elapsed, type MonoMs } from './units.ts';

export interface DrivePorts<Input, Effect> {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Performs one effect at once. Whatever can fail comes back later as an input. */
  readonly perform: (effect: Effect, now: MonoMs) => void;
  /** Receives what `perform` or the machine threw. The driver has stopped by then. */
  readonly crashed: (error: unknown) => void;
  /** Makes the input that tells the machine it slept for `by`; absent: the machine has no liveness deadlines. */
  readonly stalled?: (by: DurationMs) => Input;
  /** Called at the end of each turn, when all its effects were performed: a place to flush batched frames. */
  readonly turnEnded?: () => void;
}

export interface Driver<Input> {
  /** Queues a fact. It is handled in a later turn, in the order offered. Ignored after `stop`. */
  offer(input: Input): void;
  /** Stops for good and drops queued inputs. */
  stop(): void;
}

/** Starts driving `machine`. */
export function drive<Input, Effect>(machine: Machine<Input, Effect, unknown>, ports: DrivePorts<Input, Effect>): Driver<Input> {
  let queue: Input[] = [];
  let turnPlanned = false;
  let stopped = false;
  let cancelTimer: (() => void) | undefined;
  let timerAt: MonoMs | undefined;

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

  const planTimer = (): void => {
    const deadline = machine.deadline();
    if (deadline === timerAt) return;
    cancelTimer?.();
    cancelTimer = undefined;
    timerAt = deadline;
    if (deadline === undefined) return;
    const delay = Math.max(0, elapsed(ports.clock.mono(), deadline));
    cancelTimer = ports.timers.set(durationMs(delay), () => {
      cancelTimer = undefined;
      planTurn();
    });
  };

  function turn(): void {
    turnPlanned = false;
    if (stopped) return;
    try {
      const now = ports.clock.mono();
      const late = timerAt === undefined ? 0 : elapsed(timerAt, now);
      if (ports.stalled && late > STALL_AFTER_MS) performAll(machine.handle(ports.stalled(durationMs(late)), now), now);
      const inputs = queue.length > INPUTS_PER_TURN_MAX ? queue.splice(0, INPUTS_PER_TURN_MAX) : queue;
      if (inputs === queue) queue = [];
      for (const input of inputs) {
        if (stopped) return;
        performAll(machine.handle(input, now), now);
      }
      performAll(machine.tick(now), now);
      timerAt = undefined;
      cancelTimer?.();
      cancelTimer = undefined;
      ports.turnEnded?.();
      if (queue.length > 0) planTurn();
      planTimer();
    } catch (error) {
      stop();
      ports.crashed(error);
    }
  }

  function stop(): void {
    stopped = true;
    queue = [];
    cancelTimer?.();
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
