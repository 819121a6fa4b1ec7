import { after, durationMs, type Machine, type MonoMs } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import { checkMachineLaws, fastCheckParameters, mutateTrace } from '../src/index.ts';

interface Snapshot {
  readonly kept: number;
  readonly extra?: unknown;
}
type Flaw = 'none' | 'random' | 'early' | 'repeats' | 'spins' | 'not plain' | 'not a number' | 'grows' | 'moves';

/** An alarm that rings 100 ms after it was set; each flaw breaks one law. */
function createAlarm(flaw: Flaw): Machine<'set' | 'other', string, Snapshot> {
  let at: MonoMs | undefined;
  let kept = 0;
  let ticks = 0;
  const extras: Partial<Record<Flaw, () => unknown>> = {
    'not plain': () => new Map(),
    'not a number': () => Number.NaN,
    random: () => ++shared,
  };
  return {
    handle(input, now) {
      if (input !== 'set') return [];
      at = after(now, durationMs(100));
      kept = flaw === 'grows' ? kept + 1 : 1;
      return flaw === 'repeats' ? ['noted'] : [];
    },
    tick(now) {
      ticks += 1;
      if (flaw === 'repeats' && at !== undefined && now >= at) return ['ring'];
      const patience = flaw === 'early' ? 99 : 0;
      if (at === undefined || now < at - patience) return [];
      if (flaw !== 'spins') at = undefined;
      kept = 0;
      return flaw === 'spins' ? [] : ['ring'];
    },
    deadline: () => at,
    snapshot: () => ({ kept, extra: flaw === 'moves' ? ticks : extras[flaw]?.() }),
  };
}
let shared = 0;

const check = (flaw: Flaw): void =>
  checkMachineLaws({
    create: () => createAlarm(flaw),
    input: (random) => (random.chance(0.7) ? 'set' : 'other'),
    sizes: (snapshot) => ({ kept: [snapshot.kept, 1] }),
    parameters: { seed: 1 },
  });

test('laws: a machine that keeps them -> passes', () => check('none'));

test('laws: a machine that breaks one -> the law is named', () => {
  const laws: Record<Exclude<Flaw, 'none'>, string> = {
    random: 'L1 snapshot',
    early: 'L2 early tick',
    repeats: 'L2 repeated tick',
    spins: 'L3 deadline',
    'not plain': 'L4 snapshot.extra is not a plain object',
    'not a number': 'L4 snapshot.extra is NaN',
    grows: 'L5 kept is 2, more than 1',
    moves: 'changed the state',
  };
  for (const [flaw, law] of Object.entries(laws)) expect(() => check(flaw as Flaw), flaw).toThrow(law);
});

test('parameters: an environment -> seed, path and runs', () => {
  expect(fastCheckParameters({ FC_SEED: '5', FC_PATH: '1:2', FC_RUNS: '7' })).toEqual({ seed: 5, path: '1:2', numRuns: 7 });
  expect(fastCheckParameters({})).toEqual({});
});

test('trace: three events -> eight mutations, each of its kind', () => {
  expect(mutateTrace(['a', 'b', 'c']).map(({ name, events }) => `${name} ${events.join('')}`)).toEqual([
    'duplicate 0 aabc', 'swap 0 bac', 'drop 0 bc', 'duplicate 1 abbc', 'swap 1 acb', 'drop 1 ac', 'duplicate 2 abcc', 'drop 2 ab',
  ]); // prettier-ignore
});
