/**
 * What each toxic does to what passes: a function of the item, of the age of the connection and of seeded chance.
 *
 * T1 A stage never reorders: whatever delays apply, items leave in the order in which they came.
 * T2 Where a byte is corrupted, cut or counted depends on its place in the stream, not on how the network chunked it.
 *    `latency`, `duplicate` and `truncate` act on chunks, because that is what they are about.
 */
import type { Random } from '@holdfast/kernel';
import type { Toxic, ToxicType } from './toxic.ts';

/** What passes through one direction of a connection. */
export type Item =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The sender has ended its side. */
  | { readonly kind: 'end' }
  /** Both ends are closed once what is before has been written. */
  | { readonly kind: 'close' }
  /** Both ends get a reset. */
  | { readonly kind: 'reset' }
  /** The sender gets a reset, the receiver hears nothing any more. */
  | { readonly kind: 'cut' };

/** When an item may leave: `delayMs` after it came, and `gapMs` after the one before it left or, if later, after it came. */
export interface Passed {
  readonly item: Item;
  readonly delayMs?: number;
  readonly gapMs?: number;
}

export interface Stage {
  /** What becomes of `item`; `ageMs`: how long this toxic has had this connection. */
  take(item: Item, ageMs: number): readonly Passed[];
  /** What happens by time alone. */
  readonly alarm?: { readonly afterMs: number; readonly item: Item };
  /** What becomes of the connection when the toxic is removed: a stream with a hole cannot go on. */
  removed?(): Item | undefined;
}

/** What a stage takes over from the one that it replaces when its toxic is changed. */
export interface Memory {
  /** Bytes that have passed. */
  passed: number;
  /** Bytes or ends that were swallowed. */
  swallowed: number;
}

/** The stage of `toxic` on one connection. */
export function createStage({ type, attributes }: Toxic, random: Random, memory: Memory): Stage {
  return STAGES[type](attributes, random, memory);
}

type CreateStage = (attributes: Readonly<Record<string, number>>, random: Random, memory: Memory) => Stage;

const STAGES: Readonly<Record<ToxicType, CreateStage>> = {
  latency: ({ latency, jitter }, random) => ({
    take: (item) => [{ item, delayMs: Math.max(0, latency! + between(random, -jitter!, jitter!)) }],
  }),

  bandwidth: ({ rate }) => ({
    take(item) {
      if (item.kind !== 'bytes' || rate === 0) return [{ item }];
      // Pieces of what passes in 100 ms, so that a large chunk does not come all at once.
      return slices(item.bytes, () => Math.max(1, rate! * 100)).map((bytes) => ({
        item: { kind: 'bytes', bytes },
        gapMs: bytes.length / rate!,
      }));
    },
  }),

  slow_close: ({ delay }) => ({
    take: (item) => (item.kind === 'bytes' ? [{ item }] : [{ item, gapMs: delay! }]),
  }),

  timeout: ({ timeout }, _random, memory) => ({
    take: (item) => swallow(item, memory),
    ...(timeout === 0 ? {} : { alarm: { afterMs: timeout!, item: { kind: 'close' } } }),
    removed: () => ({ kind: 'close' }),
  }),

  reset_peer: ({ timeout }, _random, memory) => ({
    take: (item) => swallow(item, memory),
    alarm: { afterMs: timeout!, item: { kind: 'reset' } },
    removed: () => (memory.swallowed > 0 ? { kind: 'reset' } : undefined),
  }),

  slicer: ({ average_size: size, size_variation: variation, delay }, random) => ({
    take(item) {
      if (item.kind !== 'bytes') return [{ item }];
      const next = (): number => Math.max(1, Math.floor(size! + between(random, -variation!, variation!)));
      return slices(item.bytes, next).map((bytes) => ({ item: { kind: 'bytes', bytes }, gapMs: delay! / 1000 }));
    },
  }),

  limit_data: ({ bytes: limit }, _random, memory) => ({
    take(item) {
      if (item.kind !== 'bytes') return [{ item }];
      const passed: Passed[] = bytesOf(item.bytes.subarray(0, Math.max(0, limit! - memory.passed)));
      memory.passed += item.bytes.length;
      return memory.passed >= limit! ? [...passed, { item: { kind: 'close' } }] : passed;
    },
  }),

  blackhole: ({ after }, _random, memory) => ({
    take: (item, ageMs) => (ageMs < after! ? [{ item }] : swallow(item, memory)),
    removed: () => (memory.swallowed > 0 ? { kind: 'reset' } : undefined),
  }),

  half_open: ({ after }) => ({
    take: (item) => (item.kind === 'bytes' ? [{ item }] : []),
    alarm: { afterMs: after!, item: { kind: 'cut' } },
  }),

  corrupt({ every }, random, memory) {
    const gap = (): number => 1 + random.below(Math.max(1, 2 * Math.floor(every!) - 1));
    let target = memory.passed + gap();
    return {
      take(item) {
        if (item.kind !== 'bytes') return [{ item }];
        const bytes = item.bytes.slice();
        const end = memory.passed + bytes.length;
        for (; target <= end; target += gap()) bytes[target - memory.passed - 1]! ^= 1 << random.below(8);
        memory.passed = end;
        return bytesOf(bytes);
      },
    };
  },

  truncate: ({ bytes: limit }, random, memory) => ({
    take(item) {
      if (item.kind !== 'bytes') return [{ item }];
      const room = Math.max(0, limit! - memory.passed);
      memory.passed += item.bytes.length;
      if (item.bytes.length <= room) return [{ item }];
      const cut = room + random.below(item.bytes.length - room);
      return [...bytesOf(item.bytes.subarray(0, cut)), { item: { kind: 'close' } }];
    },
  }),

  duplicate: ({ percent }, random) => ({
    take: (item) => (item.kind === 'bytes' && random.chance(percent! / 100) ? [{ item }, { item }] : [{ item }]),
  }),

  refuse: () => ({
    take: () => [],
    alarm: { afterMs: 0, item: { kind: 'reset' } },
  }),
};

function swallow(item: Item, memory: Memory): readonly Passed[] {
  memory.swallowed += item.kind === 'bytes' ? item.bytes.length : 1;
  return [];
}

const bytesOf = (bytes: Uint8Array): Passed[] => (bytes.length === 0 ? [] : [{ item: { kind: 'bytes', bytes } }]);

/** An integer of [from, to]. */
const between = (random: Random, from: number, to: number): number =>
  Math.ceil(from) + (to > from ? random.below(Math.floor(to) - Math.ceil(from) + 1) : 0);

function slices(bytes: Uint8Array, size: () => number): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = start + size();
    all.push(bytes.subarray(start, end));
    start = end;
  }
  return all;
}
