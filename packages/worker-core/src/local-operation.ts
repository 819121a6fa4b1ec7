/**
 * Work away from the coordinator (W7): what is held goes on for as long as its policy lets it, and people are told so.
 * Says what happens; the lease book ends what is over by the worker's own clock.
 */
import type { MonoMs } from '@holdfast/kernel';
import type { LeaseBook, Shared } from './lease-book.ts';

export interface LocalOperation {
  /** The session is gone. Begins if anything is held. */
  began(): void;
  /** The coordinator has said what it keeps, or the session went on without a gap. */
  ended(): void;
  /** Since when; undefined: no. */
  since(): MonoMs | undefined;
}

export function createLocalOperation(shared: Shared, book: LeaseBook): LocalOperation {
  let since: MonoMs | undefined;
  return {
    began() {
      if (since !== undefined || book.leases.size === 0) return;
      since = shared.now();
      const counts = { replace: 0, hedge: 0, wait: 0, results: 0 };
      for (const { state, onDisconnect } of book.leases.values()) counts[state === 'finished' ? 'results' : onDisconnect] += 1;
      const first = book.expiry();
      const stops = first === undefined ? {} : { firstStopInMs: Math.max(0, Math.round(first - since)) };
      shared.note('info', 'worker.localBegan', { ...counts, ...stops });
    },
    ended() {
      if (since === undefined) return;
      shared.note('info', 'worker.localEnded', { awayMs: Math.round(shared.now() - since), leases: book.leases.size });
      since = undefined;
    },
    since: () => since,
  };
}
