import { drive, type Driver, type DrivePorts, durationMs, type Machine, type MonoMs, monoMs } from '@holdfast/kernel';
import { createVirtualClock, type VirtualClock } from '@holdfast/testkit';
import { expect, test } from 'vitest';

type Input = string;
type Call = string;

interface Rig {
  readonly clock: VirtualClock;
  readonly driver: Driver<Input>;
  readonly calls: Call[];
  readonly crashes: unknown[];
  /** When `tick` next matters; may be changed at any time. */
  deadline: MonoMs | undefined;
}

/** Drives a machine that writes down all it is told and answers each input with the effects `INPUT!`, `INPUT?`. */
function rig(
  change: Partial<DrivePorts<Input, string>> & {
    readonly machine?: Partial<Machine<Input, string, null>>;
    readonly delayOf?: (delay: number) => number;
  } = {},
): Rig {
  const { machine, delayOf, ...ports } = change;
  const clock = createVirtualClock();
  const calls: Call[] = [];
  const crashes: unknown[] = [];
  const whole: Rig = { clock, calls, crashes, deadline: undefined, driver: undefined as never };
  const recorder: Machine<Input, string, null> = {
    handle(input, now) {
      calls.push(`handle ${input} at ${now}`);
      return [`${input}!`, `${input}?`];
    },
    tick(now) {
      calls.push(`tick at ${now}`);
      if (whole.deadline !== undefined && whole.deadline <= now) whole.deadline = undefined;
      return [];
    },
    deadline: () => whole.deadline,
    snapshot: () => null,
    ...machine,
  };
  const driver = drive(recorder, {
    clock,
    timers: { set: (delay, run) => clock.set(durationMs(delayOf ? delayOf(delay) : delay), run), soon: clock.soon },
    perform: (effect) => void calls.push(`perform ${effect}`),
    crashed: (error) => void crashes.push(error),
    ...ports,
  });
  return Object.assign(whole, { driver });
}

test('drive: nothing is offered -> one tick in the next turn, and no timer without a deadline', () => {
  const { clock, calls } = rig();
  expect(calls).toEqual([]);
  clock.advance(10_000);
  expect(calls).toEqual(['tick at 0']);
  expect(clock.planned).toBe(0);
});

test('D1 D2 two inputs in one turn -> each one with its effects, in the order offered, then one tick', () => {
  const { clock, driver, calls } = rig({ turnEnded: () => calls.push('turn ended') });
  driver.offer('a');
  driver.offer('b');
  expect(calls).toEqual([]);
  clock.advance(0);
  expect(calls).toEqual([
    'handle a at 0',
    'perform a!',
    'perform a?',
    'handle b at 0',
    'perform b!',
    'perform b?',
    'tick at 0',
    'turn ended',
  ]);
});

test('D1 an input offered inside perform -> handled in a later turn, never re-entered', () => {
  let depth = 0;
  const whole = rig({
    machine: {
      handle(input) {
        depth += 1;
        expect(depth).toBe(1);
        depth -= 1;
        whole.calls.push(`handle ${input}`);
        return input.length < 4 ? [input] : [];
      },
    },
    perform(effect) {
      depth += 1;
      whole.driver.offer(`${effect}x`);
      depth -= 1;
    },
  });
  whole.driver.offer('x');
  whole.clock.advance(0);
  expect(whole.calls).toEqual(['handle x', 'tick at 0', 'handle xx', 'tick at 0', 'handle xxx', 'tick at 0', 'handle xxxx', 'tick at 0']);
});

test('D1 an input offered while the turn ends -> a turn of its own follows', () => {
  let offered = false;
  const whole = rig({
    turnEnded() {
      if (!offered) whole.driver.offer('late');
      offered = true;
    },
  });
  whole.clock.advance(0);
  expect(whole.calls).toContain('handle late at 0');
});

test('D2 perform throws -> the rest is dropped, crashed hears of it once, nothing waits', () => {
  const boom = new Error('boom');
  const whole = rig({
    perform(effect) {
      whole.calls.push(`perform ${effect}`);
      if (effect === 'a!') throw boom;
    },
  });
  whole.deadline = monoMs(50);
  whole.driver.offer('a');
  whole.driver.offer('b');
  whole.clock.advance(1000);
  expect(whole.crashes).toEqual([boom]);
  expect(whole.calls).toEqual(['handle a at 0', 'perform a!']);
  whole.driver.offer('c');
  whole.clock.advance(1000);
  expect(whole.calls).toHaveLength(2);
  expect(whole.clock.planned).toBe(0);
});

test.each(['handle', 'tick', 'deadline'] as const)('D2 the machine throws in %s -> crashed hears of it once', (method) => {
  const boom = new Error('boom');
  const whole = rig({
    machine: {
      [method]: () => {
        throw boom;
      },
    },
  });
  whole.driver.offer('a');
  whole.clock.advance(1000);
  expect(whole.crashes).toEqual([boom]);
  expect(whole.clock.planned).toBe(0);
});

test('D3 600 inputs -> turns of 256, 256 and 88, each with a tick, none lost', () => {
  const { clock, driver, calls } = rig({ perform: () => {} });
  for (let index = 0; index < 600; index += 1) driver.offer(String(index));
  clock.advance(0);
  const ticks = calls.flatMap((call, index) => (call.startsWith('tick') ? [index] : []));
  expect(ticks).toEqual([256, 513, 602]);
  expect(calls.filter((call) => call.startsWith('handle'))).toEqual(Array.from({ length: 600 }, (_, index) => `handle ${index} at 0`));
});

