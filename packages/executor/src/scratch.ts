/**
 * Folders outside of the checkout in which attempts leave artifacts and checkpoints: one root per executor, removed when it closes.
 * What the root of a process that was killed holds is removed by the next executor on this machine.
 */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The folders of one attempt. */
export interface AttemptScratch {
  /** Holds the other two. */
  readonly folder: string;
  readonly artifacts: string;
  readonly checkpoints: string;
}

export interface Scratch {
  /** Makes the folders of an attempt, empty. `marker` is unique. */
  ofAttempt(marker: string): AttemptScratch;
  /** Where the tests of a slot's warm hosts leave artifacts: their processes outlive the attempt. */
  ofSlot(slot: number): string;
  /** Moves what a slot's folder holds to an attempt's folder; undefined: it holds nothing. */
  takeSlot(slot: number, marker: string): AttemptScratch | undefined;
  close(): void;
}

/** Creates the root and removes those of dead processes. */
export function createScratch(): Scratch {
  removeLeftovers();
  let root: string | undefined;
  // Made at first use: who runs nothing that needs it leaves no trace.
  const rootFolder = (): string => (root ??= mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`)));
  const foldersOf = (marker: string): AttemptScratch => {
    const folder = join(rootFolder(), marker);
    return { folder, artifacts: join(folder, 'artifacts'), checkpoints: join(folder, 'checkpoints') };
  };
  const slotFolder = (slot: number): string => join(rootFolder(), `slot-${slot}`);
  return {
    ofAttempt(marker) {
      const folders = foldersOf(marker);
      rmSync(folders.folder, { recursive: true, force: true });
      mkdirSync(folders.artifacts, { recursive: true });
      mkdirSync(folders.checkpoints);
      return folders;
    },
    ofSlot(slot) {
      mkdirSync(slotFolder(slot), { recursive: true });
      return slotFolder(slot);
    },
    takeSlot(slot, marker) {
      if (root === undefined || readdirSync(slotFolder(slot)).length === 0) return undefined;
      const folders = foldersOf(marker);
      mkdirSync(folders.folder, { recursive: true });
      renameSync(slotFolder(slot), folders.artifacts);
      mkdirSync(slotFolder(slot));
      return folders;
    },
    close() {
      if (root !== undefined) rmSync(root, { recursive: true, force: true });
      root = undefined;
    },
  };
}

function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1] ?? 0);
    if (pid === 0 || isAlive(pid)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      /* ignored: it is another user's, who removes it. */
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const PREFIX = 'holdfast-attempts-';
