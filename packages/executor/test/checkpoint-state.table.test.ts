import { openState, sealState } from '@holdfast/checkpoint-store/envelope';
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
])('state: %s -> comes back the same through its envelope', (_name, state) => {
  const bytes = Buffer.from(packState(state));
  const sealed = sealState({ kind: 'json', bytes });
  const opened = openState(sealed.data, sealed.blob ? bytes : undefined);
  expect(opened.ok && unpackState(opened.value)).toEqual(state);
});

test('state: more than is kept, or no JSON -> refused', () => {
  expect(() => packState('x'.repeat(16_777_215))).toThrow(RangeError);
  expect(() => packState(undefined)).toThrow(TypeError);
});
