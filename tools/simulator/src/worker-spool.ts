/** A worker's spool on a disk that outlives its process: the shipped core, with syncs that take their time. */
import type { Driver, Random } from '@holdfast/kernel';
import type { LeaseKey } from '@holdfast/model';
import { createMemoryDisk, createSpool, type MemoryDisk, type Spool } from '@holdfast/reconnection-core';
import type { Spooled, WorkerEffect, WorkerInput } from '@holdfast/worker-core';
import type { LocalTime, VirtualTime } from './virtual-time.ts';

export interface SimulatedSpool {
  readonly recovered: readonly Spooled[];
  perform(effect: Extract<WorkerEffect, { kind: 'spool' | 'unspool' | 'connectionChanged' }>): void;
  flush(): void;
  close(): void;
}

export interface SpoolDiskOfWorker {
  readonly disk: MemoryDisk;
  /** Keys that a life to come would find. */
  keys(): string[];
  /** Leases whose results a life to come would find. */
  kept(): LeaseKey[];
}

export function createWorkerDisk(): SpoolDiskOfWorker {
  const disk = createMemoryDisk();
  // Looking must change nothing.
  const keys = (): string[] => createSpool({ ...disk, remove: () => undefined }).recovered.map(({ key }) => key);
  return {
    disk,
    keys,
    kept: () =>
      keys().flatMap((key) => {
        const [run = 0, n = 0, epoch = 0] = key.split('.').map(Number);
        return key.includes('/') ? [] : [{ run, n, epoch }];
      }),
  };
}

/** The spool of one life. */
export function openSimulatedSpool(
  disk: MemoryDisk,
  local: LocalTime,
  time: VirtualTime,
  random: Random,
  driver: () => Driver<WorkerInput> | undefined,
): SimulatedSpool {
  let closed = false;
  let wasFull = false;
  let cancel: (() => void) | undefined;
  const spool: Spool = createSpool(
    {
      ...disk,
      sync(segments, done) {
        disk.sync(segments, (problem) => {
          if (closed) return;
          done(problem);
          plan();
        });
        time.after(1 + random.below(50), () => disk.finishSyncs(random.chance(0.02) ? 'EIO' : undefined));
      },
    },
    { bytesMax: 64 * 1024 * 1024 },
  );

  function plan(): void {
    const { full, problem } = spool.status();
    if (full !== wasFull) driver()?.offer({ kind: 'spoolChanged', full, reason: problem ?? 'little room' });
    wasFull = full;
    cancel?.();
    cancel = undefined;
    const at = spool.deadline();
    if (at === undefined || closed) return;
    cancel = local.timers.set(Math.max(0, at - local.clock.mono()) as never, () => {
      if (closed) return;
      spool.tick(local.clock.mono());
      plan();
    });
  }
  plan();

  return {
    recovered: spool.recovered.map(({ value }) => value as Spooled),
    perform(effect) {
      const now = local.clock.mono();
      if (effect.kind === 'spool') spool.put(effect.key, effect.value, now);
      else if (effect.kind === 'unspool') spool.settle(effect.key, now);
      else spool.linkChanged(effect.connected, now);
      plan();
    },
    flush() {
      spool.flush(local.clock.mono());
      plan();
    },
    close() {
      closed = true;
      cancel?.();
    },
  };
}
