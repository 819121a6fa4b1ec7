import { durationMs, type Random } from '@holdfast/kernel';
import { checkMachineLaws, fastCheckParameters } from '@holdfast/testkit';
import { test } from 'vitest';
import {
  type ClientInput,
  type ClientSnapshot,
  createClientSession,
  createServerSession,
  LANES,
  type ServerInput,
  type ServerSnapshot,
} from '../src/index.ts';
import { beatAck, challenge, credential, data, hello, ports, registration, welcome, workerBeat, workerData } from './frames.ts';

const limits = { windowMessagesMax: 8, criticalSlots: 2, backgroundMessagesMax: 4, uncommittedMax: 12 };
const parameters = { numRuns: 150, ...fastCheckParameters(process.env) };
const acks = (random: Random): [number, number] => {
  const received = random.below(5);
  return [received, random.below(received + 1)];
};
/** Mostly the current link, sometimes the former or the next one. */
const pickLink = (random: Random, link: number | undefined): number =>
  Math.max(0, (link ?? 1) + (random.chance(0.8) ? 0 : random.below(3) - 1));

function clientInput(random: Random, snapshot: ClientSnapshot): ClientInput {
  const link = pickLink(random, snapshot.link);
  const towardsOpen: readonly ClientInput[] = [
    { kind: 'started' },
    { kind: 'linkOpened', link },
    { kind: 'frameReceived', link, frame: challenge() },
    {
      kind: 'frameReceived',
      link,
      frame: welcome(snapshot.session && random.chance(0.7) ? { fresh: undefined, resumed: { received: random.below(3) } } : {}),
    },
  ];
  if (random.chance(0.3)) return random.pick(towardsOpen);
  return random.pick<ClientInput>([
    { kind: 'dialFailed', link, reason: 'r', terminal: random.chance(0.05) },
    { kind: 'linkClosed', link, code: random.pick([1006, 1012, 4410]), reason: 'r' },
    { kind: 'frameReceived', link, frame: beatAck(random.below(6), acks(random)) },
    { kind: 'frameReceived', link, frame: data([[1 + random.below(4), { t: 'drain' }]], acks(random)) },
    { kind: 'frameReceived', link, frame: { f: 'goaway', reason: 'r', retryAfterMs: random.below(1000) } },
    { kind: 'offered', lane: random.pick(LANES), payload: { t: 'x' }, key: `k${random.below(10)}` },
    { kind: 'offered', lane: 'background', payload: { t: 'x' } },
    { kind: 'heldChanged', held: { count: random.below(2), hash: 1 }, credits: random.below(3) },
    { kind: 'registrationChanged', registration },
    { kind: random.chance(0.2) ? 'reconnectAsked' : 'started' },
    random.chance(0.1) ? { kind: 'shutdownAsked', reason: 'r' } : { kind: 'stalled', by: durationMs(random.below(2000)) },
  ]);
}

test('laws: client session', () => {
  checkMachineLaws({
    create: () => createClientSession({ worker: 'w', incarnation: 'i', registration, credential, limits }, ports(7)),
    input: clientInput,
    sizes: (snapshot) => ({ window: [snapshot.inFlight, 8], trips: [snapshot.roundTrips.length, 64], queued: [snapshot.unreceived, 68] }),
    parameters,
  });
});

function serverInput(random: Random, snapshot: ServerSnapshot): ServerInput {
  const link = pickLink(random, snapshot.link);
  const resume = { session: `s${random.below(3)}`, token: `t${random.below(3)}`, received: random.below(3) };
  const id = random.below(3);
  if (random.chance(0.2))
    return {
      kind: 'helloAccepted',
      link: link + 1,
      hello: hello(random.chance(0.6) ? { resume } : {}),
      session: `s${id}`,
      token: `t${id}`,
    };
  return random.pick<ServerInput>([
    { kind: 'linkClosed', link, reason: 'r' },
    { kind: 'frameReceived', link, frame: workerBeat(random.below(5), acks(random)) },
    { kind: 'frameReceived', link, frame: workerData([[1 + random.below(4), { t: 'x' }]], [0, 0]) },
    { kind: 'offered', lane: random.pick(LANES), payload: { t: 'drain' } },
    { kind: 'offered', lane: 'background', payload: { t: 'drain' } },
    { kind: 'committed', seq: random.below(8) },
    { kind: 'beatAnswered', n: random.below(5), renewed: true },
    { kind: 'stalled', by: durationMs(random.below(2000)) },
    random.chance(0.1) ? { kind: 'closeAsked', code: 1012, reason: 'r' } : { kind: 'committed', seq: 1 },
  ]);
}

test('laws: server session', () => {
  checkMachineLaws({
    create: () => createServerSession({ coordinator: { id: 'c', epoch: 1 }, limits }),
    input: serverInput,
    sizes: (snapshot) => ({ window: [snapshot.inFlight, 8], uncommitted: [snapshot.uncommitted, 13], queued: [snapshot.unreceived, 68] }),
    gapMax: 20_000,
    parameters,
  });
});
