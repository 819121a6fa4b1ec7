/**
 * Why a run waits although it could go on: no worker that is here may run it.
 *
 * W1 Told when who is here changes, once as long as it stays true; a worker that is only out of reach for a moment counts as here.
 * W2 Silent for one lease time after a start: workers come back one by one, and the right one may be the last.
 */
import type { MonoMs } from '@holdfast/kernel';
import { fingerprintDifferences, fingerprintOfClass } from '@holdfast/model';
import { ANY_CLASS, isHere, type Worker } from './fleet.ts';
import type { Shared } from './node.ts';
import type { Run } from './runs.ts';

export interface Notices {
  /** Looks at the runs, if who is here has changed. */
  run(): void;
  /** When `run` matters next. */
  deadline(): MonoMs | undefined;
}

/** `bootedAt`: when this life of the coordinator began. */
export function createNotices(shared: Shared, bootedAt: () => MonoMs): Notices {
  const notBefore = (): MonoMs => (bootedAt() + shared.leaseTtl) as MonoMs;

  function look(): void {
    let here: Set<string> | undefined;
    const whys = new Map<string, string>();
    for (const run of shared.runs.all()) {
      if (!waits(run)) continue;
      here ??= classesHere(shared.workers.values());
      if (here.has(run.class)) {
        run.notice = '';
        continue;
      }
      const why = whys.get(run.class) ?? whyNone(shared, run.class) ?? NOBODY;
      whys.set(run.class, why);
      if (why === run.notice) continue;
      run.notice = why;
      shared.publish(run.id, { e: 'notice', text: why });
    }
  }

  return {
    run() {
      if (!shared.presenceChanged || shared.now() < notBefore()) return;
      shared.presenceChanged = false;
      look();
    },
    deadline: () => (shared.presenceChanged ? (Math.max(shared.now(), notBefore()) as MonoMs) : undefined),
  };
}

/** Why no worker that is here may run tasks of this class; undefined: one may, or none is here. O(workers). */
export function whyNone(shared: Shared, className: string): string | undefined {
  if (className === ANY_CLASS) return undefined;
  const wanted = fingerprintOfClass(className);
  let nearest: { readonly worker: string; readonly differences: readonly string[] } | undefined;
  for (const worker of shared.workers.values()) {
    if (!isHere(worker)) continue;
    if (worker.classes.includes(className)) return undefined;
    const { name, fingerprint } = worker.registration;
    const differences = fingerprint ? fingerprintDifferences(wanted, fingerprint) : ['it has no checkout'];
    if (!nearest || differences.length < nearest.differences.length) nearest = { worker: name, differences };
  }
  return nearest && `no worker has this state of the repository; the nearest, ${nearest.worker}: ${nearest.differences.join('; ')}`;
}

const waits = (run: Run): boolean =>
  run.class !== ANY_CLASS && run.counts.remaining > 0 && (run.state === 'open' || run.state === 'sealed');

function classesHere(workers: Iterable<Worker>): Set<string> {
  const found = new Set<string>();
  for (const worker of workers) if (isHere(worker)) for (const name of worker.classes) found.add(name);
  return found;
}

const NOBODY = 'no worker is connected; the run goes on when one with this state of the repository is';
