/**
 * A registered worker of another principal that speaks for what is not its own: for leases of others, as another worker, of deaths.
 *
 * It has a valid token and keeps to the protocol, so that nothing but the rules of the store stands in its way (G21).
 */
import type { Random } from '@holdfast/kernel';
import type { Hello, WorkerMessage } from '@holdfast/protocol';
import type { MemoryStore } from '@holdfast/task-store/memory';
import type { CoordinatorProcess } from './coordinator-process.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface StrangerPorts {
  readonly time: VirtualTime;
  readonly store: MemoryStore;
  readonly coordinator: CoordinatorProcess;
}

/** Does one thing that it may not do. */
export function intrude({ time, store, coordinator }: StrangerPorts, chance: Random): void {
  // An id that nobody has registered yet belongs to whoever comes first.
  const victims = store.rows().workers.filter((row) => row.principal !== PRINCIPAL);
  if (victims.length === 0) return;
  const victim = chance.pick(victims);
  switch (chance.pick(['speak', 'speak', 'speak', 'pose', 'bury'] as const)) {
    case 'pose': {
      const incarnation = chance.chance(0.5) ? victim.incarnation : `stranger as ${victim.id}`;
      coordinator.intrude(PRINCIPAL, hello(victim.id, incarnation));
      return;
    }
    case 'bury':
      return coordinator.deathReported(victim.id, victim.incarnation, [], PRINCIPAL);
    case 'speak': {
      const say = coordinator.intrude(PRINCIPAL, hello(ID, `${ID}#${chance.below(1_000_000)}`));
      // Its hello must be committed before it may say more; it never tells an inventory, so it is never given work.
      time.after(50 + chance.below(3000), () => {
        const open = store.rows().attempts.filter((row) => row.ended === null);
        const messages = open.slice(0, LEASES_MAX).map(({ run, n, epoch }) => forged({ run, n, epoch }, chance));
        say({ f: 'data', a: [1, 1], m: messages.map((message, index) => [index + 1, message]) });
      });
    }
  }
}

const hello = (worker: string, incarnation: string): Hello => ({
  f: 'hello',
  protocol: [2],
  worker,
  incarnation,
  registration: { name: worker, slots: 1, labels: {}, pid: 1 },
});

function forged(lease: { readonly run: number; readonly n: number; readonly epoch: number }, chance: Random): WorkerMessage {
  switch (chance.pick(['started', 'finished', 'released', 'lost', 'paused', 'checkpoint'] as const)) {
    case 'started':
      return { t: 'started', ...lease };
    case 'finished':
      return { t: 'finished', ...lease, result: { outcome: 'passed', durationMs: 0, cases: [] } };
    case 'released':
      return { t: 'released', ...lease, reason: 'a stranger says so' };
    case 'lost':
      return { t: 'lost', ...lease, reason: 'a stranger says so' };
    case 'paused':
      return { t: 'paused', ...lease, paused: chance.chance(0.5) };
    case 'checkpoint':
      return { t: 'checkpoint', ...lease, seq: 1 + chance.below(20), data: 'forged' };
  }
}

const ID = 'stranger';
const PRINCIPAL = 'eve';
const LEASES_MAX = 16;
