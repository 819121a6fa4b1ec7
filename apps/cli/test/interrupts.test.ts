import { expect, onTestFinished, test } from 'vitest';
import { listenForInterrupts } from '../src/run/interrupts.ts';

/** Calls only the listeners that were added since `before`: those of the test runner are none of this. */
function newListeners(): (name: 'SIGINT' | 'SIGTERM') => void {
  const before = { SIGINT: process.listeners('SIGINT'), SIGTERM: process.listeners('SIGTERM') };
  return (name) => {
    for (const listener of process.listeners(name)) if (!before[name].includes(listener)) (listener as (signal: string) => void)(name);
  };
}

function rig(interrupt: () => Promise<void>): {
  readonly calls: string[];
  readonly raise: ReturnType<typeof newListeners>;
  readonly interrupts: ReturnType<typeof listenForInterrupts>;
} {
  const calls: string[] = [];
  const raise = newListeners();
  const interrupts = listenForInterrupts(
    (name) => {
      calls.push(`interrupt ${name}`);
      return interrupt();
    },
    (code) => void calls.push(`leave ${code}`),
  );
  onTestFinished(() => interrupts.dispose());
  return { calls, raise, interrupts };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())));

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s -> the run is told once, then the signal is aborted, the exit code is %d; a second one leaves', async (name, code) => {
  const told = Promise.withResolvers<void>();
  const { calls, raise, interrupts } = rig(() => told.promise);
  expect(interrupts.code()).toBeUndefined();
  raise(name);
  expect(interrupts.code()).toBe(code);
  expect(interrupts.signal.aborted).toBe(false);
  told.resolve();
  await aborted(interrupts.signal);
  await interrupts.settled;
  raise('SIGINT');
  expect(calls).toEqual([`interrupt ${name}`, `leave ${code}`]);
});

test('the run cannot be told -> aborted all the same', async () => {
  const { raise, interrupts } = rig(() => Promise.reject(new Error('gone')));
  raise('SIGINT');
  await aborted(interrupts.signal);
  expect(interrupts.code()).toBe(130);
});

test('disposed -> nobody listens any more', () => {
  const { calls, raise, interrupts } = rig(() => Promise.resolve());
  interrupts.dispose();
  raise('SIGINT');
  raise('SIGTERM');
  expect(calls).toEqual([]);
});
