/**
 * G11 on results: produced = recorded + stale + still spooled. What a worker's spool has taken it gives up only when the
 * store has the result or does not want it any more, and every life of the worker finds all of it, however the last one ended.
 *
 * Not judged: what a power cut may have taken before it was synced, and what was put while the disk was full.
 */
import { type LeaseKey, leaseText } from '@holdfast/model';
import type { TaskRows } from '@holdfast/task-store';
import { type Checker, Violation } from '../history.ts';

export function createSpoolChecker(): Checker {
  /** By worker: what its spool has taken and not given up. */
  const kept = new Map<string, Map<string, LeaseKey>>();
  const harmed = new Set<string>();
  let samples = 0;

  const of = (worker: string): Map<string, LeaseKey> => {
    const known = kept.get(worker) ?? new Map<string, LeaseKey>();
    kept.set(worker, known);
    return known;
  };
  return {
    name: 'G11 results',
    get samples() {
      return samples;
    },
    spooled: (worker, lease) => void of(worker).set(leaseText(lease), lease),
    unspooled(worker, lease, rows) {
      if (!of(worker).delete(leaseText(lease))) return;
      samples += 1;
      if (isOut(rows(), lease)) throw new Violation('G11 results', `${worker} has given up ${leaseText(lease)} while its lease is out`);
    },
    spoolHarmed: (worker) => void harmed.add(worker),
    spoolRead(worker, keys) {
      const found = new Set(keys);
      for (const text of [...of(worker).keys()]) {
        if (found.has(text)) continue;
        if (!harmed.has(worker)) throw new Violation('G11 results', `${worker} began anew and does not find ${text}`);
        of(worker).delete(text);
      }
      harmed.delete(worker);
    },
    ended({ rows }) {
      for (const [worker, leases] of kept) {
        for (const [text, lease] of leases) {
          samples += 1;
          // A worker that stays away for ever keeps it; then its lease was ended by the clock.
          if (isOut(rows, lease)) throw new Violation('G11 results', `${text} of ${worker} is neither recorded nor stale`);
        }
      }
    },
  };
}

function isOut(rows: TaskRows, { run, n, epoch }: LeaseKey): boolean {
  const attempt = rows.attempts.find((row) => row.run === run && row.n === n && row.epoch === epoch);
  return attempt !== undefined && OUT.has(attempt.state);
}

const OUT: ReadonlySet<string> = new Set(['leased', 'running', 'paused']);
