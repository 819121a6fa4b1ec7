/**
 * Both ends in one process, without a socket: a message is sent, the link is cut, and the message arrives once all the same.
 * Run: node --conditions=@holdfast/source packages/reconnection-core/examples/two-ends.ts
 */
import { createRandom, drive, type Driver, durationMs } from '@holdfast/kernel';
import { nodeClock as clock, nodeEntropy as entropy, nodeMac as mac, nodeTimers as timers } from '@holdfast/kernel/node';
import { coordinatorFrame, decodeFrame, keysOf, workerFrame } from '@holdfast/protocol';
import {
  type ClientInput,
  createClientSession,
  createGate,
  createServerSession,
  type Gate,
  type ServerInput,
} from '@holdfast/reconnection-core';

const registration = { name: 'example', slots: 1, labels: {}, pid: 1 };
const credential = { key: 'example', secret: 'known to both ends' };
const worker = createClientSession(
  { worker: 'w', incarnation: 'life-1', registration, credential },
  { random: createRandom('example'), entropy, mac },
);
const stored = keysOf(mac, credential.secret);
/** The door of each link: it lets nobody in who cannot prove to know the secret. */
const gates = new Map<number, Gate>();
const coordinator = createServerSession({ coordinator: { id: 'c', epoch: 1 } });
const crashed = (error: unknown): never => {
  throw error;
};
let openLink = 0;

const toWorker: Driver<ClientInput> = drive(worker, {
  clock,
  timers,
  crashed,
  perform(effect) {
    if (effect.kind === 'dial') {
      openLink = effect.link;
      gates.set(openLink, createGate({}, { mac, entropy, find: (key) => (key === credential.key ? stored : undefined) }, clock.mono()));
      toWorker.offer({ kind: 'linkOpened', link: effect.link });
    } else if (effect.kind === 'transmit' && effect.link === openLink) {
      const { link } = effect;
      const frame = decodeFrame(effect.text, workerFrame);
      if (!frame.ok) throw new Error(frame.problem);
      const gate = gates.get(link)!;
      if (gate.snapshot().state === 'passed') return toCoordinator.offer({ kind: 'frameReceived', link, frame: frame.value });
      for (const step of gate.handle({ kind: 'frameReceived', frame: frame.value, text: effect.text }, clock.mono())) {
        if (step.kind === 'transmit') toWorkerFrame(link, step.text);
        else if (step.kind === 'proven') {
          const secret = String(link);
          toCoordinator.offer({ kind: 'helloAccepted', link, hello: step.hello, session: secret, token: secret, proof: step.proof });
        }
      }
    } else if (effect.kind === 'opened') {
      console.log(`worker: link ${openLink}, session ${effect.how}`);
      if (effect.how === 'resumed') return;
      toWorker.offer({ kind: 'offered', lane: 'high', payload: { t: 'goodbye' }, key: 'the result' });
      // The link is gone before the message leaves; nobody but the session notices.
      openLink = 0;
      toWorker.offer({ kind: 'linkClosed', link: 1, code: 1006, reason: 'cut' });
      toCoordinator.offer({ kind: 'linkClosed', link: 1, reason: 'cut' });
    } else if (effect.kind === 'down') console.log(`worker: ${effect.reason}, again in ${effect.retryIn} ms`);
    else if (effect.kind === 'settled') {
      console.log(`worker: ${effect.key} is durable`);
      toWorker.stop();
      toCoordinator.stop();
    }
  },
});

function toWorkerFrame(link: number, text: string): void {
  const frame = decodeFrame(text, coordinatorFrame);
  if (!frame.ok) throw new Error(frame.problem);
  toWorker.offer({ kind: 'frameReceived', link, frame: frame.value });
}

const toCoordinator: Driver<ServerInput> = drive(coordinator, {
  clock,
  timers,
  crashed,
  perform(effect) {
    if (effect.kind === 'transmit' && effect.link === openLink) toWorkerFrame(effect.link, effect.text);
    else if (effect.kind === 'beat') toCoordinator.offer({ kind: 'beatAnswered', n: effect.n, renewed: true });
    else if (effect.kind === 'deliver') {
      console.log('coordinator: delivered', effect.payload);
      // A store would commit here.
      timers.set(durationMs(20), () => toCoordinator.offer({ kind: 'committed', seq: effect.seq }));
    }
  },
});

toWorker.offer({ kind: 'started' });
