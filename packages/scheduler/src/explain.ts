/** Why a task is where it is. For people: it looks at every worker and task, and changes nothing. */
import type { Scheduler, SchedulerOptions } from './contract.ts';
import { isActive, QUEUED, widthOn } from './entries.ts';
import type { State } from './scheduler.ts';

export function createExplain(state: State, fits: SchedulerOptions['fits']): Scheduler['explain'] {
  return (id) => {
    const task = state.tasks.get(id);
    if (!task) return { kind: 'unknown' };
    const { place, one, spec, rank } = task;
    if (place.kind === 'running') return { kind: 'running', worker: place.worker.spec.id, because: place.because, rank };
    if (place.kind === 'reserved') {
      const { worker } = place;
      return { kind: 'reserved', worker: worker.spec.id, free: worker.spec.slots - worker.used, cost: widthOn(task, worker) };
    }
    const fitting = [...state.workers.values()].filter(
      (worker) => fits(worker.spec.shape, one.name) > 0 && (one.cost === 'all' ? worker.spec.slots > 0 : worker.spec.slots >= one.cost),
    );
    if (fitting.length === 0) {
      return {
        kind: 'noneFits',
        class: one.name,
        shapes: [...new Set([...state.workers.values()].map((worker) => worker.spec.shape))].sort(),
      };
    }
    const active = fitting.filter((worker) => isActive(worker.spec));
    if (active.length === 0) return { kind: 'allCordoned', workers: fitting.map((worker) => worker.spec.id).sort() };
    const key = spec.concurrencyKey;
    if (key !== undefined && !state.keys.hasRoom(key))
      return { kind: 'keyFull', key, running: state.keys.running(key), limit: state.limitOf(key) };
    let ahead = 0;
    for (const other of state.tasks.values()) if (other.place === QUEUED && other.one === one && other.rank < rank) ahead += 1;
    return { kind: 'queued', rank, ahead, workers: active.length, slots: active.reduce((sum, worker) => sum + worker.spec.slots, 0) };
  };
}
