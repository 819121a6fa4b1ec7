/**
 * Watches a folder into which a program renames its checkpoints, and tells of the latest one.
 *
 * F1 Names that begin with a dot or end in `.tmp` are the program's own business: it writes there, then renames.
 * F2 Checkpoints are told at least `everyMs` apart, and one at a time: while one is not settled the next waits, and only the latest counts.
 * F3 A file that changes while it is read is read again later: it was not renamed but written.
 */
import { constants, type FSWatcher, lstatSync, readdirSync, watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type SealedState, sealState, type State, STATE_BYTES_MAX } from '@holdfast/checkpoint-store/envelope';
import { durationMs, errorText, type Timers } from '@holdfast/kernel';

export interface CheckpointFolder {
  /** The checkpoint of that number is durable, or cannot be kept. */
  settled(seq: number): void;
  /** Stops watching; tells of what is new, if `last`. */
  close(last: boolean): Promise<void>;
}

export interface CheckpointFolderPorts {
  readonly timers: Timers;
  tell(seq: number, state: SealedState, bytes: Uint8Array): void;
  /** Something is wrong with a file; for the attempt's log. */
  complain(text: string): void;
}

/** Begins to watch. `given`: digest of the state that was put there for the program. */
export function watchCheckpoints(
  folder: string,
  everyMs: number,
  given: string | undefined,
  ports: CheckpointFolderPorts,
): CheckpointFolder {
  let seq = 0;
  let inFlight = 0;
  let seen = '';
  let lastDigest = given;
  let dirty = false;
  let looking: Promise<void> | undefined;
  let cancelPause: (() => void) | undefined;
  let closed = false;

  const look = (): void => {
    dirty = true;
    if (closed || looking || cancelPause || inFlight > 0) return;
    dirty = false;
    looking = capture().finally(() => {
      looking = undefined;
      if (dirty && !cancelPause) look();
    });
  };

  /** F2: the clock of the next one runs from here. */
  const pause = (): void => {
    cancelPause = ports.timers.set(durationMs(everyMs), () => {
      cancelPause = undefined;
      if (dirty) look();
    });
  };

  async function capture(): Promise<void> {
    const found = latest(folder);
    if (!found || found.signature === seen) return;
    try {
      const state = await readSteady(folder, found.name);
      if (state === 'changing') {
        dirty = true;
        if (!closed) pause();
        return;
      }
      seen = found.signature;
      if (state === 'too_large') return ports.complain(`checkpoint ${found.name} is larger than ${STATE_BYTES_MAX} bytes and is not kept`);
      const sealed = sealState(state);
      const { digest } = sealed.data as { digest: string };
      if (digest === lastDigest) return;
      lastDigest = digest;
      seq += 1;
      inFlight = seq;
      if (!closed) pause();
      ports.tell(seq, sealed, state.bytes);
    } catch (error) {
      // It was renamed or removed meanwhile: what replaced it is another change.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        ports.complain(`checkpoint ${found.name} cannot be read: ${errorText(error)}`);
    }
  }

  const watcher = watchFolder(folder, look);
  return {
    settled(done) {
      if (done !== inFlight) return;
      inFlight = 0;
      if (dirty) look();
    },
    async close(last) {
      closed = true;
      watcher?.close();
      cancelPause?.();
      await looking;
      if (last) await capture();
    },
  };
}

function watchFolder(folder: string, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, changed);
    watcher.on('error', changed);
    return watcher;
  } catch {
    /* ignored: the machine has no watch left; what is there at the end of the attempt is still taken. */
    return undefined;
  }
}

/** The file that was renamed into the folder last. A rename sets the change time of the file's entry. */
function latest(folder: string): { readonly name: string; readonly signature: string } | undefined {
  let best: { readonly name: string; readonly signature: string; readonly at: bigint } | undefined;
  for (const name of namesOf(folder)) {
    if (name.startsWith('.') || name.endsWith('.tmp')) continue;
    const found = lstatSync(join(folder, name), { bigint: true, throwIfNoEntry: false });
    if (!found?.isFile() || (best && found.ctimeNs <= best.at)) continue;
    best = { name, signature: `${found.ino}/${found.ctimeNs}/${found.size}`, at: found.ctimeNs };
  }
  return best;
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    /* ignored: the program removed it; there is nothing to find. */
    return [];
  }
}

async function readSteady(folder: string, name: string): Promise<State | 'changing' | 'too_large'> {
  const file = await open(join(folder, name), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const before = await file.stat({ bigint: true });
    if (before.size > BigInt(STATE_BYTES_MAX)) return 'too_large';
    const bytes = await file.readFile();
    const after = await file.stat({ bigint: true });
    const steady = before.size === after.size && before.mtimeNs === after.mtimeNs && BigInt(bytes.byteLength) === after.size;
    return steady ? { kind: 'file', name, bytes } : 'changing';
  } finally {
    await file.close();
  }
}
