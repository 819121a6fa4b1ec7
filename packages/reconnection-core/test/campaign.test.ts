/**
 * Thousands of short lives of one session, each with its own weather from its seed: every fault class of a network, alone and together.
 * `SESSION_RUNS` and `SESSION_SEED` set how many and from where; a failure prints its seed.
 */
import { createRandom, durationMs, type Random } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import { LANES } from '../src/index.ts';
import { createPair, FAIR, until, type Weather } from './pair.ts';

const runs = Number(process.env['SESSION_RUNS'] ?? 10_000);
const first = Number(process.env['SESSION_SEED'] ?? 1);

const FAULTS: Readonly<Record<string, (weather: Weather, chance: Random) => void>> = {
  cuts: (weather, chance) => (weather.linkLife = 50 + chance.below(2000)),
  delays: (weather, chance) => (weather.delayMax = 1 + chance.below(300)),
  duplicates: (weather, chance) => (weather.duplicate = chance.float() * 0.5),
  losses: (weather, chance) => (weather.lose = chance.float() * 0.2),
  corruption: (weather, chance) => (weather.corrupt = chance.float() * 0.2),
  truncation: (weather, chance) => (weather.truncate = chance.float() * 0.1),
  oneWay: (weather, chance) => (weather.oneWay = chance.float() * 0.5),
  halfOpen: (weather, chance) => Object.assign(weather, { halfOpen: chance.float() * 0.5, linkLife: 50 + chance.below(2000) }),
  refusals: (weather, chance) => (weather.refuse = chance.float() * 0.7),
  slowCommits: (weather, chance) => (weather.commitDelayMax = chance.below(2000)),
};
const small = { windowMessagesMax: 6, criticalSlots: 2, uncommittedMax: 24, frameMessagesMax: 3 };

function live(seed: number, met: Record<string, number>): void {
  const chance = createRandom(seed).fork('campaign');
  const weather: Weather = { ...FAIR };
  for (const [name, apply] of Object.entries(FAULTS)) {
    if (!chance.chance(0.3)) continue;
    apply(weather, chance);
    met[name] = (met[name] ?? 0) + 1;
  }
  const limits = chance.chance(0.3) ? small : {};
  const exposed = weather.corrupt > 0 || chance.chance(0.2);
  const pair = createPair(seed, weather, { limits, backoff: { cap: durationMs(400) } }, { limits }, { exposed });
  const lanes = LANES.slice(0, 4);
  pair.toClient({ kind: 'started' });
  for (let step = 0; step < 4; step += 1) {
    for (let count = chance.below(3); count > 0; count -= 1) pair.clientOffer(chance.pick(lanes));
    for (let count = chance.below(3); count > 0; count -= 1) pair.serverOffer(chance.pick(lanes));
    if (chance.chance(0.1)) pair.cut();
    if (chance.chance(0.03)) pair.toClient({ kind: 'reconnectAsked' });
    if (chance.chance(0.03)) pair.restartServer();
    if (chance.chance(0.03)) pair.toClient({ kind: 'stalled', by: durationMs(chance.below(5000)) });
    pair.clock.advance(chance.below(1500));
    if (pair.crashes.length > 0) throw pair.crashes[0];
  }
  Object.assign(pair.weather, FAIR);
  pair.cut();
  until(pair, 'settling of all messages', () => pair.unsettled.size === 0 && pair.client.snapshot().state === 'connected');
  until(pair, 'receipt by the client', () => pair.server.snapshot().unreceived === 0 && pair.server.snapshot().state === 'linked');
  met['resumed'] = (met['resumed'] ?? 0) + pair.client.snapshot().resumes;
  met['fresh'] = (met['fresh'] ?? 0) + pair.client.snapshot().freshes;
}

test(
  `G10 G11 campaign: ${runs} seeds from ${first}, every fault class -> each message once, in order, durable before settled`,
  { timeout: 300_000 },
  () => {
    const met: Record<string, number> = {};
    for (let seed = first; seed < first + runs; seed += 1) {
      try {
        live(seed, met);
      } catch (error) {
        throw new Error(`seed ${seed} (SESSION_SEED=${seed} SESSION_RUNS=1): ${String((error as Error).message)}`, { cause: error });
      }
    }
    process.stdout.write(`sessions: ${runs} seeds from ${first}; ${JSON.stringify(met)}\n`);
    if (runs >= 1000) for (const name of [...Object.keys(FAULTS), 'resumed', 'fresh']) expect(met[name], name).toBeGreaterThan(0);
  },
);
