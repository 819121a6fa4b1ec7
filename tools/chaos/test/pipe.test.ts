/** Toxics as pure functions under virtual time: no sockets. */
import { createRandom, monoMs } from '@holdfast/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPipe, parseToxic, type Pipe, type PipeEffect, type Toxic, TOXIC_TYPES, type ToxicRequest } from '../src/index.ts';

const toxic = (type: string, attributes: Record<string, number> = {}, more: Partial<ToxicRequest> = {}): Toxic =>
  parseToxic({ type, stream: 'upstream', attributes, ...more });
const pipeOf = (toxics: readonly Toxic[], seed: string | number = 1): Pipe =>
  createPipe({ stream: 'upstream', toxics, random: createRandom(seed) }, monoMs(0));
const bytes = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, index) => (from + index) % 251);

interface Left {
  readonly at: number;
  readonly kind: PipeEffect['kind'];
  readonly length: number;
}

/** Feeds a pipe at given times, lets all timers ring, and tells what left when. */
function run(pipe: Pipe, feed: readonly (readonly [at: number, what: Uint8Array | 'ended' | 'broke'])[], until = 100_000): Left[] {
  const left: Left[] = [];
  const note = (effects: readonly PipeEffect[], at: number): void =>
    void left.push(...effects.map((effect) => ({ at, kind: effect.kind, length: effect.kind === 'write' ? effect.bytes.length : 0 })));
  const runTimers = (to: number): void => {
    for (let at = pipe.deadline(); at !== undefined && at <= to; at = pipe.deadline()) note(pipe.tick(at), at);
  };
  for (const [at, what] of feed) {
    runTimers(at);
    note(pipe.handle(typeof what === 'string' ? { kind: what } : { kind: 'received', bytes: what }, monoMs(at)), at);
  }
  runTimers(until);
  return left;
}

const written = (pipe: Pipe, feed: readonly Uint8Array[]): { readonly bytes: number[]; readonly end: string | undefined } => {
  const all: number[] = [];
  let end: string | undefined;
  for (const chunk of feed) {
    for (const effect of pipe.handle({ kind: 'received', bytes: chunk }, monoMs(0))) {
      if (effect.kind === 'write') all.push(...effect.bytes);
      else end = effect.kind;
    }
  }
  return { bytes: all, end };
};

test('no toxics -> bytes and ends pass at once', () => {
  expect(
    run(pipeOf([]), [
      [5, bytes(3)],
      [6, 'ended'],
    ]),
  ).toEqual([
    { at: 5, kind: 'write', length: 3 },
    { at: 6, kind: 'end', length: 0 },
  ]);
  expect(run(pipeOf([]), [[1, 'broke']])).toEqual([{ at: 1, kind: 'reset', length: 0 }]);
});

