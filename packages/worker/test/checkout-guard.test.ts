import { durationMs } from '@holdfast/kernel';
import { type Fingerprint, fingerprintClass } from '@holdfast/model';
import { expect, test } from 'vitest';
import { createCheckoutGuard } from '../src/checkout-guard.ts';

const print = (commit: string, dirty = 'clean'): Fingerprint => ({
  repository: 'r',
  commit,
  dirty,
  lockfile: 'none',
  platform: 'linux-x64',
  node: 'v26',
});

function scene(first = print('a')) {
  const readings: PromiseWithResolvers<Fingerprint>[] = [];
  const timers: (() => void)[] = [];
  const did: string[] = [];
  const guard = createCheckoutGuard(first, durationMs(5000), {
    timers: {
      set(_delay, run) {
        timers.push(run);
        return () => void timers.splice(timers.indexOf(run), 1);
      },
      soon: (run) => run(),
    },
    read() {
      const reading = Promise.withResolvers<Fingerprint>();
      readings.push(reading);
      return reading.promise;
    },
    changed: (found) => did.push(found ? `changed ${found.commit} ${found.dirty}` : 'unreadable'),
  });
  const settle = async (act: (reading: PromiseWithResolvers<Fingerprint>) => void): Promise<void> => {
    const reading = readings.shift();
    if (!reading) throw new Error('nothing is being read');
    act(reading);
    await reading.promise.catch(() => {
      /* ignored: the guard hears it. */
    });
    // The guard goes on in the turn after its promise.
    await Promise.resolve();
  };
  return {
    guard,
    did,
    readings,
    begin: (run: number, lease: string, of = print('a')) => guard.begin(run, fingerprintClass(of), lease, () => did.push(`start ${lease}`)),
    found: (state: Fingerprint) => settle((reading) => reading.resolve(state)),
    fails: () => settle((reading) => reading.reject(new Error('no'))),
    timePasses: () => timers.shift()?.(),
  };
}

test('C1 guard: the first attempts of a run -> begin after a reading; later ones and unbound runs at once', async () => {
  const { guard, did, begin, found, readings } = scene();
  begin(1, '1.1.1');
  begin(1, '1.2.1');
  guard.begin(2, undefined, '2.1.1', () => did.push('start 2.1.1'));
  expect(did).toEqual(['start 2.1.1']);
  await found(print('a'));
  // The second one came when the reading was under way.
  expect(did).toEqual(['start 2.1.1', 'start 1.1.1']);
  await found(print('a'));
  begin(1, '1.3.1');
  expect(did).toEqual(['start 2.1.1', 'start 1.1.1', 'start 1.2.1', 'start 1.3.1']);
  expect(readings).toEqual([]);
});

test('C1 guard: the state is another one -> told, nothing begins, and the lease can be withdrawn once', async () => {
  const { guard, did, begin, found } = scene();
  begin(1, '1.1.1');
  await found(print('a', 'edited'));
  expect(did).toEqual(['changed a edited']);
  expect([guard.withdraw('1.1.1'), guard.withdraw('1.1.1')]).toEqual([true, false]);
});

test('C2 guard: files change under a run -> nothing is told before the next run; another commit -> told at the next reading', async () => {
  const { did, begin, found, timePasses } = scene();
  begin(1, '1.1.1');
  await found(print('a'));
  timePasses();
  await found(print('a', 'artifact'));
  expect(did).toEqual(['start 1.1.1']);
  timePasses();
  await found(print('b', 'artifact'));
  expect(did).toEqual(['start 1.1.1', 'changed b artifact']);
});

test('C2 guard: files change while no run is under way -> told at the next reading', async () => {
  const { guard, did, begin, found, timePasses } = scene();
  begin(1, '1.1.1');
  await found(print('a'));
  guard.runEnded(1);
  timePasses();
  await found(print('a', 'edited'));
  expect(did).toEqual(['start 1.1.1', 'changed a edited']);
});

test('C3 guard: the checkout cannot be read -> told once; readable again -> told', async () => {
  const { did, found, fails, timePasses } = scene();
  timePasses();
  await fails();
  timePasses();
  await fails();
  timePasses();
  await found(print('a'));
  expect(did).toEqual(['unreadable', 'changed a clean']);
});

test('guard: closed while it reads -> nothing begins any more', async () => {
  const { guard, did, begin, found, timePasses } = scene();
  begin(1, '1.1.1');
  guard.close();
  await found(print('a'));
  timePasses();
  expect(did).toEqual([]);
});
