/** Messages with a key until their commit: in memory, and on disk where there is a spool. */
import { CodedError, type MonoMs } from '@holdfast/kernel';
import { nodeClock } from '@holdfast/kernel/node';
import { type Lane, LANES } from '../lane.ts';
import { openSpool } from './spool.ts';

export interface SpoolSettings {
  /** A folder of its own. */
  readonly folder: string;
  /** Bytes on the disk. Default 256 MiB. */
  readonly bytesMax?: number;
}

export interface Kept {
  readonly key: string;
  readonly lane: Lane;
  readonly payload: { readonly t: string };
  /** The run's id, of what is told only once the coordinator has asked for its lease. */
  readonly run: string | undefined;
  readonly at: MonoMs;
}

export interface Outbox {
  /** Errors: `RECONNECTION_KEPT_FULL`. */
  keep(key: string, lane: Lane, payload: { readonly t: string }, spooled: boolean, run?: string): void;
  /** Returns how long it took, if it was offered in this life. */
  settle(key: string): number | undefined;
  /** In the order in which they were kept. */
  all(): readonly Kept[];
  flush(): void;
  linkChanged(up: boolean): void;
  close(): void;
  readonly size: number;
}

/** Opens the outbox and what earlier lives have left in the spool. */
export function openOutbox(settings: SpoolSettings | undefined, keptMax: number, changed: (full: boolean, reason: string) => void): Outbox {
  const kept = new Map<string, Kept>();
  const spool = settings && openSpool({ ...settings, changed: ({ full, problem }) => changed(full, problem ?? 'little room') });
  for (const { key, value } of spool?.recovered ?? []) {
    const left = value as Partial<Kept>;
    if (!LANES.includes(left.lane as Lane) || typeof left.payload?.t !== 'string') spool?.settle(key);
    else kept.set(key, { key, lane: left.lane!, payload: left.payload, run: left.run, at: nodeClock.mono() });
  }
  return {
    keep(key, lane, payload, spooled, run) {
      if (kept.size >= keptMax && !kept.has(key)) {
        throw new CodedError('RECONNECTION_KEPT_FULL', `keep ${key}: ${kept.size} messages wait for their commit`, { retryable: true });
      }
      kept.set(key, { key, lane, payload, run, at: nodeClock.mono() });
      if (spooled) spool?.put(key, run === undefined ? { lane, payload } : { lane, payload, run });
    },
    settle(key) {
      const entry = kept.get(key);
      kept.delete(key);
      spool?.settle(key);
      return entry && nodeClock.mono() - entry.at;
    },
    all: () => [...kept.values()],
    flush: () => spool?.flush(),
    linkChanged: (up) => spool?.linkChanged(up),
    close: () => spool?.close(),
    get size() {
      return kept.size;
    },
  };
}
