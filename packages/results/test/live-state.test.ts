import { expect, test } from 'vitest';
import { createLiveState, type RunEvent } from '../src/index.ts';
import { at, finished, folded, listed, lost } from './events.ts';

function live(...events: readonly (readonly [number, RunEvent])[]) {
  const state = createLiveState();
  for (const [ms, event] of events) state.apply(event, at(ms));
  return state;
}
const joined = (worker: string, slots = 1): RunEvent => ({ e: 'worker', worker, change: 'joined', slots });
const running = (n: number, worker: string, epoch = 1): RunEvent => listed(n, { state: 'running', epoch, worker });

test('L1 live: an attempt -> shown from its lease to its end, since its first news', () => {
  const state = live([0, joined('w')], [5, listed(1, { state: 'leased', epoch: 1, worker: 'w' })], [9, running(1, 'w')]);
  expect(state.workers()).toEqual([
    { name: 'w', slots: 1, state: 'here', running: [{ n: 1, name: 'test/1.test.ts', since: 5, predictedMs: 0 }] },
  ]);
  state.apply(finished(1, 1, 'a+'), at(20));
  expect(state.runningOn('w')).toBe(0);
});

test('L1 live: two attempts of one task (hedge) -> both shown; the first result ends both', () => {
  const state = live([0, joined('a')], [0, joined('b')], [1, running(1, 'a')], [2, running(1, 'b', 2)]);
  expect([state.runningOn('a'), state.runningOn('b')]).toEqual([1, 1]);
  state.apply(listed(1, { state: 'passed' }), at(3));
  expect([state.runningOn('a'), state.runningOn('b')]).toEqual([0, 0]);
});

test('L1 live: lost, queued again or gone with its worker -> no longer shown', () => {
  expect(live([0, running(1, 'w')], [1, lost(1, 1)]).runningOn('w')).toBe(0);
  expect(live([0, running(1, 'w')], [1, listed(1)]).runningOn('w')).toBe(0);
  expect(live([0, running(1, 'w')], [1, { ...joined('w'), change: 'left' } as RunEvent]).workers()).toEqual([]);
});

test('live and fold: a later event without a name -> the name told before', () => {
  const nameless = listed(1, { name: '', state: 'running', epoch: 1, worker: 'w' });
  expect(live([0, listed(1)], [1, nameless]).workers()[0]!.running[0]!.name).toBe('test/1.test.ts');
  expect(folded([listed(1), nameless]).file(1)!.name).toBe('test/1.test.ts');
});

test('live: time left -> what is predicted over the slots, never below the longest attempt', () => {
  const known = (n: number, predictedMs: number): readonly [number, RunEvent] => [0, listed(n, { predictedMs })];
  expect(live([0, joined('w', 2)], known(1, 100), known(2, 300)).leftMs(at(0))).toBe(200);
  const state = live([0, joined('w', 2)], known(1, 100), known(2, 300), [0, running(1, 'w')], [0, running(2, 'w')]);
  expect(state.leftMs(at(60))).toBe(240);
  state.apply(finished(1, 1, 'a+'), at(100));
  expect(state.leftMs(at(100))).toBe(200);
  expect(state.leftMs(at(1000))).toBe(0);
});

test('live: files without prediction -> nothing said until one has ended, then what it took', () => {
  const state = live([0, joined('w')], [0, listed(1)], [0, listed(2)]);
  expect(state.leftMs(at(0))).toBeUndefined();
  state.apply(finished(1, 1, 'a+', { durationMs: 70 }), at(70));
  expect(state.leftMs(at(70))).toBe(70);
  state.apply(listed(2, { predictedMs: 500 }), at(71));
  expect(state.leftMs(at(71))).toBe(500);
  state.apply({ ...joined('w'), change: 'lost' } as RunEvent, at(80));
  expect(state.leftMs(at(80))).toBeUndefined();
});
