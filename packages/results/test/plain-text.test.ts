import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnsOf, cutEnd, cutStart, firstLine, plainLine, plainText, wrap } from '../src/index.ts';

test.each([
  ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
  ['cursor and clear', 'a\u001b[2J\u001b[H\u001b[999Ab', 'ab'],
  ['title (OSC, BEL)', 'a\u001b]0;evil\u0007b', 'ab'],
  ['link (OSC 8, ST)', '\u001b]8;;https://x\u001b\\text\u001b]8;;\u001b\\', 'text'],
  ['device control', 'a\u001bPq#0\u001b\\b', 'ab'],
  ['reset', 'a\u001bcb', 'ab'],
  ['8-bit CSI', 'a\u009b31mb', 'ab'],
  ['never ended', 'a\u001b]0;evil', 'a\\x1b]0;evil'],
  ['bare escape at the end', 'a\u001b', 'a\\x1b'],
  ['bell and backspace', 'pass\u0008\u0008\u0007', 'pass\\x08\\x08\\x07'],
  ['bidi override', 'user\u202eresu', 'user\\u202eresu'],
  ['isolates and marks', '\u2066a\u2069\u200f\u061c', '\\u2066a\\u2069\\u200f\\u061c'],
  ['line separators of JavaScript', 'a\u2028b', 'a\\u2028b'],
  ['progress by carriage return', '10%\r20%\r\n', '10%\n20%\n'],
  ['tab', 'a\tb', 'a  b'],
  ['lone surrogate', 'a\ud83d', 'a\ufffd'],
  ['people’s own scripts', 'naïve 日本 👩‍👩‍👧 שלום', 'naïve 日本 👩‍👩‍👧 שלום'],
])('P plain text: %s', (_name, hostile, plain) => {
  expect(plainText(hostile)).toBe(plain);
});

// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069\ufeff]/;
const nasty = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom(
      '\u001b',
      '\u001b[',
      '\u001b]',
      '\u001bP',
      '\u009b',
      '\u009d',
      '\u0007',
      '\u001b\\',
      '3',
      ';',
      'm',
      '\r',
      '\n',
      '\u202e',
      '漢',
      '👍🏽',
      'e\u0301',
    ),
  ),
);

test('P1 plain text: anything -> nothing unsafe is left; one line stays one line', () => {
  fc.assert(
    fc.property(nasty, (parts) => {
      const text = parts.join('');
      expect(plainText(text)).not.toMatch(UNSAFE);
      expect(plainText(text).isWellFormed()).toBe(true);
      expect(plainLine(text)).not.toContain('\n');
      expect(firstLine(text)).not.toContain('\n');
    }),
    { numRuns: 500 },
  );
});

test('P3 plain text: 300,000 characters of unfinished sequences -> done in linear time', () => {
  for (const piece of ['\u001b]', '\u001b[', '\u001b[1;1', '\u0090', '\u001bPx', '\u001b[ ']) {
    const text = piece.repeat(Math.floor(300_000 / piece.length));
    const started = performance.now();
    plainText(text);
    // Quadratic work would take minutes; the limit only tells the two apart.
    expect(performance.now() - started).toBeLessThan(5000);
  }
});

test.each([
  ['abc', 3],
  ['日本', 4],
  ['e\u0301a', 2],
  ['👩‍👩‍👧', 2],
  ['👍🏽!', 3],
  ['✓ ok', 4],
  ['\u001b[31mred\u001b[39m', 3],
  ['한글', 4],
  ['', 0],
])('columns: %j -> %i', (text, columns) => {
  expect(columnsOf(text)).toBe(columns);
});

test('columns: cutting -> never wider than asked, nothing torn', () => {
  expect(cutEnd('日本語', 5)).toBe('日本…');
  expect(cutEnd('日本語', 4)).toBe('日…');
  expect(cutEnd('\u001b[31mabcdef\u001b[39m', 4)).toBe('\u001b[31mabc…\u001b[0m');
  expect(cutStart('test/api/users.test.ts', 14)).toBe('…users.test.ts');
  fc.assert(
    fc.property(nasty, fc.integer({ min: 1, max: 30 }), (parts, columns) => {
      const line = plainLine(parts.join(''));
      expect(columnsOf(cutEnd(line, columns))).toBeLessThanOrEqual(columns);
      expect(columnsOf(cutStart(line, columns))).toBeLessThanOrEqual(columns);
      for (const part of wrap(line, Math.max(2, columns))) expect(columnsOf(part)).toBeLessThanOrEqual(Math.max(2, columns));
    }),
  );
});
