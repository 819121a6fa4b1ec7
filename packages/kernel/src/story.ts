/** A bounded ring of what a node did lately: digests, never payloads. Every raised error attaches it. */
import type { MonoMs } from './units.ts';

export interface StoryEntry {
  readonly at: MonoMs;
  /** What happened, in a few words with ids. */
  readonly what: string;
}

export interface Story {
  /** Adds an entry and drops the oldest past the limit. */
  add(at: MonoMs, what: string): void;
  /** Oldest first. */
  entries(): readonly StoryEntry[];
}

/** Creates a story of at most `entriesMax` entries (default 256; 0: it keeps none). */
export function createStory(entriesMax = 256): Story {
  const ring: StoryEntry[] = [];
  let start = 0;
  return {
    add(at, what) {
      if (ring.length < entriesMax) ring.push({ at, what });
      else if (entriesMax > 0) {
        ring[start] = { at, what };
        start = (start + 1) % entriesMax;
      }
    },
    entries: () => [...ring.slice(start), ...ring.slice(0, start)],
  };
}
