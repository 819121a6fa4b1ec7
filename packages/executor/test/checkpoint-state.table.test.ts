import { encodeMessage } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { packState, unpackState } from '../src/checkpoint-state.ts';

const nested = (depth: number): unknown => (depth === 0 ? 'deep' : [nested(depth - 1)]);

test.each([
  ['a long string', 'x'.repeat(300_000)],
  ['quotes and backslashes', '"\\'.repeat(30_000)],
  ['pairs at every cut', '😀'.repeat(80_000)],
  ['control characters', '\0\n\u001b'.repeat(8000)],
  ['a large array', Array.from({ length: 40_000 }, (_, index) => index)],
  ['deep nesting', nested(500)],
  ['many keys', Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`key ${index}`, index]))],
  ['null', null],
])('state: %s -> comes back the same, and a message carries it', (_name, state) => {
  const pieces = packState(state);
  expect(unpackState(pieces)).toEqual(state);
  expect(encodeMessage({ t: 'checkpoint', run: 1, n: 1, epoch: 1, seq: 1, data: pieces } as never)).toMatchObject({ ok: true });
});

test('state: more than a message carries, or no JSON -> refused', () => {
  expect(() => packState('x'.repeat(400 * 1024))).toThrow(RangeError);
  expect(() => packState('"'.repeat(200 * 1024))).toThrow(RangeError);
  expect(() => packState(undefined)).toThrow(TypeError);
});
