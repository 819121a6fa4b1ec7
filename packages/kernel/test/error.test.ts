import { assert, bad, CodedError, createStory, errorText, hasCode, monoMs, ok, unreachable } from '@holdfast/kernel';
import { expect, test } from 'vitest';

test('CodedError keeps code, message, details, cause, and is not retryable unless said', () => {
  const cause = new Error('disk');
  const error = new CodedError('STORE_FULL', 'write batch 7: no space', { details: { batch: 7 }, cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    name: 'CodedError',
    code: 'STORE_FULL',
    message: 'write batch 7: no space',
    retryable: false,
    details: { batch: 7 },
  });
  expect(error.cause).toBe(cause);
  expect(new CodedError('A_B', 'x', { retryable: true }).retryable).toBe(true);
});

test('CodedError without a cause has none, rather than an undefined one', () => {
  expect(Object.hasOwn(new CodedError('A_B', 'x'), 'cause')).toBe(false);
  expect(new CodedError('A_B', 'x').details).toEqual({});
});

test.each([
  [new CodedError('A_B', 'x'), true],
  [{ code: 'A_B' }, true],
  [new CodedError('A_C', 'x'), false],
  [new Error('A_B'), false],
  ['A_B', false],
  [null, false],
  [undefined, false],
])('hasCode of %o -> %s', (error, expected) => {
  expect(hasCode(error, 'A_B')).toBe(expected);
});

test.each([
  [new Error('one'), 'one'],
  ['two', 'two'],
  [undefined, 'undefined'],
  [new Error('first\n  second\r\nthird'), 'first second third'],
])('errorText of %o -> %j', (error, expected) => {
  expect(errorText(error)).toBe(expected);
});

test('assert lets truth pass and throws KERNEL_ASSERTION with its details otherwise', () => {
  assert(1, 'one is true');
  const broken = (): void => assert(false, 'leases fit the slots', { held: 3, slots: 2 });
  expect(broken).toThrow(expect.objectContaining({ code: 'KERNEL_ASSERTION', details: { held: 3, slots: 2 }, retryable: false }));
  expect(broken).toThrow('keep an invariant: leases fit the slots');
});

test.each([[{ kind: 'new' }], [12n], [undefined]])('unreachable throws KERNEL_ASSERTION for %o', (value) => {
  expect(() => unreachable(value as never)).toThrow(expect.objectContaining({ code: 'KERNEL_ASSERTION' }));
});

test('Result tells good from bad', () => {
  expect(ok(1)).toEqual({ ok: true, value: 1 });
  expect(bad('no')).toEqual({ ok: false, problem: 'no' });
});

test.each([
  [0, []],
  [2, ['a', 'b']],
  [3, ['a', 'b', 'c']],
  [4, ['b', 'c', 'd']],
  [7, ['e', 'f', 'g']],
])('story of at most 3 after %d entries -> the last ones, oldest first', (count, expected) => {
  const story = createStory(3);
  for (let index = 0; index < count; index += 1) story.add(monoMs(index), String.fromCharCode(97 + index));
  expect(story.entries().map((entry) => entry.what)).toEqual(expected);
  const times = story.entries().map((entry) => entry.at);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test('a story that may hold nothing holds nothing', () => {
  const story = createStory(0);
  story.add(monoMs(1), 'a');
  story.add(monoMs(2), 'b');
  expect(story.entries()).toEqual([]);
});
