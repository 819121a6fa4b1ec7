import { expect, test } from 'vitest';
import { boundedText, boundedTitle } from '../src/failure.ts';
import { parseJunit } from '../src/junit.ts';

const options = { file: 'all.sh', cwd: '/repo' };

test('junit: pytest, one flat suite named after the tool -> class names tell the path', () => {
  const xml = `<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="2">
    <testcase classname="tests.test_a.TestIt" name="test_b[&lt;1&gt;]" time="1.5" file="/repo/tests/test_a.py" line="7"/>
    <testcase classname="tests.test_a" name="test_c" time="0.001"><failure message="assert 1 == 2&#10;more">E assert</failure></testcase>
  </testsuite></testsuites>`;
  expect(parseJunit(xml, options)).toEqual({
    ok: true,
    value: {
      errors: [],
      cases: [
        { path: ['tests.test_a.TestIt', 'test_b[<1>]'], file: 'tests/test_a.py', line: 7, grade: 'passed', durationMs: 1500, attempts: 1 },
        {
          path: ['tests.test_a', 'test_c'],
          file: 'all.sh',
          grade: 'failed',
          durationMs: 1,
          attempts: 1,
          failure: { message: 'assert 1 == 2\nmore', stack: 'E assert' },
        },
      ],
    },
  });
});

test('junit: nested suites, errors, skips and Surefire re-runs -> grades, attempts and no lost error', () => {
  const xml = `<testsuite name="outer" file="src/a.ts"><error message="beforeAll broke">trace</error>
    <testsuite name="inner"><testcase name="a" classname="x"><error type="Boom"/></testcase>
      <testcase name="b"><skipped/></testcase>
      <testcase name="c"><flakyFailure message="first"><stackTrace>at c</stackTrace></flakyFailure><flakyError/></testcase>
      <testcase name="d"><failure message="no"/><rerunFailure message="no"/></testcase>
      <testcase name="e" time="1,234.5"/></testsuite></testsuite>`;
  const read = parseJunit(xml, options);
  expect(read.ok && read.value.errors).toEqual([{ message: 'beforeAll broke', stack: 'trace' }]);
  expect(
    read.ok &&
      read.value.cases.map(({ path, grade, attempts, failure, durationMs }) => [
        path.join('/'),
        grade,
        attempts,
        failure?.message,
        durationMs,
      ]),
  ).toEqual([
    ['outer/inner/a', 'failed', 1, 'Boom', 0],
    ['outer/inner/b', 'skipped', 1, undefined, 0],
    ['outer/inner/c', 'flaky', 3, 'first', 0],
    ['outer/inner/d', 'failed', 2, 'no', 0],
    ['outer/inner/e', 'passed', 1, undefined, 1234500],
  ]);
});

test.each([
  ['a document cut off by a crash', '<testsuites><testsuite name="s"><testcase name="a"/>', 'are no XML'],
  ['no XML', 'ok 1 - a', 'are no'],
  ['other XML', '<html><body/></html>', 'neither testsuites nor testsuite'],
  ['an empty file', '', 'are no'],
  ['suites nested without end', '<testsuite>'.repeat(5000) + '</testsuite>'.repeat(5000), 'are no XML'],
])('junit: %s -> bad', (_title, xml, problem) => {
  expect(parseJunit(xml, options)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
});

test('junit: past its limits -> bad, never a part of the results', () => {
  const xml = `<testsuite name="s">${'<testcase name="a"/>'.repeat(11)}</testsuite>`;
  expect(parseJunit(xml, { ...options, casesMax: 10 })).toMatchObject({ ok: false, problem: 'have 11 cases, more than 10' });
  expect(parseJunit(xml, { ...options, lengthMax: 100 })).toMatchObject({ ok: false });
});

test('junit: thousands of escaped names and entities that multiply -> read, and not expanded', () => {
  const many = `<testsuite name="s">${'<testcase name="&lt;a&gt;"/>'.repeat(3000)}</testsuite>`;
  const read = parseJunit(many, options);
  expect(read.ok && read.value.cases.every(({ path }) => path.at(-1) === '<a>') && read.value.cases.length).toBe(3000);
  const laughs =
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]><testsuite><testcase name="&c;"/></testsuite>';
  const bomb = parseJunit(laughs, options);
  expect(JSON.stringify(bomb).length).toBeLessThan(200);
});

test('failure texts: too long, wide or broken characters -> at most the bytes allowed, well-formed, marked', () => {
  for (const text of ['a'.repeat(100_000), 'é'.repeat(9000), '😀'.repeat(5000), '\ud800'.repeat(9000)]) {
    const bounded = boundedText(text, 8192);
    expect(Buffer.byteLength(bounded)).toBeLessThanOrEqual(8192);
    expect(Buffer.byteLength(bounded)).toBeGreaterThan(8100);
    expect(bounded.isWellFormed() && bounded.endsWith('[cut]')).toBe(true);
  }
  expect(boundedText('a'.repeat(8192), 8192)).toBe('a'.repeat(8192));
  expect(boundedTitle('t'.repeat(1025))).toHaveLength(1024);
});
