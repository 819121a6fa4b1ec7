/** A spool in a folder: the core on files, with its own timer. */
import { crc32 } from 'node:zlib';
import { CodedError, durationMs, errorText } from '@holdfast/kernel';
import { nodeClock, nodeTimers } from '@holdfast/kernel/node';
import { readRecords } from '../spool-records.ts';
import { createSpool, type Spool, type SpoolOptions, type SpoolStatus } from '../spool.ts';
import { type FolderDisk, openFolderDisk, readSegments } from './spool-disk.ts';

export interface FolderSpoolOptions extends SpoolOptions {
  /** Made if it is missing, for its owner alone. */
  readonly folder: string;
  /** The status has another `full`, or another `problem`. */
  readonly changed?: (status: SpoolStatus) => void;
}

/** A spool that keeps its time itself. */
export interface FolderSpool {
  /** What earlier lives have left, in the order in which it was put. */
  readonly recovered: Spool['recovered'];
  /** Keeps a value under its key; on the disk after `flush`. */
  put(key: string, value: unknown): void;
  /** It is needed no more. */
  settle(key: string): void;
  /** Writes what was put since the last flush. */
  flush(): void;
  /** While the link is down, what is flushed is synced at once. */
  linkChanged(up: boolean): void;
  status(): SpoolStatus;
  /** Flushes, or leaves an empty folder when nothing is kept. */
  close(): void;
}

/** Opens the spool in a folder and reads what is there. Errors: `RECONNECTION_SPOOL_UNUSABLE`. */
export function openSpool(options: FolderSpoolOptions): FolderSpool {
  const { folder } = options;
  const disk = guarded(folder, () => openFolderDisk(folder));
  const sync: FolderDisk['sync'] = (segments, done) =>
    disk.sync(segments, (problem) => {
      done(problem);
      if (!closed) plan();
    });
  const spool = guarded(folder, () => createSpool({ ...disk, sync }, options));
  let cancel: (() => void) | undefined;
  let plannedAt: number | undefined;
  let before = spool.status();
  let closed = false;

  function plan(): void {
    const { full, problem } = before;
    before = spool.status();
    if (before.full !== full || before.problem !== problem) options.changed?.(before);
    const at = spool.deadline();
    if (at === plannedAt) return;
    cancel?.();
    plannedAt = at;
    cancel = undefined;
    if (at === undefined || closed) return;
    cancel = nodeTimers.set(durationMs(Math.max(0, at - nodeClock.mono())), () => {
      plannedAt = undefined;
      spool.tick(nodeClock.mono());
      plan();
    });
  }
  const act = (change: () => void): void => {
    if (closed) return;
    change();
    plan();
  };
  plan();

  return {
    recovered: spool.recovered,
    put: (key, value) => act(() => spool.put(key, value, nodeClock.mono())),
    settle: (key) => act(() => spool.settle(key, nodeClock.mono())),
    flush: () => act(() => spool.flush(nodeClock.mono())),
    linkChanged: (up) => act(() => spool.linkChanged(up, nodeClock.mono())),
    status: () => spool.status(),
    close() {
      if (closed) return;
      spool.close(nodeClock.mono());
      closed = true;
      cancel?.();
      disk.close();
    },
  };
}

/** The keys that a folder keeps, for whoever may read it after its writer's death. A folder that is missing keeps none. */
export function spooledKeys(folder: string): string[] {
  const keys = new Set<string>();
  for (const { text } of readSegments(folder)) {
    for (const { record } of readRecords(text, crc32).records) {
      if ('put' in record) keys.add(record.put);
      else for (const key of record.settled) keys.delete(key);
    }
  }
  return [...keys];
}

function guarded<Value>(folder: string, open: () => Value): Value {
  try {
    return open();
  } catch (error) {
    throw new CodedError('RECONNECTION_SPOOL_UNUSABLE', `open the spool in ${folder}: ${errorText(error)}`, {
      details: { folder, exitCode: 78 },
      cause: error,
    });
  }
}
