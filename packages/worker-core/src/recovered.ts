/**
 * What an earlier life of the worker left in its spool, as leases whose end is only to be told.
 *
 * R1 A result is offered as it was. Of a lease without one only the last checkpoint counts: it is offered, and then that the lease is lost.
 * R2 Nothing of it is offered before the coordinator has asked for the lease by name (W3): its task may be over, or of another store.
 */
import { type LeaseKey, leaseText, type RunId } from '@holdfast/model';
import { type WorkerMessage, workerMessage } from '@holdfast/protocol';
import type { Spooled } from './contract.ts';
import type { LeaseBook, Shared } from './lease-book.ts';

interface Left {
  readonly key: LeaseKey;
  readonly run: RunId;
  result: readonly WorkerMessage[] | undefined;
  checkpoint: Extract<WorkerMessage, { t: 'checkpoint' }> | undefined;
  readonly spooled: string[];
}

/** Takes what was spooled into the book. What does not fit its schema is left out, and counted. */
export function adoptRecovered(shared: Shared, book: LeaseBook, recovered: readonly Spooled[]): void {
  const byLease = new Map<string, Left>();
  let unreadable = 0;
  for (const spooled of recovered) if (!gather(byLease, spooled)) unreadable += 1;
  for (const { key, run, result, checkpoint, spooled } of byLease.values()) {
    const lost: WorkerMessage = { t: 'lost', ...key, reason: 'its worker was started anew' };
    book.adopt(key, run, result ?? [...(checkpoint ? [checkpoint] : []), lost], spooled);
  }
  if (unreadable > 0) shared.note('warn', 'spool.unreadable', { records: unreadable });
  if (byLease.size > 0) shared.note('info', 'spool.recovered', { leases: byLease.size });
}

function gather(byLease: Map<string, Left>, { run, lease, messages }: Spooled): boolean {
  const told = messages.map((message) => workerMessage.safeParse(message));
  if (told.length === 0 || typeof run !== 'string' || told.some(({ success }) => !success)) return false;
  const last = told.at(-1)!.data!;
  if (last.t !== 'finished' && last.t !== 'checkpoint') return false;
  const key: LeaseKey = { run: last.run, n: last.n, epoch: last.epoch };
  const text = leaseText(key);
  if (leaseText(lease) !== text) return false;
  const left = byLease.get(text) ?? { key, run, result: undefined, checkpoint: undefined, spooled: [] };
  byLease.set(text, left);
  if (last.t === 'finished') left.result = told.map(({ data }) => data!);
  else if (last.seq > (left.checkpoint?.seq ?? 0)) left.checkpoint = last;
  left.spooled.push(last.t === 'finished' ? text : `${text}/${last.seq}`);
  return true;
}
