/**
 * Which worker asks the store for work, and for how much. The store picks the tasks, by rank (see `task.claim`).
 *
 * P1 A claim never asks for more than the worker has room for, counting leases held and claims under way.
 * P2 What is runnable is shared evenly over the workers that may run it, so that the last tasks do not pile up on one.
 */
import { roomOf, type Worker, workerClasses } from './fleet.ts';
import type { Leases } from './leases.ts';
import type { Shared } from './node.ts';

export interface Dispatch {
  /** Queues one claim for each worker that should get work now. */
  run(): void;
  /** Whether `run` would do something. */
  due(): boolean;
}

export function createDispatch(shared: Shared, leases: Leases): Dispatch {
  /** Runnable tasks minus those that claims under way will take, by class. */
  const claimed = new Map<string, number>();
  let next = 0;

  const available = (name: string): number => shared.runs.ready(name) - (claimed.get(name) ?? 0);

  function candidates(): { worker: Worker; room: number; classes: readonly string[] }[] {
    if (shared.runs.readyCounts().length === 0) return [];
    const found: { worker: Worker; room: number; classes: readonly string[] }[] = [];
    for (const worker of shared.workers.values()) {
      // One claim at a time per worker: the next one knows what the last one brought.
      const room = worker.claiming > 0 ? 0 : roomOf(worker);
      if (room === 0) continue;
      const classes = workerClasses(worker).filter((name) => available(name) > 0);
      if (classes.length > 0) found.push({ worker, room, classes });
    }
    return found;
  }

  function claim(worker: Worker, classes: readonly string[], credits: number): void {
    worker.claiming = credits;
    // The claim takes from its classes by rank; for the hint it does not matter which of them gives.
    const name = classes[0]!;
    claimed.set(name, (claimed.get(name) ?? 0) + credits);
    shared.ops.task(
      { op: 'task.claim', worker: worker.ord, sessionEpoch: worker.sessionEpoch, classes, credits, wall: shared.wall() },
      (verdict) => {
        worker.claiming = 0;
        claimed.set(name, (claimed.get(name) ?? 0) - credits);
        shared.touched.add(worker);
        if (verdict.kind === 'refused') return shared.note('debug', 'claim.refused', { worker: worker.id, reason: verdict.reason });
        const { grants } = verdict.value;
        for (const grant of grants) shared.runs.changeReady(grant.class, -1);
        if (grants.length < credits) shared.runs.noneReady(classes);
        leases.granted(worker, grants);
      },
    );
  }

  return {
    run() {
      const found = candidates();
      // Whoever was first last time is last this time.
      const start = found.length === 0 ? 0 : next++ % found.length;
      for (let offset = 0; offset < found.length; offset += 1) {
        const { worker, room, classes } = found[(start + offset) % found.length]!;
        const open = classes.filter((name) => available(name) > 0);
        const sum = open.reduce((total, name) => total + available(name), 0);
        const share = Math.ceil(sum / (found.length - offset));
        const credits = Math.min(room, share, shared.options.batchMax);
        if (credits > 0) claim(worker, open, credits);
      }
    },
    due: () => candidates().length > 0,
  };
}
