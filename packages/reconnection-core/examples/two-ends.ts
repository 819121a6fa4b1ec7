/**
 * Both ends in one process, without a socket: a message is sent, the link is cut, and the message arrives once all the same.
 * Run: node --conditions=@holdfast/source packages/reconnection-core/examples/two-ends.ts
 */
import { createRandom, drive, type Driver, durationMs } from '@holdfast/kernel';
import { nodeClock as clock, nodeTimers as timers } from '@holdfast/kernel/node';
import { coordinatorFrame, decodeFrame, workerFrame } from '@holdfast/protocol';
import { type ClientInput, createClientSession, createServerSession, type ServerInput } from '@holdfast/reconnection-core';

const registration = { name: 'example', slots: 1, labels: {}, pid: 1 };
const worker = createClientSession({ worker: 'w', incarnation: 'life-1', registration }, createRandom('example'));
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
      toWorker.offer({ kind: 'linkOpened', link: effect.link });
    } else if (effect.kind === 'transmit' && effect.link === openLink) {
      const { link } = effect;
      const frame = decodeFrame(effect.text, workerFrame);
      if (!frame.ok) throw new Error(frame.problem);
      const secret = String(link);
      if (frame.value.f === 'hello')
        toCoordinator.offer({ kind: 'helloAccepted', link, hello: frame.value, session: secret, token: secret });
      else toCoordinator.offer({ kind: 'frameReceived', link, frame: frame.value });
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

const toCoordinator: Driver<ServerInput> = drive(coordinator, {
  clock,
  timers,
  crashed,
  perform(effect) {
    if (effect.kind === 'transmit' && effect.link === openLink) {
      const frame = decodeFrame(effect.text, coordinatorFrame);
      if (!frame.ok) throw new Error(frame.problem);
      toWorker.offer({ kind: 'frameReceived', link: effect.link, frame: frame.value });
    } else if (effect.kind === 'beat') toCoordinator.offer({ kind: 'beatAnswered', n: effect.n, renewed: true });
    else if (effect.kind === 'deliver') {
      console.log('coordinator: delivered', effect.payload);
      // A store would commit here.
      timers.set(durationMs(20), () => toCoordinator.offer({ kind: 'committed', seq: effect.seq }));
    }
  },
});

toWorker.offer({ kind: 'started' });
