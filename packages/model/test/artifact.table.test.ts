import { ARTIFACT_LIMITS, artifactNameProblem, artifactsProblem, parseDigest } from '@holdfast/model';
import { expect, test } from 'vitest';

const GOOD = [
  'a',
  'report/index.html',
  'a b.txt',
  '.hidden',
  'ä/ö.png',
  'a..b',
  '...a',
  'x'.repeat(255),
  'C',
  'at 12:30',
  '100%.txt',
  '~/.ssh',
];
const BAD = [
  ...['', '.', '..', '../x', 'a/../../b', 'a/..', '/etc/cron.d/x', '//x', 'a//b', 'a/', '..\\', 'a\\b', 'C:/x', 'c:x'],
  ...['%2e%2e%2fx', 'a%2Fb', 'a%5cb', 'a%00', 'a\0b', 'a\nb', 'a\u007fb', 'trailing.', 'trailing ', 'dir./x', '\ud800'],
  ...['x'.repeat(300), 'ä'.repeat(128), 'a\u0308'],
];

test('A1 artifact: names that stay below a folder on every machine -> taken', () => {
  expect(GOOD.map((name) => [name, artifactNameProblem(name)]).filter(([, problem]) => problem !== undefined)).toEqual([]);
});

test('A1 artifact: traversal, absolute, encoded, overlong, twins of another normal form -> refused with a reason', () => {
  expect(BAD.filter((name) => artifactNameProblem(name) === undefined)).toEqual([]);
});

test('artifacts: too many, too large, too much, the same name twice -> refused with a reason', () => {
  const one = (name: string, size = 1) => ({ name, size });
  const { bytesMax, countMax } = ARTIFACT_LIMITS;
  const many = (count: number, size: number) => Array.from({ length: count }, (_, index) => one(`f${index}`, size));
  expect(artifactsProblem(many(countMax, 1))).toBeUndefined();
  expect(artifactsProblem(many(10, bytesMax))).toBeUndefined();
  expect(artifactsProblem(many(countMax + 1, 1))).toContain('513 files');
  expect(artifactsProblem([one('a', bytesMax + 1)])).toContain('more than');
  expect(artifactsProblem(many(11, bytesMax))).toContain('together');
  expect(artifactsProblem([one('a'), one('a')])).toContain('twice');
  expect(artifactsProblem([one('../a')])).toContain('the part ..');
});

test('digest: 64 lower-case hex digits behind sha256- and nothing else -> taken', () => {
  expect(parseDigest(`sha256-${'a1'.repeat(32)}`)).toBeDefined();
  const bad = [
    '',
    'a1'.repeat(32),
    `sha256-${'A1'.repeat(32)}`,
    `sha256-${'a'.repeat(63)}`,
    `sha256-${'a'.repeat(64)}\n`,
    `sha512-${'a'.repeat(64)}`,
  ];
  for (const text of bad) expect(parseDigest(text), text).toBeUndefined();
});
