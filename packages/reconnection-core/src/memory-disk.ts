/** A spool's disk in memory, for tests and simulations: what a process wrote outlives it, what it synced outlives a power cut. */
import { hash32 } from '@holdfast/kernel';
import type { SpoolDisk } from './spool.ts';

export interface MemoryDisk extends SpoolDisk {
  /** The process died: syncs that are under way end without an answer. */
  processDied(): void;
  /** The machine lost its power: what was not synced is gone, except for the first `keptUnits` units of each tail. */
  powerLost(keptUnits: number): void;
  /** Answers the syncs that are under way. With a problem, what they covered is not durable, and never will be. */
  finishSyncs(problem?: string): void;
  /** Every append fails with this; undefined: none does. */
  failAppends(problem: string | undefined): void;
  /** Changes what lies in a segment. */
  damage(segment: number, change: (text: string) => string): void;
  readonly segments: readonly number[];
  readonly appends: number;
}

interface File {
  text: string;
  synced: number;
}

/** Creates an empty disk. */
export function createMemoryDisk(): MemoryDisk {
  const files = new Map<number, File>();
  let mine = new Set<number>();
  let syncs: { readonly covered: ReadonlyMap<number, number>; readonly done: (problem: string | undefined) => void }[] = [];
  let failing: string | undefined;
  let appends = 0;
  const processDied = (): void => {
    mine = new Set();
    syncs = [];
  };
  return {
    checksum: (text) => hash32(text),
    sizeOf: (text) => text.length,
    read: () => [...files].sort(([one], [other]) => one - other).map(([segment, { text }]) => ({ segment, text, bytes: text.length })),
    append(segment, text) {
      appends += 1;
      if (failing !== undefined) return failing;
      if (files.has(segment) && !mine.has(segment)) return 'EEXIST';
      mine.add(segment);
      const file = files.get(segment) ?? { text: '', synced: 0 };
      file.text += text;
      files.set(segment, file);
      return undefined;
    },
    sync(segments, done) {
      syncs.push({ covered: new Map(segments.map((segment) => [segment, files.get(segment)?.text.length ?? 0])), done });
    },
    remove: (segment) => void files.delete(segment),
    processDied,
    powerLost(keptUnits) {
      processDied();
      for (const [segment, file] of files) {
        file.text = file.text.slice(0, file.synced + keptUnits);
        if (file.text === '') files.delete(segment);
      }
    },
    finishSyncs(problem) {
      for (const { covered, done } of syncs.splice(0)) {
        for (const [segment, length] of covered) {
          const file = files.get(segment);
          if (file && problem === undefined) file.synced = Math.max(file.synced, length);
        }
        done(problem);
      }
    },
    failAppends: (problem) => void (failing = problem),
    damage(segment, change) {
      const file = files.get(segment)!;
      file.text = change(file.text);
      file.synced = file.text.length;
    },
    get segments() {
      return [...files.keys()].sort((one, other) => one - other);
    },
    get appends() {
      return appends;
    },
  };
}
