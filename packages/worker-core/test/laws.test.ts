import { createRandom, durationMs, type Random } from '@holdfast/kernel';
import { incarnation, type LeaseKey, parseLease, workerId } from '@holdfast/model';
import type { CoordinatorMessage } from '@holdfast/protocol';
import { checkMachineLaws, CONSTANT_DIGEST, constantMac, fastCheckParameters, seededEntropy } from '@holdfast/testkit';
import { test } from 'vitest';
import { createWorkerNode, type WorkerInput, type WorkerSnapshot } from '../src/index.ts';

const REGISTRATION = { name: 'w', slots: 2, labels: {}, pid: 1 };

function anyMessage(random: Random): CoordinatorMessage {
  const lease = { run: 1, n: 1 + random.below(5), epoch: 1 + random.below(2) };
  const onDisconnect = random.pick(['replace', 'hedge', 'wait'] as const);
  const assigned = { n: lease.n, epoch: lease.epoch, name: 't', body: { kind: 'noop' as const }, timeoutMs: 0, graceMs: 1, onDisconnect };
  return random.pick<CoordinatorMessage>([
    { t: 'run', run: 1, id: 'r', spec: {} },
    { t: 'assign', run: 1, leases: [assigned] },
    { t: 'stop', ...lease, as: random.pick(['cancelled', 'released', 'revoked'] as const) },
    { t: 'inventory', token: 1 },
    { t: 'reconciled', token: 1, keep: [lease] },
    { t: 'pause', ...lease, paused: random.chance(0.5) },
  ]);
}

/** What network, executor and operator might do, in a session that numbers its messages well, mostly. */
function anyInput(random: Random, snapshot: WorkerSnapshot): WorkerInput {
  const link = 1 + random.below(3);
  const one = snapshot.leases.length > 0 ? random.pick(snapshot.leases) : undefined;
  const lease: LeaseKey = (one && parseLease(one.lease)) ?? { run: 1, n: 1, epoch: 1 };
  switch (random.below(9)) {
    case 0:
      return { kind: 'started' };
    case 1:
      return { kind: 'linkOpened', link };
    case 2: {
      const times = { heartbeatEveryMs: 3000, leaseTtlMs: 10_000, lostAfterMs: 120_000 };
      const coordinator = { id: 'c', epoch: 1 };
      const first = { protocol: 2, proof: CONSTANT_DIGEST };
      if (random.chance(0.5)) return { kind: 'frameReceived', link, frame: { f: 'challenge', protocol: 2, nonce: CONSTANT_DIGEST } };
      return {
        kind: 'frameReceived',
        link,
        frame: { f: 'welcome', ...first, session: 's', token: 't', fresh: 'first', ...times, coordinator },
      };
    }
    case 3:
    case 4: {
      const m = Array.from({ length: 4 }, (_, index): [number, unknown] => [index + 1, anyMessage(random)]);
      return { kind: 'frameReceived', link, frame: { f: 'data', a: [0, 0], m } };
    }
    case 5:
      return random.chance(0.5)
        ? { kind: 'attempted', event: { kind: 'started', lease } }
        : { kind: 'attempted', event: { kind: 'ended', lease, result: { outcome: 'passed', durationMs: 1, cases: [] } } };
    case 6:
      return { kind: 'linkClosed', link, code: 1006, reason: 'cut' };
    case 7:
      return random.chance(0.3)
        ? { kind: random.pick(['drainAsked', 'stopAsked'] as const), reason: 'asked' }
        : { kind: 'stalled', by: durationMs(700) };
    default:
      return { kind: 'registrationChanged', registration: { ...REGISTRATION, slots: 1 + random.below(3) } };
  }
}

test('worker: any inputs -> every law of machines holds, and no slot is used twice', () => {
  checkMachineLaws({
    create: () =>
      createWorkerNode(
        { id: workerId('w'), incarnation: incarnation('i'), registration: REGISTRATION, credential: { key: 'k', secret: 's' } },
        { random: createRandom(1), entropy: seededEntropy(createRandom(2)), mac: constantMac },
      ),
    input: anyInput,
    invariant({ leases }) {
      const slots = leases.map((each) => each.slot).filter((slot) => slot !== undefined);
      if (new Set(slots).size !== slots.length) throw new Error(`a slot is used twice: ${JSON.stringify(leases)}`);
    },
    sizes: ({ leases }) => ({ leases: [leases.length, 10] }),
    parameters: { numRuns: 100, ...fastCheckParameters(process.env) },
  });
});
