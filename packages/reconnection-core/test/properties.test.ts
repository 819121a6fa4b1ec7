import { createRandom, durationMs } from '@holdfast/kernel';
import { fastCheckParameters } from '@holdfast/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LANES } from '../src/index.ts';
import { createPair, FAIR, until, type Weather } from './pair.ts';

const parameters = { numRuns: 40, ...fastCheckParameters(process.env) } as fc.Parameters<[number]>;
const storm: Weather = { ...FAIR, linkLife: 400, delayMax: 40, duplicate: 0.2, refuse: 0.2, halfOpen: 0.1, commitDelayMax: 60 };
const small = {
  windowMessagesMax: 16,
  windowBytesMax: 2048,
  criticalSlots: 2,
  criticalBytes: 256,
  uncommittedMax: 64,
  frameMessagesMax: 5,
};

test('I2 I3 pair: links cut, frames delayed and doubled, then calm -> each message once and in order per session, all durable and settled', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const limits = seed % 2 === 0 ? small : {};
      const pair = createPair(seed, { ...storm }, { limits, backoff: { cap: durationMs(400) } }, { limits });
      const chance = createRandom(seed).fork('story');
      pair.toClient({ kind: 'started' });
      for (let step = 0; step < 60; step += 1) {
        const lanes = LANES.slice(0, 4);
        for (let count = chance.below(4); count > 0; count -= 1) pair.clientOffer(chance.pick(lanes));
        for (let count = chance.below(3); count > 0; count -= 1) pair.serverOffer(chance.pick(lanes));
        if (chance.chance(0.05)) pair.cut();
        if (chance.chance(0.02)) pair.toClient({ kind: 'reconnectAsked' });
        if (chance.chance(0.02)) pair.restartServer();
        pair.clock.advance(chance.below(200));
        if (pair.crashes.length > 0) throw pair.crashes[0];
      }
      Object.assign(pair.weather, FAIR);
      until(pair, 'settling of all messages', () => pair.unsettled.size === 0 && pair.client.snapshot().state === 'connected');
      until(pair, 'receipt by the client', () => pair.server.snapshot().unreceived === 0 && pair.server.snapshot().state === 'linked');
      const opened = (how: string) => pair.serverLog.filter((effect) => effect.kind === 'opened' && effect.how === how).length;
      expect(pair.client.snapshot().resumes).toBeLessThanOrEqual(opened('resumed'));
      expect(pair.client.snapshot().freshes).toBeLessThanOrEqual(opened('fresh'));
    }),
    parameters,
  );
});