test.each([
  [500, ['tick at 0', 'tick at 1500']],
  [501, ['tick at 0', 'handle slept 501 at 1501', 'perform slept 501!', 'perform slept 501?', 'tick at 1501']],
])('D4 a tick %d ms late -> told as a stall past 500 ms only', (lateBy, expected) => {
  const whole = rig({ stalled: (by) => `slept ${by}`, delayOf: (delay) => delay + lateBy });
  whole.deadline = monoMs(1000);
  whole.clock.advance(20_000);
  expect(whole.calls).toEqual(expected);
});

test('D4 a beat came while the process slept -> stall first, then the beat, then the tick', () => {
  const whole = rig({ stalled: (by) => `slept ${by}`, perform: () => {}, delayOf: (delay) => delay + 9000 });
  whole.deadline = monoMs(1000);
  whole.clock.set(durationMs(10_000), () => whole.driver.offer('beat'));
  whole.clock.advance(20_000);
  expect(whole.calls).toEqual(['tick at 0', 'handle slept 9000 at 10000', 'handle beat at 10000', 'tick at 10000']);
});

test('D4 a machine without `stalled` -> its late tick comes as it is', () => {
  const whole = rig({ delayOf: (delay) => delay + 9000 });
  whole.deadline = monoMs(1000);
  whole.clock.advance(20_000);
  expect(whole.calls).toEqual(['tick at 0', 'tick at 10000']);
});

test('D5 timers that fire early -> no wake-up is lost', () => {
  const whole = rig({ delayOf: (delay) => Math.min(delay, 400) });
  whole.deadline = monoMs(1000);
  whole.clock.advance(20_000);
  expect(whole.calls).toEqual(['tick at 0', 'tick at 400', 'tick at 800', 'tick at 1000']);
});

test('D5 a deadline that stays due -> one tick a millisecond, which never counts as late', () => {
  const whole = rig({ stalled: (by) => `slept ${by}`, machine: { deadline: () => monoMs(-1) } });
  whole.clock.advance(2000);
  expect(whole.calls).toHaveLength(2001);
  expect(whole.calls.at(-1)).toBe('tick at 2000');
});

test('D5 a deadline that is no time -> the machine is broken, and the driver says so', () => {
  const whole = rig({ machine: { deadline: () => monoMs(Number.NaN) } });
  whole.clock.advance(10);
  expect(whole.crashes).toEqual([expect.objectContaining({ code: 'KERNEL_ASSERTION' })]);
});

test('D5 inputs that leave the deadline alone -> its timer stays; one that moves it -> one timer takes its place', () => {
  const asked: number[] = [];
  const whole = rig({ perform: () => {}, delayOf: (delay) => (asked.push(delay), delay) });
  whole.deadline = monoMs(1000);
  for (const at of [10, 20, 30]) whole.clock.set(durationMs(at), () => whole.driver.offer('input'));
  whole.clock.advance(100);
  expect(asked).toEqual([1000]);
  whole.deadline = monoMs(400);
  whole.driver.offer('moves it');
  whole.clock.advance(0);
  expect(asked).toEqual([1000, 300]);
  expect(whole.clock.planned).toBe(1);
  whole.clock.advance(2000);
  expect(whole.calls.filter((call) => call.startsWith('tick')).at(-1)).toBe('tick at 400');
  expect(whole.clock.planned).toBe(0);
});

test('D5 an input comes when the deadline is due -> one tick does both', () => {
  const whole = rig({ perform: () => {} });
  whole.clock.set(durationMs(1000), () => whole.driver.offer('input'));
  whole.deadline = monoMs(1000);
  whole.clock.advance(5000);
  expect(whole.calls).toEqual(['tick at 0', 'handle input at 1000', 'tick at 1000']);
});

test('stop inside perform -> the effects, inputs, tick and flush that are left do not come, and no timer keeps the process', () => {
  const whole = rig({
    perform(effect) {
      whole.calls.push(`perform ${effect}`);
      whole.driver.stop();
    },
    turnEnded: () => whole.calls.push('turn ended'),
  });
  whole.deadline = monoMs(1000);
  whole.driver.offer('a');
  whole.driver.offer('b');
  whole.clock.advance(0);
  expect(whole.calls).toEqual(['handle a at 0', 'perform a!']);
  expect(whole.clock.planned).toBe(0);
});

test('stop in the last effect of a tick, or while the turn ends -> no timer keeps the process', () => {
  const inTick = rig({ machine: { tick: () => ['over'] }, perform: () => inTick.driver.stop() });
  const inEnd = rig({ turnEnded: () => inEnd.driver.stop() });
  for (const whole of [inTick, inEnd]) {
    whole.deadline = monoMs(1000);
    whole.clock.advance(0);
    expect(whole.clock.planned).toBe(0);
  }
});

test('stop between turns -> what was offered is dropped, what is offered later is ignored', () => {
  const { clock, driver, calls } = rig();
  driver.offer('a');
  driver.stop();
  driver.offer('b');
  clock.advance(1000);
  expect(calls).toEqual([]);
  expect(clock.planned).toBe(0);
});
