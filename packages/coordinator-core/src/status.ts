/** Memory as plain data, for `holdfast status` and for tests. */
import type { DurationMs } from '@holdfast/kernel';
import type { StatusValue } from './contract.ts';
import type { Worker } from './fleet.ts';
import type { Shared } from './node.ts';

export function statusOf(shared: Shared, up: DurationMs): StatusValue {
  return {
    coordinator: { id: shared.options.id, epoch: shared.epoch, upMs: Math.round(up), draining: shared.draining },
    workers: [...shared.workers.values()].map((worker) => ({
      id: worker.id,
      name: worker.registration.name,
      incarnation: worker.incarnation,
      state: stateOf(worker),
      slots: worker.registration.slots,
      held: worker.leases.size,
      draining: worker.draining,
      labels: worker.registration.labels,
      pid: worker.registration.pid,
    })),
    runs: [...shared.runs.all()].map((run) => ({ id: run.id, name: run.name, state: run.state, counts: { ...run.counts } })),
    ready: shared.runs.readyCounts(),
  };
}

const stateOf = (worker: Worker): 'connected' | 'suspect' | 'disconnected' => {
  if (worker.link === undefined) return 'disconnected';
  return worker.suspect ? 'suspect' : 'connected';
};
