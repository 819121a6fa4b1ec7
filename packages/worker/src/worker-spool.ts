/**
 * The worker's spool: what its node wants kept, on the disk before anything that follows from it is sent.
 *
 * P1 The result that a process spooled outlives the process: its next life offers it under its own key.
 * P2 The reaper reads the folder when the worker has died: of what lies there it does not say that it is lost.
 */
import { type FolderSpool, openSpool } from '@holdfast/reconnection-core/spool';
import type { Spooled, WorkerEffect, WorkerInput } from '@holdfast/worker-core';
import type { WorkerLog } from './start.ts';

export interface SpoolSettings {
  /** A folder of its own. */
  readonly folder: string;
  /** Bytes on the disk; near it the worker takes no more work. Default 256 MiB. */
  readonly bytesMax?: number;
}

export interface WorkerSpool {
  /** What earlier lives have left. */
  readonly recovered: readonly Spooled[];
  /** Performs an effect of the node. */
  perform(effect: Extract<WorkerEffect, { kind: 'spool' | 'unspool' | 'connectionChanged' }>): void;
  /** Writes what this turn has brought. */
  flush(): void;
  status(): ReturnType<FolderSpool['status']> | undefined;
  close(): void;
}

/** Opens the spool; without settings there is none, and results live as long as the process. Errors: `RECONNECTION_SPOOL_UNUSABLE`. */
export function openWorkerSpool(settings: SpoolSettings | undefined, log: WorkerLog, offer: (input: WorkerInput) => void): WorkerSpool {
  if (!settings) return NO_SPOOL;
  let wasFull = false;
  const spool = openSpool({
    ...settings,
    changed({ full, problem, records, bytes }) {
      if (problem !== undefined) log('warn', 'spool.failed', { problem, records, bytes });
      if (full === wasFull) return;
      wasFull = full;
      offer({ kind: 'spoolChanged', full, reason: problem ?? `${records} results of ${bytes} bytes wait` });
    },
  });
  const { corrupt, torn } = spool.status();
  if (corrupt + torn > 0) log('warn', 'spool.damaged', { corrupt, torn });
  return {
    recovered: spool.recovered.map(({ value }) => value as Spooled),
    perform(effect) {
      if (effect.kind === 'spool') spool.put(effect.key, effect.value);
      else if (effect.kind === 'unspool') spool.settle(effect.key);
      else spool.linkChanged(effect.connected);
    },
    flush: () => spool.flush(),
    status: () => spool.status(),
    close: () => spool.close(),
  };
}

const nothing = (): void => {
  /* Nothing is kept. */
};
const NO_SPOOL: WorkerSpool = { recovered: [], perform: nothing, flush: nothing, status: () => undefined, close: nothing };
