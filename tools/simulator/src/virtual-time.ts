/**
 * One queue of events for the whole cluster, and the clocks of its processes, which agree on nothing.
 *
 * V1 Events run by (time, order of planning); nothing else moves time.
 * V2 A process that is stalled runs nothing; what was due meanwhile runs late, in order.
 */
import { type Clock, type DurationMs, type MonoMs, monoMs, type Timers, wallMs } from '@holdfast/kernel';

interface Planned {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export interface VirtualTime {
  /** Milliseconds since the beginning of the simulation. */
  now(): number;
  /** Runs `run` after `by` milliseconds; returns what cancels it. */
  after(by: number, run: () => void): () => void;
  /** Runs the next event. False: there is none before `until`; time stands at `until` then. */
  step(until: number): boolean;
  /** Events that ran. */
  readonly events: number;
}

/** Creates a queue at 0 ms. */
export function createVirtualTime(): VirtualTime {
  const heap: Planned[] = [];
  let now = 0;
  let order = 0;
  let events = 0;

  const before = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  const push = (entry: Planned): void => {
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  };
  const pop = (): void => {
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  };

  return {
    now: () => now,
    after(by, run) {
      const entry: Planned = { at: now + Math.max(0, by), order: order++, run };
      push(entry);
      return () => {
        entry.run = undefined;
      };
    },
    step(until) {
      while (heap.length > 0 && heap[0]!.run === undefined) pop();
      const entry = heap[0];
      if (!entry || entry.at > until) {
        now = Math.max(now, until);
        return false;
      }
      pop();
      now = entry.at;
      events += 1;
      entry.run!();
      return true;
    },
    get events() {
      return events;
    },
  };
}

/** A process's own clock and timers: they start anywhere, run at their own rate and stand still while it is stalled. */
export interface LocalTime {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Runs nothing of this process for `by` milliseconds. */
  stall(by: number): void;
  /** Total milliseconds it was stalled. */
  readonly stalledMs: number;
}

export function createLocalTime(time: VirtualTime, offset: number, rate: number): LocalTime {
  let awakeAt = 0;
  let stalledMs = 0;
  const plan = (by: number, run: () => void): (() => void) => {
    let cancel = (): void => {};
    const attempt = (): void => {
      if (time.now() >= awakeAt) run();
      else cancel = time.after(awakeAt - time.now(), attempt);
    };
    cancel = time.after(by, attempt);
    return () => cancel();
  };
  return {
    clock: { mono: (): MonoMs => monoMs(offset + time.now() * rate), wall: () => wallMs(1_767_225_600_000 + time.now()) },
    timers: { set: (delay: DurationMs, run) => plan(delay / rate, run), soon: (run) => void plan(0, run) },
    stall(by) {
      const until = time.now() + by;
      if (until <= awakeAt) return;
      stalledMs += until - Math.max(awakeAt, time.now());
      awakeAt = until;
    },
    get stalledMs() {
      return stalledMs;
    },
  };
}
