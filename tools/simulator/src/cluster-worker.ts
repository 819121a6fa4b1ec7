/** A worker inside the cluster: how it reaches the coordinator, and how its executions reach the checkers. */
import type { Random } from '@holdfast/kernel';
import { leaseText } from '@holdfast/model';
import type { MemoryStore } from '@holdfast/task-store/memory';
import type { CoordinatorProcess } from './coordinator-process.ts';
import type { Checker, Execution } from './history.ts';
import type { Network } from './network.ts';
import type { SimulationOptions } from './options.ts';
import type { VirtualTime } from './virtual-time.ts';
import { createWorkerProcess, type WorkerProcess } from './worker-process.ts';

export interface World {
  readonly options: SimulationOptions;
  readonly random: Random;
  readonly time: VirtualTime;
  readonly network: Network;
  readonly coordinator: CoordinatorProcess;
  readonly store: MemoryStore;
  readonly checkers: readonly Checker[];
  /** Attempts that run now, by life of the worker and lease. */
  readonly open: Map<string, Execution>;
  tell(who: string, what: string): void;
  healed(): boolean;
  left(worker: WorkerProcess, code: number): void;
  /** Something was executed. */
  moved(): void;
}

/** Creates the worker of that id; nothing runs before its `start`. */
export function createWorker(world: World, id: string, slots: number): WorkerProcess {
  const { options, random, time, network, coordinator, store, checkers, open } = world;
  const dials = random.fork(`dials ${id}`);
  const policyOf = (run: number, n: number): Execution['onDisconnect'] =>
    store.rows().tasks.find((row) => row.run === run && row.n === n)!.onDisconnect;
  const worker = createWorkerProcess(id, slots, options, {
    time,
    random: random.fork(id),
    attempts: random.fork('attempts'),
    tell: (what) => world.tell(id, what),
    dial(end, answer) {
      time.after(network.delay(), () => {
        if (!world.healed() && dials.chance(options.faults.dialRefused)) return dials.chance(0.7) ? answer(undefined) : undefined;
        answer(coordinator.accept((other) => network.open(end, other)));
      });
    },
    started(order, incarnation) {
      world.moved();
      const { run, n, epoch } = order;
      const lease = { run, n, epoch };
      const onDisconnect = policyOf(run, n);
      const execution: Execution = { lease, worker: id, incarnation, onDisconnect, from: time.now(), to: undefined, stalled: false };
      open.set(`${incarnation} ${leaseText(order)}`, execution);
      for (const checker of checkers) checker.started?.(execution, order.resumeFrom?.seq);
    },
    stopped(lease, incarnation) {
      world.moved();
      const execution = open.get(`${incarnation} ${leaseText(lease)}`)!;
      open.delete(`${incarnation} ${leaseText(lease)}`);
      execution.to = time.now();
      for (const checker of checkers) checker.stopped?.(execution);
    },
    ended(lease, result) {
      for (const checker of checkers) checker.attemptEnded?.(lease, result);
    },
    checkpointSettled(lease, seq) {
      for (const checker of checkers) checker.checkpointSettled?.(lease, seq);
    },
    spooled(key, taken) {
      const [run = 0, n = 0, epoch = 0] = key.split('.').map(Number);
      for (const checker of checkers) {
        if (taken) checker.spooled?.(id, { run, n, epoch });
        else checker.unspooled?.(id, { run, n, epoch }, store.rows);
      }
    },
    spoolRead(keys) {
      for (const checker of checkers) checker.spoolRead?.(id, keys);
    },
    crashed,
    left: (code) => world.left(worker, code),
  });
  return worker;
}

/** The simulation ends with what a process threw. */
export function crashed(error: unknown): never {
  throw error;
}
