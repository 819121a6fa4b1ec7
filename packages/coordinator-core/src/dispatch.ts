/**
 * Which worker asks the store for work, and for how much. The store picks the tasks, by rank (see `task.claim`).
 *
 * P1 A claim never asks for more than the worker has room for, counting leases held and claims under way.
 * P2 What is runnable is shared evenly over the workers that may run it, so that the last tasks do not pile up on one.
 * P3 A turn looks only at workers with room, and only when one of them or what is runnable has changed (M5).
 * P4 A worker that was passed over, since it holds the only tasks left, asks again when there are more or it holds fewer. Others ask meanwhile.
 */
import { roomOf, type Worker } from './fleet.ts';
import type { Leases } from './leases.ts';
import type { Shared } from './node.ts';

export interface Dispatch {
  /** Something about this worker may have changed. */
  consider(worker: Worker): void;
  /** Queues one claim for each worker that should get work now. */
  run(): void;
  /** Whether `run` may do something. O(1). */
  due(): boolean;
}

interface Candidate {
  readonly worker: Worker;
  readonly room: number;
}

export function createDispatch(shared: Shared, leases: Leases): Dispatch {
  const { runs } = shared;
  /** Leases that claims under way will take, by class. */
  const claimed = new Map<string, number>();
  /** Workers with room, by class that they may run. */
  const withRoom = new Map<string, Set<Worker>>();
  /** Under which classes a worker stands there. */
  const listed = new Map<Worker, readonly string[]>();
  let changed = false;
  let growth = 0;
  let next = 0;

  const available = (name: string): number => runs.ready(name) - (claimed.get(name) ?? 0);
  const isOpen = (worker: Worker, name: string): boolean => available(name) > 0 && worker.passedOver.get(name) !== runs.growth(name);

  function candidates(): Candidate[] {
    const found = new Set<Worker>();
    for (const name of runs.classesReady()) {
      for (const worker of withRoom.get(name) ?? []) if (isOpen(worker, name)) found.add(worker);
    }
    // By ordinal, whatever happened to them: the order of placement must not depend on who was heard first.
    return [...found].sort((a, b) => a.ord - b.ord).map((worker) => ({ worker, room: roomOf(worker) }));
  }

  function remove(worker: Worker): void {
    for (const name of listed.get(worker) ?? []) {
      const workers = withRoom.get(name)!;
      workers.delete(worker);
      if (workers.size === 0) withRoom.delete(name);
    }
    listed.delete(worker);
  }

  function list(worker: Worker): void {
    if (listed.get(worker) === worker.classes) return;
    remove(worker);
    listed.set(worker, worker.classes);
    for (const name of worker.classes) {
      const workers = withRoom.get(name);
      if (workers) workers.add(worker);
      else withRoom.set(name, new Set([worker]));
    }
  }

  function claim(worker: Worker, classes: readonly string[], credits: number): void {
    worker.claiming = credits;
    remove(worker);
    // The claim takes from its classes by rank; for the hint it does not matter which of them gives.
    const name = classes[0]!;
    claimed.set(name, (claimed.get(name) ?? 0) + credits);
    shared.ops.task(
      { op: 'task.claim', worker: worker.ord, sessionEpoch: worker.sessionEpoch, classes, credits, wall: shared.wall() },
      (verdict) => {
        worker.claiming = 0;
        changed = true;
        const left = (claimed.get(name) ?? 0) - credits;
        if (left > 0) claimed.set(name, left);
        else claimed.delete(name);
        shared.touched.add(worker);
        if (verdict.kind === 'refused') return shared.note('debug', 'claim.refused', { worker: worker.id, reason: verdict.reason });
        const { grants, skipped } = verdict.value;
        for (const grant of grants) runs.changeReady(grant.class, -1);
        if (grants.length < credits) short(worker, classes, skipped);
        leases.granted(worker, grants);
      },
    );
  }

  /** Nothing of these classes is left but what the worker holds itself: that is for others. */
  function short(worker: Worker, classes: readonly string[], skipped: readonly { readonly class: string; readonly count: number }[]): void {
    for (const name of classes) {
      const count = skipped.find((each) => each.class === name)?.count ?? 0;
      runs.setReady(name, count);
      if (count > 0) worker.passedOver.set(name, runs.growth(name));
    }
  }

  return {
    consider(worker) {
      // One claim at a time per worker: the next one knows what the last one brought.
      if (worker.claiming > 0 || roomOf(worker) === 0) return remove(worker);
      list(worker);
      changed ||= worker.classes.some((name) => isOpen(worker, name));
    },
    run() {
      if (!changed && growth === runs.totalGrowth()) return;
      changed = false;
      growth = runs.totalGrowth();
      const found = candidates();
      // Whoever was first last time is last this time.
      const start = found.length === 0 ? 0 : next++ % found.length;
      for (let offset = 0; offset < found.length; offset += 1) {
        const { worker, room } = found[(start + offset) % found.length]!;
        const open = worker.classes.filter((name) => isOpen(worker, name));
        const sum = open.reduce((total, name) => total + available(name), 0);
        const share = Math.ceil(sum / (found.length - offset));
        const credits = Math.min(room, share, shared.options.batchMax);
        if (credits > 0) claim(worker, open, credits);
      }
    },
    due: () => changed || growth !== runs.totalGrowth(),
  };
}