test('latency: each chunk later by latency and jitter, in order -> no chunk overtakes', () => {
  expect(
    run(pipeOf([toxic('latency', { latency: 100 })]), [
      [0, bytes(1)],
      [10, bytes(2)],
      [10, 'ended'],
    ]),
  ).toEqual([
    { at: 100, kind: 'write', length: 1 },
    { at: 110, kind: 'write', length: 2 },
    { at: 110, kind: 'end', length: 0 },
  ]);
  const jittered = run(
    pipeOf([toxic('latency', { latency: 100, jitter: 90 })]),
    Array.from({ length: 50 }, (_, n) => [n, bytes(n + 1)] as const),
  );
  expect(jittered.map(({ length }) => length)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
  expect(new Set(jittered.map(({ at }, n) => at - n)).size).toBeGreaterThan(5);
});

test('bandwidth: 10 KB/s -> 5,000 bytes have left after half a second, never more than the rate', () => {
  const left = run(pipeOf([toxic('bandwidth', { rate: 10 })]), [
    [0, bytes(5000)],
    [0, 'ended'],
  ]);
  let sum = 0;
  for (const { at, length } of left) expect((sum += length)).toBeLessThanOrEqual(at * 10 + 1);
  expect(left.at(-1)).toEqual({ at: 500, kind: 'end', length: 0 });
});

test('slow_close, timeout, reset_peer -> when they say, and nothing passes the last two', () => {
  expect(
    run(pipeOf([toxic('slow_close', { delay: 70 })]), [
      [1, bytes(1)],
      [2, 'ended'],
    ]),
  ).toEqual([
    { at: 1, kind: 'write', length: 1 },
    { at: 72, kind: 'end', length: 0 },
  ]);
  expect(run(pipeOf([toxic('timeout', { timeout: 50 })]), [[1, bytes(9)]])).toEqual([{ at: 50, kind: 'close', length: 0 }]);
  expect(
    run(pipeOf([toxic('timeout', { timeout: 0 })]), [
      [1, bytes(9)],
      [2, 'ended'],
    ]),
  ).toEqual([]);
  expect(run(pipeOf([toxic('reset_peer', { timeout: 50 })]), [[1, bytes(9)]])).toEqual([{ at: 50, kind: 'reset', length: 0 }]);
});

test('slicer: 100 bytes to 10 ± 3, 2 ms apart -> sizes and gaps as asked, bytes as they were', () => {
  const sliced = toxic('slicer', { average_size: 10, size_variation: 3, delay: 2000 });
  const left = run(pipeOf([sliced]), [[0, bytes(100)]]);
  for (const { length } of left.slice(0, -1)) expect(Math.abs(length - 10)).toBeLessThanOrEqual(3);
  left.forEach(({ at }, index) => expect(at).toBe((index + 1) * 2));
  expect(left.reduce((sum, { length }) => sum + length, 0)).toBe(100);
});

test('limit_data, truncate -> the connection closes after the limit, in the middle of a chunk', () => {
  expect(
    run(pipeOf([toxic('limit_data', { bytes: 15 })]), [
      [0, bytes(10)],
      [1, bytes(10)],
      [2, bytes(10)],
    ]),
  ).toEqual([
    { at: 0, kind: 'write', length: 10 },
    { at: 1, kind: 'write', length: 5 },
    { at: 1, kind: 'close', length: 0 },
  ]);
  const { bytes: passed, end } = written(pipeOf([toxic('truncate', { bytes: 15 })]), [bytes(10), bytes(1000)]);
  expect(end).toBe('close');
  expect(passed.length).toBeGreaterThanOrEqual(15);
  expect(passed.length).toBeLessThan(1010);
});

test('blackhole: from 10 ms on -> what came before passes, nothing after, not even the end; removed after a loss -> reset', () => {
  const hole = toxic('blackhole', { after: 10 });
  const pipe = pipeOf([hole]);
  expect(
    run(pipe, [
      [9, bytes(1)],
      [10, bytes(1)],
      [11, 'ended'],
      [12, 'broke'],
    ]),
  ).toEqual([{ at: 9, kind: 'write', length: 1 }]);
  expect(pipe.handle({ kind: 'toxicsChanged', toxics: [] }, monoMs(20))).toEqual([{ kind: 'reset' }]);
  expect(pipeOf([hole]).handle({ kind: 'toxicsChanged', toxics: [] }, monoMs(20))).toEqual([]);
});

test('half_open -> the sender is cut after the time, its end is not told before', () => {
  expect(
    run(pipeOf([toxic('half_open', { after: 30 })]), [
      [1, bytes(4)],
      [2, 'ended'],
    ]),
  ).toEqual([
    { at: 1, kind: 'write', length: 4 },
    { at: 30, kind: 'cut', length: 0 },
  ]);
});

test('corrupt: one byte in about 50 -> one bit of each is wrong; the same bytes in other chunks -> the same damage', () => {
  const whole = bytes(5000);
  const make = (): Pipe => pipeOf([toxic('corrupt', { every: 50 })]);
  const once = written(make(), [whole]).bytes;
  const wrong = once.flatMap((value, index) => (value === whole[index] ? [] : [value ^ whole[index]!]));
  expect(wrong.length).toBeGreaterThan(60);
  expect(wrong.length).toBeLessThan(160);
  for (const bits of wrong) expect(Math.log2(bits) % 1).toBe(0);
  const pieces = Array.from({ length: 50 }, (_, index) => whole.subarray(index * 100, index * 100 + 100));
  expect(written(make(), pieces).bytes).toEqual(once);
});

test('duplicate: 40 of 100 -> about so many chunks twice, each right after itself', () => {
  const chunks = Array.from({ length: 1000 }, (_, n) => Uint8Array.of(n % 251));
  const { bytes: all } = written(pipeOf([toxic('duplicate', { percent: 40 })]), chunks);
  expect(all.length).toBeGreaterThan(1340);
  expect(all.length).toBeLessThan(1460);
  expect(all.filter((value, index) => index === 0 || value !== all[index - 1])).toEqual(chunks.map(([value]) => value));
});

test('refuse -> a reset before anything', () => {
  expect(pipeOf([toxic('refuse')]).tick(monoMs(0))).toEqual([{ kind: 'reset' }]);
});

test('toxicity 0.3 -> meets about 30 of 100 connections, the same ones for the same seed', () => {
  const acts = (seed: string): boolean[] =>
    Array.from({ length: 1000 }, (_, n) => pipeOf([toxic('timeout', {}, { toxicity: 0.3 })], `${seed}/${n}`).snapshot().met[0]!.acts);
  const share = acts('a').filter(Boolean).length;
  expect(share).toBeGreaterThan(240);
  expect(share).toBeLessThan(360);
  expect(acts('a')).toEqual(acts('a'));
  expect(acts('b')).not.toEqual(acts('a'));
});

test('toxics changed: one is removed while it holds bytes -> they go on in order, through those that are left', () => {
  const [slow, slower] = [toxic('latency', { latency: 50 }), toxic('latency', { latency: 500 }, { name: 'slower' })];
  const pipe = pipeOf([slow, slower]);
  expect(
    run(
      pipe,
      [
        [0, bytes(1)],
        [60, bytes(2)],
      ],
      70,
    ),
  ).toEqual([]);
  expect(pipe.heldBytes()).toBe(3);
  const effects = pipe.handle({ kind: 'toxicsChanged', toxics: [slow] }, monoMs(71));
  expect(effects).toEqual([{ kind: 'write', bytes: bytes(1) }]);
  expect(run(pipe, [])).toEqual([{ at: 110, kind: 'write', length: 2 }]);
  expect(pipe.heldBytes()).toBe(0);
});

test('any toxics, any chunks, any changes: same seed -> same effects; what a lossless chain lets out is what came in', () => {
  const lossless = ['latency', 'bandwidth', 'slicer', 'slow_close'];
  const chainOf = (types: readonly string[]): Toxic[] =>
    types.map((type, index) =>
      toxic(
        type,
        { latency: 20, jitter: 15, rate: 2, delay: 30, average_size: 7, size_variation: 6, timeout: 60, bytes: 90, after: 40 },
        { name: `${type}${index}` },
      ),
    );
  const feeds = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 60 })), { maxLength: 20 });
  const act = (types: readonly string[], feed: readonly (readonly [number, number])[], dropAfter: number, seed: number): unknown[] => {
    const pipe = pipeOf(chainOf(types), seed);
    const effects: unknown[] = [];
    let at = 0;
    let next = 0;
    for (const [index, [gap, length]] of feed.entries()) {
      at += gap;
      if (index === dropAfter) effects.push(...pipe.handle({ kind: 'toxicsChanged', toxics: chainOf(types).slice(1) }, monoMs(at)));
      effects.push(...pipe.handle({ kind: 'received', bytes: bytes(length, next) }, monoMs(at)));
      next += length;
    }
    for (let due = pipe.deadline(); due !== undefined; due = pipe.deadline()) {
      effects.push(...pipe.tick(due));
      expect(pipe.tick(due), 'an early tick').toEqual([]);
    }
    expect(pipe.heldBytes()).toBe(0);
    return effects;
  };
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...TOXIC_TYPES), { maxLength: 4 }), feeds, fc.nat(10), fc.nat(), (types, feed, drop, seed) => {
      expect(act(types, feed, drop, seed)).toEqual(act(types, feed, drop, seed));
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...lossless), { maxLength: 4 }), feeds, fc.nat(10), fc.nat(), (types, feed, drop, seed) => {
      const out = act(types, feed, drop, seed).flatMap((effect) => [...(effect as { bytes: Uint8Array }).bytes]);
      expect(out).toEqual([...bytes(feed.reduce((sum, [, length]) => sum + length, 0))]);
    }),
    { numRuns: 300 },
  );
});

test('what no toxic may be -> refused with the status and the words of the API', () => {
  const refusal = (input: unknown): unknown => {
    try {
      return parseToxic(input);
    } catch (error) {
      return (error as { details: unknown }).details;
    }
  };
  expect(refusal({ type: 'rain' })).toEqual({ status: 400, error: 'invalid toxic type' });
  expect(refusal({ type: '__proto__' })).toEqual({ status: 400, error: 'invalid toxic type' });
  expect(refusal({ type: 'latency', stream: 'sideways' })).toMatchObject({
    status: 400,
    error: expect.stringContaining('stream was invalid'),
  });
  for (const attributes of [{ latency: -1 }, { latency: '5' }, { jitter: Number.NaN }, { latency: 1e300 }]) {
    expect(refusal({ type: 'latency', attributes })).toMatchObject({ status: 400, error: expect.stringContaining('bad request body') });
  }
  expect(refusal({ type: 'latency', toxicity: 2 })).toMatchObject({ status: 400 });
  expect(refusal({ type: 'slicer', attributes: { average_size: 0 } })).toMatchObject({ status: 400 });
  expect(refusal(null)).toMatchObject({ status: 400 });
});
