/** Frames as the tests need them. */
import { createRandom } from '@holdfast/kernel';
import type { Beat, BeatAck, Challenge, DataFrame, Hello, Welcome } from '@holdfast/protocol';
import { CONSTANT_DIGEST, constantMac, seededEntropy } from '@holdfast/testkit';
import type { ClientPorts } from '../src/index.ts';

export const registration = { name: 'w', slots: 4, labels: {}, pid: 1 };

export const credential = { key: 'k', secret: 'a secret' };
/** Ports under which every proof is `CONSTANT_DIGEST`. */
export const ports = (seed: string | number = 1): ClientPorts => ({
  random: createRandom(seed),
  entropy: seededEntropy(createRandom(seed)),
  mac: constantMac,
});
export const challenge = (more: Partial<Challenge> = {}): Challenge => ({ f: 'challenge', protocol: 2, nonce: CONSTANT_DIGEST, ...more });

export const welcome = (more: Partial<Welcome> = {}): Welcome => ({
  f: 'welcome',
  protocol: 2,
  proof: CONSTANT_DIGEST,
  session: 's1',
  token: 't1',
  fresh: 'first',
  heartbeatEveryMs: 3000,
  leaseTtlMs: 10_000,
  lostAfterMs: 120_000,
  coordinator: { id: 'c', epoch: 1 },
  ...more,
});

export const hello = (more: Partial<Hello> = {}): Hello => ({
  f: 'hello',
  protocol: [2],
  worker: 'w',
  incarnation: 'i',
  registration,
  ...more,
});

export const beatAck = (n: number, a: [number, number] = [0, 0], renewed = true): BeatAck => ({ f: 'beatAck', n, a, renewed });
export const data = (m: DataFrame['m'], a: [number, number] = [0, 0]): DataFrame => ({ f: 'data', a, m });
export const workerData = data;
export const workerBeat = (n: number, a: [number, number] = [0, 0]): Beat => ({
  f: 'beat',
  n,
  a,
  held: { count: 0, hash: 0 },
  credits: 1,
});
