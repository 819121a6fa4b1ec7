/**
 * Links between workers and the coordinator: delay by direction, cuts, silence, bursts, frames twice or never.
 *
 * A direction keeps its order, as TCP does. Duplicated and dropped frames are what TCP would not do: the session must notice.
 */
import type { Random } from '@holdfast/kernel';
import type { SimulationOptions } from './options.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What an end of a link hears. */
export interface LinkEnd {
  frame(text: string): void;
  closed(code: number, reason: string): void;
}

interface Direction {
  /** Nothing sent before arrives later than this. */
  arriveAt: number;
  silent: boolean;
  slowUntil: number;
  slowBy: number;
}

export interface Wire {
  readonly number: number;
  readonly open: boolean;
  send(way: 'up' | 'down', text: string): void;
  /** One end closes; the other hears of it after what was sent before. */
  close(by: 'up' | 'down', code: number, reason: string): void;
  /** Both ends lose it. `quiet`: neither is told. */
  cut(quiet: boolean): void;
  /** One end's process is gone; the other end hears of it unless `quiet`. */
  abandon(by: 'up' | 'down', quiet: boolean): void;
  silence(way: 'up' | 'down'): void;
  slow(way: 'up' | 'down', by: number, during: number): void;
  readonly ends: { up: LinkEnd | undefined; down: LinkEnd | undefined };
}

export interface Network {
  /** A wire between both ends: `up` is the worker, `down` the coordinator; each hears what the other sends. */
  open(worker: LinkEnd, coordinator: LinkEnd): Wire;
  delay(): number;
  readonly wires: ReadonlySet<Wire>;
  /** No faults from now on. */
  heal(): void;
}

export function createNetwork(
  options: SimulationOptions,
  time: VirtualTime,
  random: Random,
  sent: (way: 'up' | 'down', wire: number, text: string) => void,
): Network {
  const wires = new Set<Wire>();
  const delays = random.fork('delays');
  const frames = random.fork('frames');
  const bursts = random.fork('bursts');
  let healed = false;
  let count = 0;
  const delay = (): number => exponential(delays, healed ? Math.min(options.delayMs, 20) : options.delayMs);

  function open(worker: LinkEnd, coordinator: LinkEnd): Wire {
    const ends: Wire['ends'] = { up: worker, down: coordinator };
    const state = { open: true, up: direction(), down: direction() };
    const otherEnd = (way: 'up' | 'down'): LinkEnd | undefined => (way === 'up' ? ends.down : ends.up);
    const arrive = (way: 'up' | 'down'): number => {
      const line = state[way];
      const slow = time.now() < line.slowUntil ? line.slowBy : 0;
      line.arriveAt = Math.max(line.arriveAt, time.now() + delay() + slow);
      return line.arriveAt - time.now();
    };
    const tellClosed = (way: 'up' | 'down', code: number, reason: string): void => {
      time.after(arrive(way), () => {
        const end = otherEnd(way);
        if (way === 'up') ends.down = undefined;
        else ends.up = undefined;
        end?.closed(code, reason);
      });
    };
    const finish = (): void => {
      state.open = false;
      wires.delete(wire);
    };
    const wire: Wire = {
      number: (count += 1),
      ends,
      get open() {
        return state.open;
      },
      send(way, text) {
        if (!state.open) return;
        sent(way, wire.number, text);
        const line = state[way];
        const dropped = !healed && frames.chance(options.faults.frameDropped);
        const copies = !healed && frames.chance(options.faults.frameDuplicated) ? 2 : 1;
        if (line.silent || dropped) return;
        for (let copy = 0; copy < copies; copy += 1) time.after(arrive(way), () => otherEnd(way)?.frame(text));
      },
      close(by, code, reason) {
        if (!state.open) return;
        finish();
        const own = ends[by];
        // The end that closed hears so itself a little later, as a socket tells it.
        time.after(delay(), () => {
          if (ends[by] !== own) return;
          ends[by] = undefined;
          own?.closed(code, reason);
        });
        if (!state[by].silent) tellClosed(by, code, reason);
      },
      cut(quiet) {
        if (!state.open) return;
        finish();
        if (quiet) {
          ends.up = undefined;
          ends.down = undefined;
          return;
        }
        // Frames that were under way may still arrive before the news.
        tellClosed('up', 1006, 'cut');
        tellClosed('down', 1006, 'cut');
      },
      abandon(by, quiet) {
        ends[by] = undefined;
        if (!state.open) return;
        finish();
        if (!quiet && !state[by].silent) tellClosed(by, 1006, 'the peer is gone');
      },
      silence(way) {
        state[way].silent = true;
      },
      slow(way, by, during) {
        state[way].slowBy = by;
        state[way].slowUntil = time.now() + during;
      },
    };
    // Slow from its first frame on: then a hello may be overtaken by that of the next dial.
    if (!healed && options.faults.burstEvery > 0 && bursts.chance(0.05)) wire.slow('up', bursts.below(15_000), 10_000);
    wires.add(wire);
    return wire;
  }

  return {
    open,
    delay,
    wires,
    heal() {
      healed = true;
      // What is broken for good is found by heartbeats or cut here.
      for (const wire of wires) wire.cut(false);
    },
  };
}

const direction = (): Direction => ({ arriveAt: 0, silent: false, slowUntil: 0, slowBy: 0 });

/** An exponentially distributed number with this mean, whole microseconds. */
export function exponential(random: Random, mean: number): number {
  return Math.round(-Math.log(1 - random.float()) * mean * 1000) / 1000;
}
