/** At most so many tasks of one key at a time (A5). The buckets of a full key leave the queues until it has room, and hold nothing back. */
import type { KeyBucket } from './entries.ts';

export interface ConcurrencyKeys {
  hasRoom(name: string): boolean;
  started(name: string): void;
  /** One has ended. Returns the buckets that may queue again. */
  ended(name: string): readonly KeyBucket[];
  /** A bucket waits for its key. */
  wait(bucket: KeyBucket): void;
  running(name: string): number;
}

export function createConcurrencyKeys(limitOf: (key: string) => number): ConcurrencyKeys {
  const keys = new Map<string, { readonly dormant: Set<KeyBucket>; running: number }>();
  const keyOf = (name: string): { readonly dormant: Set<KeyBucket>; running: number } => {
    const known = keys.get(name);
    if (known) return known;
    const made = { dormant: new Set<KeyBucket>(), running: 0 };
    keys.set(name, made);
    return made;
  };
  return {
    hasRoom: (name) => (keys.get(name)?.running ?? 0) < limitOf(name),
    started: (name) => void (keyOf(name).running += 1),
    ended(name) {
      const key = keyOf(name);
      key.running -= 1;
      const awake = [...key.dormant];
      key.dormant.clear();
      if (key.running === 0) keys.delete(name);
      return awake;
    },
    wait: (bucket) => void keyOf(bucket.key).dormant.add(bucket),
    running: (name) => keys.get(name)?.running ?? 0,
  };
}
