/** What goes wrong, and when: each kind of fault has its own seeded stream, so that adding one does not move the others. */
import type { Random } from '@holdfast/kernel';
import type { MemoryStore } from '@holdfast/task-store/memory';
import type { CoordinatorProcess } from './coordinator-process.ts';
import { exponential, type Network } from './network.ts';
import type { SimulationOptions } from './options.ts';
import { intrude } from './stranger.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { WorkerProcess } from './worker-process.ts';

export interface FaultPorts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly network: Network;
  readonly coordinator: CoordinatorProcess;
  readonly workers: readonly WorkerProcess[];
  readonly store: MemoryStore;
  tell(what: string): void;
  /** What this worker's spool was given may be missing. */
  spoolHarmed(worker: string): void;
  /** Executions of this life can no longer be ended by its own clock. */
  stalled(incarnation: string): void;
}

export interface FaultPlan {
  start(): void;
  /** No more faults; those that are not restarted stay away, all others come back. */
  heal(): void;
  /** How many were injected, by name. */
  readonly injected: Readonly<Record<string, number>>;
  /** Restarts this worker after it has left or died, or not at all. */
  restartLater(worker: WorkerProcess, crashed: boolean): void;
  restartCoordinatorLater(): void;
}

export function createFaultPlan(options: SimulationOptions, ports: FaultPorts): FaultPlan {
  const { time, random, network, coordinator, workers } = ports;
  const { faults } = options;
  const injected: Record<string, number> = {};
  const restarts = random.fork('restarts');
  const power = random.fork('power');
  let healed = false;

  /** Repeats a fault at random moments. */
  function repeat(name: string, every: number, inject: (chance: Random) => void): void {
    if (every === 0) return;
    const chance = random.fork(name);
    const next = (): void =>
      void time.after(exponential(chance, every), () => {
        if (healed) return;
        injected[name] = (injected[name] ?? 0) + 1;
        inject(chance);
        next();
      });
    next();
  }

  function restartLater(worker: WorkerProcess, crashed: boolean): void {
    // The first worker always comes back: liveness is promised only with one that is capable.
    const stays = crashed && worker !== workers[0] && restarts.chance(faults.neverRestarted);
    if (stays && !healed) return ports.tell(`${worker.id} stays away`);
    time.after(healed ? 100 : restarts.below(restarts.chance(0.3) ? 60_000 : 5000), () => worker.start());
  }

  function crashWorker(chance: Random): void {
    const worker = chance.pick(workers);
    const quiet = chance.chance(0.5);
    const died = worker.crash(quiet);
    if (died === undefined) return;
    ports.tell(`${died} is killed${quiet ? ', quietly' : ''}`);
    if (power.chance(faults.powerCut)) {
      ports.tell(`${worker.id} has lost its power`);
      worker.spool.disk.powerLost(power.below(200));
      ports.spoolHarmed(worker.id);
    }
    const kept = worker.spool.kept();
    if (chance.chance(faults.deathReported)) time.after(chance.below(500), () => coordinator.deathReported(worker.id, died, kept));
    restartLater(worker, true);
  }

  const someWire = (chance: Random): ReturnType<Network['open']> | undefined => {
    const wires = [...network.wires];
    return wires.length === 0 ? undefined : chance.pick(wires);
  };

  return {
    injected,
    restartLater,
    restartCoordinatorLater() {
      time.after(healed ? 100 : restarts.below(restarts.chance(0.2) ? 60_000 : 3000), () => coordinator.start());
    },
    start() {
      repeat('coordinatorCrash', faults.coordinatorCrashEvery, (chance) => {
        ports.tell('the coordinator is killed');
        coordinator.crash(chance.chance(0.3));
      });
      repeat('coordinatorDrain', faults.coordinatorDrainEvery, () => coordinator.drain());
      repeat('workerCrash', faults.workerCrashEvery, crashWorker);
      repeat('workerLeave', faults.workerLeaveEvery, (chance) => {
        const kind = chance.pick(['drainAsked', 'stopAsked'] as const);
        chance.pick(workers).offer({ kind, reason: 'asked' });
      });
      repeat('cut', faults.cutEvery, (chance) => someWire(chance)?.cut(chance.chance(0.3)));
      repeat('halfOpen', faults.halfOpenEvery, (chance) => someWire(chance)?.silence(chance.pick(['up', 'down'] as const)));
      repeat('burst', faults.burstEvery, (chance) =>
        someWire(chance)?.slow(chance.pick(['up', 'down'] as const), chance.below(15_000), chance.below(10_000)),
      );
      repeat('diskFull', faults.diskFullEvery, (chance) => coordinator.diskIs('full', chance.below(20_000)));
      repeat('diskSlow', faults.diskSlowEvery, (chance) => coordinator.diskIs('slow', chance.below(20_000)));
      repeat('spoolFull', faults.spoolFullEvery, (chance) => {
        const worker = chance.pick(workers);
        ports.tell(`the disk of ${worker.id} is full`);
        worker.spool.disk.failAppends('ENOSPC');
        ports.spoolHarmed(worker.id);
        time.after(chance.below(20_000), () => {
          worker.spool.disk.failAppends(undefined);
          // A life may have begun meanwhile, and put something since.
          ports.spoolHarmed(worker.id);
        });
      });
      repeat('stranger', faults.strangerEvery, (chance) => intrude(ports, chance));
      repeat('stall', faults.stallEvery, (chance) => {
        const by = chance.below(chance.chance(0.2) ? 30_000 : 3000);
        const victim = chance.below(workers.length + 1);
        if (victim === workers.length) return coordinator.stall(by);
        const worker = workers[victim]!;
        ports.tell(`${worker.id} stalls for ${by} ms`);
        worker.stall(by);
        ports.stalled(worker.incarnation);
      });
    },
    heal() {
      healed = true;
      network.heal();
      for (const worker of workers) worker.spool.disk.failAppends(undefined);
      coordinator.heal();
      coordinator.start();
      // Those that stay away do so for ever; those that are down for a while come back by their own plans.
      workers[0]!.start();
    },
  };
}
