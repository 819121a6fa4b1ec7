import { DEFAULT_POLICY, incarnation, runId, workerId } from '@holdfast/model';
import { durationMs, type Random } from '@holdfast/kernel';
import { checkMachineLaws, fastCheckParameters } from '@holdfast/testkit';
import { test } from 'vitest';
import { type CoordinatorInput, createCoordinatorNode, DEFAULT_COORDINATOR_OPTIONS } from '../src/index.ts';

/** A coordinator whose store never answers, and what any network may bring. */
function anyInput(random: Random): CoordinatorInput {
  const link = 1 + random.below(4);
  const worker = `w${1 + random.below(2)}`;
  switch (random.below(10)) {
    case 0:
      return { kind: 'booted', wall: 0 };
    case 1:
    case 2: {
      const registration = { name: worker, slots: 2, labels: {}, pid: 1 };
      const hello = { f: 'hello' as const, protocol: [2], worker, incarnation: 'i', registration };
      return { kind: 'linkOpened', link, principal: 'p', session: `s${random.below(100)}`, token: 't', hello, proof: 'p' };
    }
    case 3:
      return { kind: 'frameReceived', link, frame: { f: 'beat', n: 1, held: { count: 0, hash: 0 }, credits: 1, a: [0, 0] } };
    case 4:
      return { kind: 'rubbishReceived', link, reason: 'noise' };
    case 5:
      return { kind: 'linkClosed', link, reason: 'cut' };
    case 6: {
      const task = { name: 't', body: { kind: 'noop' } as const, policy: DEFAULT_POLICY, predictedMs: 0 };
      const request = { kind: 'submit', id: runId(`r${random.below(100)}`), name: 'r', spec: {}, tasks: [task], seal: true } as const;
      return { kind: 'requested', token: random.below(1000), principal: 'p', request };
    }
    case 7:
      return { kind: 'deathReported', worker: workerId(worker), incarnation: incarnation('i'), reason: 'reaped' };
    case 8:
      return random.chance(0.3) ? { kind: 'drainAsked', reason: 'update' } : { kind: 'stalled', by: durationMs(700) };
    default:
      return random.chance(0.2) ? { kind: 'commitFailed', batch: 1, code: 'STORE_IN_DOUBT', message: 'm' } : { kind: 'booted', wall: 1 };
  }
}

test('coordinator: any inputs while the store is silent -> every law of machines holds', () => {
  checkMachineLaws({
    create: () => createCoordinatorNode({ ...DEFAULT_COORDINATOR_OPTIONS, id: 'c' }),
    input: anyInput,
    sizes: ({ sizes }) => ({ workers: [sizes['workers']!, 0], leases: [sizes['leases']!, 0], runs: [sizes['runs']!, 0] }),
    parameters: { numRuns: 60, ...fastCheckParameters(process.env) },
  });
});
