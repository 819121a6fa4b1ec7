/**
 * The worker's heartbeats on one link after another: when to beat, what was answered, when silence is too long.
 *
 * K1 A renewal counts from when its beat was sent, by the worker's own monotonic clock; `stalled` never moves it.
 * K2 Beats of a former link are forgotten: a long cut cannot fail the first check of a new link (D10).
 * K3 A link is silent when no beat was answered for two intervals and a half.
 * K4 Credit after none is told at once, at most every `creditEvery`: otherwise a worker would idle for an interval.
 *    So is room that shrank to what is held: otherwise a worker that drains would be given leases for an interval.
 * K5 Links that break make beats denser, so that a lease has more of its time left when the next one breaks; links that last make them
 *    rarer again. They never come further apart than `every`, which all deadlines of both ends count in (K3), nor closer than
 *    `floor`, nor closer than two of the longest round trips: what is slow is not asked more often.
 */
import { after, type DurationMs, durationMs, type MonoMs } from '@holdfast/kernel';
import { earliest } from './channel.ts';

export interface Held {
  readonly count: number;
  readonly hash: number;
}

/** A beat but for the acks. */
export interface BeatFields {
  readonly f: 'beat';
  readonly n: number;
  readonly held: Held;
  readonly credits: number;
}

export interface Bounds {
  /** The longest interval. */
  readonly every: DurationMs;
  /** The shortest one; `every` or more: beats keep one pace. */
  readonly floor: DurationMs;
}

export interface Heartbeat {
  /** A link opened: the first beat is due now, so that leases are renewed and credit is known at once. */
  start(bounds: Bounds, now: MonoMs): void;
  stop(): void;
  /** The link broke, and nobody said that it would (K5). `stop` follows. */
  broke(): void;
  /** From one beat to the next; undefined while stopped. */
  interval(): DurationMs | undefined;
  change(held: Held, credits: number, now: MonoMs): void;
  held(): Held;
  /** The beat that is due, counted as sent now. */
  beat(now: MonoMs): BeatFields | undefined;
  /** When the answered beat was sent; undefined for a beat that this link does not know. */
  answered(n: number, now: MonoMs): MonoMs | undefined;
  silent(now: MonoMs): boolean;
  shift(by: DurationMs): void;
  deadline(): MonoMs | undefined;
  /** Milliseconds, oldest first, at most 64. */
  roundTrips(): readonly number[];
}

/** Creates a heartbeat that is stopped and holds nothing. */
export function createHeartbeat(creditEvery: DurationMs): Heartbeat {
  let sent: { readonly n: number; readonly at: MonoMs }[] = [];
  let trips: number[] = [];
  let held: Held = { count: 0, hash: 0 };
  let credits = 0;
  let creditsSent = 0;
  /** Held and wanted together, as the last beat on this link told it. */
  let roomSent = 0;
  let lastN = 0;
  let lastAt: MonoMs | undefined;
  let { every, floor }: Bounds = { every: durationMs(0), floor: durationMs(0) };
  /** Share of `every` from one beat to the next, before its bounds. */
  let pace = 1;
  /** Beats answered since the link opened or the pace changed. */
  let calm = 0;
  /** `newsAt`: when K4 wants a beat before `nextAt`. */
  let running: { readonly nextAt: MonoMs; readonly newsAt: MonoMs | undefined; readonly silentAt: MonoMs } | undefined;
  const patience = (): DurationMs => durationMs(every * 2.5);
  const interval = (): DurationMs => durationMs(Math.min(every, Math.max(floor, every * pace, 2 * Math.max(0, ...trips))));

  return {
    start(bounds, now) {
      ({ every, floor } = bounds);
      calm = 0;
      sent = [];
      creditsSent = 0;
      roomSent = 0;
      running = { nextAt: now, newsAt: undefined, silentAt: after(now, patience()) };
    },
    stop() {
      running = undefined;
      sent = [];
    },
    broke() {
      pace = Math.max(PACE_MIN, pace * DENSER);
    },
    interval: () => (running ? interval() : undefined),
    change(newHeld, newCredits, now) {
      held = { count: newHeld.count, hash: newHeld.hash };
      credits = newCredits;
      if (!running) return;
      const isNews = credits > 0 ? creditsSent === 0 : held.count < roomSent;
      const soonest = lastAt === undefined || lastAt + creditEvery < now ? now : after(lastAt, creditEvery);
      running = { ...running, newsAt: isNews ? soonest : undefined };
    },
    held: () => held,
    beat(now) {
      if (!running || now < (earliest(running.nextAt, running.newsAt) ?? now)) return undefined;
      lastN += 1;
      lastAt = now;
      creditsSent = credits;
      roomSent = held.count + credits;
      if (sent.length >= UNANSWERED_MAX) sent = sent.slice(1);
      sent.push({ n: lastN, at: now });
      running = { ...running, nextAt: after(now, interval()), newsAt: undefined };
      return { f: 'beat', n: lastN, held, credits };
    },
    answered(n, now) {
      const index = sent.findIndex((beat) => beat.n === n);
      if (index < 0 || !running) return undefined;
      const { at } = sent[index]!;
      sent = sent.slice(index + 1);
      if (trips.length >= ROUND_TRIPS_MAX) trips = trips.slice(1);
      trips.push(now - at);
      calm += 1;
      if (calm >= CALM_BEATS) {
        calm = 0;
        pace = Math.min(1, pace * RARER);
      }
      running = { ...running, silentAt: after(now, patience()) };
      return at;
    },
    silent: (now) => running !== undefined && now >= running.silentAt,
    shift(by) {
      if (running) running = { ...running, silentAt: after(running.silentAt, by) };
    },
    deadline: () => (running ? earliest(earliest(running.nextAt, running.newsAt), running.silentAt) : undefined),
    roundTrips: () => [...trips],
  };
}

const UNANSWERED_MAX = 64;
const ROUND_TRIPS_MAX = 64;
const DENSER = 0.8;
const RARER = 1.2;
/** So many beats answered on one link: it lasts. A minute at the defaults. */
const CALM_BEATS = 20;
/** Ten links that broke: more of them change nothing, and calm still ends it. */
const PACE_MIN = 0.1;
