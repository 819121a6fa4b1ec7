import { expect, test } from 'vitest';
import { joinWords, readCommandList, splitWords } from '../src/index.ts';

test.each([
  ['a b  c', ['a', 'b', 'c']],
  ["a 'b c' d", ['a', 'b c', 'd']],
  ['a "b \\"c\\" \\d" e\\ f', ['a', 'b "c" \\d', 'e f']],
  [`a''b "" ''`, ['ab', '', '']],
  ['a#b # c', ['a#b']],
  ['test/**/*.{js,ts} [id]', ['test/**/*.{js,ts}', '[id]']],
  ['a~b', ['a~b']],
])('words: %s -> %j', (text, expected) => {
  expect(splitWords(text)).toEqual({ kind: 'words', words: expected });
});

test.each(['a && b', 'a | b', 'a > b', 'a $B', 'a "$B"', 'a `b`', 'a; b', "a 'b", 'a "b', '(a)', '~/a', 'a\\'])(
  'words: %s -> a fault',
  (text) => {
    expect(splitWords(text).kind).toBe('fault');
  },
);

test('words: joined again -> the same words, and none for a shell to act on', () => {
  const words = ['a b', "it's", '', '$HOME', '--x=1', '`id`', '*.ts'];
  expect(splitWords(joinWords(words))).toEqual({ kind: 'words', words });
});

test('command list: comments, blanks and quotes -> commands with their lines', () => {
  expect(readCommandList('# all\nnode a.js\r\n\n  echo "b c" # said\n')).toEqual({
    ok: true,
    value: [
      { argv: ['node', 'a.js'], line: 2 },
      { argv: ['echo', 'b c'], line: 4 },
    ],
  });
});

test('command list: a line for a shell -> bad, with its number', () => {
  expect(readCommandList('node a.js\nnode b.js && node c.js')).toMatchObject({
    ok: false,
    problem: expect.stringContaining('line 2 uses the shell for &&'),
  });
});
