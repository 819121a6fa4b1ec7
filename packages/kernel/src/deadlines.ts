/**
 * Many named deadlines in one heap; `next` is O(1), `set` and `clear` are O(log n).
 *
 * T1 A key has at most one deadline; setting it again moves it.
 * T2 `due` returns keys by (time, order of setting), so equal times keep their order.
 */
import type { MonoMs } from './units.ts';

export interface Deadlines<Key> {
  set(key: Key, at: MonoMs): void;
  clear(key: Key): void;
  /** The deadline of `key`, if it has one. */
  at(key: Key): MonoMs | undefined;
  /** The earliest deadline. */
  next(): MonoMs | undefined;
  /** Removes and returns all keys due at `now`, in order (T2). */
  due(now: MonoMs): Key[];
  /** Moves every deadline later by `by` milliseconds. */
  shift(by: number): void;
  readonly size: number;
}

interface Entry<Key> {
  readonly key: Key;
  at: MonoMs;
  readonly order: number;
  live: boolean;
}

/** Creates an empty set of deadlines. */
export function createDeadlines<Key>(): Deadlines<Key> {
  const byKey = new Map<Key, Entry<Key>>();
  let heap: Entry<Key>[] = [];
  let order = 0;

  const before = (a: Entry<Key>, b: Entry<Key>): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  const push = (entry: Entry<Key>): void => {
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
  /** Cleared entries stay in the heap until they surface, or until they are most of it. */
  const settle = (): void => {
    while (heap.length > 0 && !heap[0]!.live) pop();
    if (heap.length > 64 && heap.length > byKey.size * 4) {
      heap = heap.filter((entry) => entry.live).sort((a, b) => (before(a, b) ? -1 : 1));
    }
  };
  const clear = (key: Key): void => {
    const entry = byKey.get(key);
    if (!entry) return;
    entry.live = false;
    byKey.delete(key);
    settle();
  };

  return {
    set(key, at) {
      const known = byKey.get(key);
      if (known?.at === at) return;
      if (known) known.live = false;
      const entry: Entry<Key> = { key, at, order: order++, live: true };
      byKey.set(key, entry);
      push(entry);
      settle();
    },
    clear,
    at: (key) => byKey.get(key)?.at,
    next: () => heap[0]?.at,
    due(now) {
      const keys: Key[] = [];
      while (heap.length > 0 && heap[0]!.at <= now) {
        const entry = heap[0]!;
        pop();
        if (entry.live) {
          byKey.delete(entry.key);
          keys.push(entry.key);
        }
        settle();
      }
      return keys;
    },
    shift(by) {
      for (const entry of heap) entry.at = (entry.at + by) as MonoMs;
    },
    get size() {
      return byKey.size;
    },
  };
}
