/**
 * Whether a worker holds what the store says it holds: heartbeats tell that something differs, inventories tell what (S4, S5).
 *
 * I1 Leases are renewed by a heartbeat that names exactly those held here, or while what would explain a difference is on its way.
 * I2 What an inventory does not name was never started by this life of the worker: same life, given back; earlier life, lost.
 * I3 A lease whose end is under way to the store is not judged; the worker keeps a result until that is committed.
 */
import { type LeaseKey, leaseText } from '@holdfast/model';
import { CLOSE, type WorkerMessage } from '@holdfast/protocol';
import type { Worker } from './fleet.ts';
import type { Leases } from './leases.ts';
import type { Shared } from './node.ts';

export interface Inventories {
  /** Asks for an inventory; until it is reconciled the worker gets no assignment. */
  ask(worker: Worker): void;
  /** A heartbeat came; returns whether it renews the leases. */
  beaten(worker: Worker, held: { readonly count: number; readonly hash: number }, credits: number): boolean;
  reconcile(worker: Worker, message: Extract<WorkerMessage, { t: 'inventory' }>): void;
}

/** `closeSession` ends the session of a worker that beats and takes nothing. */
export function createInventories(
  shared: Shared,
  leases: Leases,
  closeSession: (worker: Worker, code: number, reason: string) => void,
): Inventories {
  let inventories = 0;

  function ask(worker: Worker): void {
    inventories += 1;
    worker.inventory = inventories;
    leases.tell(worker, { t: 'inventory', token: inventories });
  }

  /** S5: the leases are renewed only by a heartbeat that names exactly those held here. */
  function beaten(worker: Worker, held: { count: number; hash: number }, credits: number): boolean {
    const { count, hash } = worker.digest.value();
    worker.capacity = held.count + credits;
    const unreceived = worker.session!.snapshot().unreceived;
    if (unreceived > 0) {
      const received = worker.offered - unreceived;
      worker.stuckBeats = received === worker.receivedAtBeat ? worker.stuckBeats + 1 : 0;
      worker.receivedAtBeat = received;
      // What was sent is still on its way, so nothing can be compared; but it must move.
      if (worker.stuckBeats >= STUCK_BEATS_MAX) {
        closeSession(worker, CLOSE.internal.code, 'heartbeats come, messages are not taken');
        return false;
      }
      renew(worker);
      return true;
    }
    worker.stuckBeats = 0;
    if (worker.inventory !== undefined) return false;
    if (held.count === count && held.hash === hash) {
      renew(worker);
      return true;
    }
    shared.note('warn', 'session.mismatch', { worker: worker.id, held: held.count, expected: count });
    ask(worker);
    return false;
  }

  function renew(worker: Worker): void {
    const wasSilent = worker.expiryStage > 0;
    worker.renewedAt = shared.now();
    worker.expiryStage = 0;
    shared.touched.add(worker);
    if (wasSilent) for (const lease of worker.leases.values()) if (lease.hedged && !lease.ending) leases.unhedge(worker, lease);
  }

  function reconcile(worker: Worker, message: Extract<WorkerMessage, { t: 'inventory' }>): void {
    if (message.token !== worker.inventory) return;
    worker.inventory = undefined;
    // A result that outlived its worker may be of another store, where runs have other ids.
    const ours = message.leases.filter(({ run, id }) => id === undefined || shared.runs.byOrd(run)?.id === id);
    const named = new Set(ours.map(leaseText));
    const keep: LeaseKey[] = [];
    worker.digest.clear();
    for (const lease of [...worker.leases.values()]) {
      // Its result is on the way to the store and may yet be lost with this node: the worker keeps it.
      if (lease.ending === 'finished' && named.has(lease.text)) keep.push(lease.key);
      if (lease.ending) continue;
      if (named.has(lease.text)) {
        keep.push(lease.key);
        worker.digest.add(lease.text);
        // It has the run of a lease that it holds; of what an earlier life left it has only that.
        if (lease.incarnation === worker.incarnation) worker.knownRuns.add(lease.key.run);
        if (lease.hedged) leases.unhedge(worker, lease);
      } else if (lease.incarnation === worker.incarnation) leases.released(worker, lease.key, () => {});
      else leases.lost(worker, lease.key, `${worker.registration.name} was started anew`);
    }
    // A finished lease is kept by naming it; its result settles it. It is not held any more.
    for (const lease of ours) if (lease.state === 'finished') worker.digest.remove(leaseText(lease));
    renew(worker);
    leases.tell(worker, { t: 'reconciled', token: message.token, keep });
  }

  return { ask, beaten, reconcile };
}

const STUCK_BEATS_MAX = 3;
