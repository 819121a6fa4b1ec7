import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { parseTap } from '../src/tap.ts';
import { plainEnvironment } from './support/host-session.ts';

const read = (text: string) => {
  const parsed = parseTap(text, { file: 'test/a.js' });
  return parsed.ok
    ? {
        cases: parsed.value.cases.map(({ path, grade }) => `${path.join(' > ')}: ${grade}`),
        errors: parsed.value.errors.map(({ message }) => message),
      }
    : parsed.problem;
};

test('tap: as tape prints it -> comments name what their points belong to, its tallies nothing', () => {
  const text =
    'TAP version 13\n# adds\nok 1 is two\nnot ok 2 is three\n  ---\n    operator: equal\n    message: "two is not three"\n    at: a.js:3\n  ...\n# later\nok 3 x # SKIP no net\nnot ok 4 y # TODO\n\n1..4\n# tests 4\n# pass  3\n# fail  1\n';
  const parsed = parseTap(text, { file: 'test/a.js' });
  expect(read(text)).toEqual({
    cases: ['adds > is two: passed', 'adds > is three: failed', 'later > x: skipped', 'later > y: skipped'],
    errors: [],
  });
  expect(parsed.ok && parsed.value.cases[1]).toMatchObject({
    file: 'test/a.js',
    failure: { message: 'two is not three', stack: expect.stringContaining('at: a.js:3') },
  });
});

test('T1 tap: subtests -> inside their titles; the point that closes them is a case only if nothing inside failed', () => {
  const text =
    '# Subtest: outer\n    ok 1 - inner\n    # Subtest: deep\n        not ok 1 - deepest\n        1..1\n    not ok 2 - deep\n    1..2\nnot ok 1 - outer\n# Subtest: other\n    ok 1 - fine\n    1..1\nnot ok 2 - other\n1..2\n';
  expect(read(text)).toEqual({
    cases: ['outer > inner: passed', 'outer > deep > deepest: failed', 'other > fine: passed', 'other: failed'],
    errors: [],
  });
});

test.for([
  ['ok 1 - a\n1..2\n', ['the stream planned 2 tests and told of 1']],
  ['ok 1 - a\n', ['the stream ends without a plan']],
  ['ok 1 - a\nBail out! no database\n1..1\n', ['Bail out! no database']],
] as const)('T2 tap: half a stream, %j -> an error', ([text, errors]) => {
  expect(read(text)).toEqual({ cases: ['a: passed'], errors });
});

test('tap: none at all -> bad; an empty plan -> nothing', () => {
  expect(read('hello\nSyntaxError: x\n')).toBe('are no TAP');
  expect(read('TAP version 13\n1..0 # SKIP\n')).toEqual({ cases: [], errors: [] });
});

test('tap: what Node.js itself prints -> read as its own summary counts it', () => {
  const code =
    "const { test, suite } = require('node:test'); test('a', () => {}); suite('s', () => { test('b', () => {}); test('c', () => { throw new Error('no') }); test.skip('d', () => {}) });";
  const { stdout } = spawnSync(process.execPath, ['--test-reporter=tap', '-e', code], { env: plainEnvironment(), encoding: 'utf8' });
  expect(read(stdout)).toEqual({ cases: ['a: passed', 's > b: passed', 's > c: failed', 's > d: skipped'], errors: [] });
});
