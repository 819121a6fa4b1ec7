/**
 * How long an attempt may take and how it is ended by force: SIGTERM, then SIGKILL after the grace.
 *
 * O1 The clock stands still while paused: a pause neither uses up the timeout nor counts as duration.
 * O2 The first reason to end wins; what comes later changes nothing.
 */
import { type Clock, durationMs, type Timers } from '@holdfast/kernel';

export type Signal = 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT';
/** Why it ends: by itself, or by force. */
export type Cause = 'itself' | 'timeout' | 'stop';

export interface OverseerOptions {
  /** Milliseconds until it is ended by force; 0: no limit. */
  readonly timeoutMs: number;
  readonly graceMs: number;
}

export interface OverseerPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Signals all processes of the attempt; false: there are none. */
  readonly signal: (signal: Signal) => boolean;
  readonly paused: (paused: boolean) => void;
}

export interface Overseer {
  stop(): void;
  pause(paused: boolean): void;
  cause(): Cause;
  /** Milliseconds since the start, pauses excluded. */
  elapsedMs(): number;
  /** It has ended: no signal is sent any more. */
  done(): void;
}

/** Starts the clock of an attempt. */
export function createOverseer(options: OverseerOptions, ports: OverseerPorts): Overseer {
  let cause: Cause = 'itself';
  let over = false;
  let ranMs = 0;
  let runningSince: number | undefined = ports.clock.mono();
  let cancelTimer = (): void => undefined;

  const elapsedMs = (): number => ranMs + (runningSince === undefined ? 0 : ports.clock.mono() - runningSince);
  const arm = (): void => {
    cancelTimer();
    if (options.timeoutMs <= 0 || runningSince === undefined) return;
    cancelTimer = ports.timers.set(durationMs(Math.max(0, options.timeoutMs - elapsedMs())), () => {
      // Timers may fire early, and delays beyond 2^31 ms do.
      if (elapsedMs() >= options.timeoutMs) end('timeout');
      else arm();
    });
  };
  const end = (why: Cause): void => {
    if (over || cause !== 'itself') return;
    cause = why;
    cancelTimer();
    ports.signal('SIGTERM');
    // A stopped process hears SIGTERM only when it goes on.
    if (runningSince === undefined) resume();
    cancelTimer = ports.timers.set(durationMs(options.graceMs), () => ports.signal('SIGKILL'));
  };
  const resume = (): void => {
    ports.signal('SIGCONT');
    runningSince = ports.clock.mono();
  };

  arm();
  return {
    stop: () => end('stop'),
    pause(paused) {
      if (over || cause !== 'itself' || paused === (runningSince === undefined)) return;
      if (paused) {
        if (!ports.signal('SIGSTOP')) return;
        ranMs = elapsedMs();
        runningSince = undefined;
        cancelTimer();
      } else {
        resume();
        arm();
      }
      ports.paused(paused);
    },
    cause: () => cause,
    elapsedMs,
    done() {
      over = true;
      ranMs = elapsedMs();
      runningSince = undefined;
      cancelTimer();
    },
  };
}
