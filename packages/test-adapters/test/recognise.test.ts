import { expect, test } from 'vitest';
import { perFileCommand, type ProjectFacts, recogniseCommand } from '../src/index.ts';

const project = (scripts: Record<string, string> = {}, vitest = '5.1.1'): ProjectFacts => ({
  folder: '/repo',
  scripts,
  versions: { vitest, '@playwright/test': '1.65.1' },
});
const words = (line: string): string[] => line.split(' ');

/** The adapter and its arguments in one line; the reason if it was refused; undefined if unknown. */
function seen(line: string, scripts: Record<string, string> = {}): string | undefined {
  const found = recogniseCommand(words(line), project(scripts));
  if (found?.kind === 'refused') return `refused: ${found.reason}`;
  return (
    found && [found.suite.adapter, ...found.suite.args, ...((found.suite.options?.['patterns'] as string[] | undefined) ?? [])].join(' ')
  );
}

test.each([
  ['vitest', {}, 'vitest'],
  ['vitest run', {}, 'vitest'],
  ['npx vitest run src/a', {}, 'vitest src/a'],
  ['npx --yes vitest run', {}, 'vitest'],
  ['node node_modules/vitest/vitest.mjs run -t login', {}, 'vitest -t login'],
  ['./node_modules/.bin/vitest run', {}, 'vitest'],
  ['npm test', { test: 'vitest run' }, 'vitest'],
  ['npm t', { test: 'vitest run' }, 'vitest'],
  ['npm test -- -t login', { test: 'vitest run' }, 'vitest -t login'],
  ['npm run unit -- src', { unit: 'vitest run --config u.js' }, 'vitest --config u.js src'],
  ['npm exec -- vitest run', {}, 'vitest'],
  ['npm run --silent unit', { unit: 'npm run inner', inner: 'vitest' }, 'vitest'],
  ['pnpm test src', { test: 'vitest run' }, 'vitest src'],
  ['pnpm run unit -- src', { unit: 'vitest run' }, 'vitest src'],
  ['pnpm vitest', {}, 'vitest'],
  ['pnpm exec vitest run', {}, 'vitest'],
  ['yarn test', { test: 'vitest run' }, 'vitest'],
  ['yarn unit', { unit: 'vitest run' }, 'vitest'],
  ['yarn vitest run', {}, 'vitest'],
  ['env A=b vitest run', {}, 'vitest'],
  ['npx cross-env A=b C=d vitest run', {}, 'vitest'],
  ['c8 -r lcov --all vitest run', {}, 'vitest'],
  ['nyc vitest run', {}, 'vitest'],
  ['jest', {}, 'jest'],
  ['npx jest src/a -t login --ci', {}, 'jest src/a -t login --ci'],
  ['npm test -- --coverage=false a', { test: 'jest --maxWorkers=50% --reporters default' }, 'jest a'],
  ['node --experimental-vm-modules node_modules/jest/bin/jest.js a', {}, 'jest a'],
  ['cross-env NODE_OPTIONS=--experimental-vm-modules jest', {}, 'jest'],
  ['mocha', {}, 'mocha'],
  ['npx mocha -r ts-node/register --parallel -j 4 src/**/*.spec.ts -R dot', {}, 'mocha -r ts-node/register src/**/*.spec.ts'],
  ['npm test', { test: 'nyc mocha --exit --timeout 5000' }, 'mocha --timeout 5000'],
  ['npx playwright test login --project=web -j 2 --grep smoke --reporter=html', {}, 'playwright --grep smoke'],
  ['npm run e2e', { e2e: 'playwright test -c e2e.config.ts' }, 'playwright -c e2e.config.ts'],
  ['pytest', {}, 'pytest'],
  ['python3 -m pytest tests -k login -n auto --cov=src --cov-fail-under 90 -x', {}, 'pytest tests -k login'],
  ['.venv/bin/pytest -p no:randomly', {}, 'pytest -p no:randomly'],
  ['uv run pytest -q', {}, 'pytest -q'],
  ['poetry run python -m pytest', {}, 'pytest'],
  ['coverage run --branch -m pytest a.py', {}, 'pytest a.py'],
  ['npm test', { test: 'pytest -v' }, 'pytest -v'],
  ['node --test', {}, 'node-test'],
  [
    'node --import ./setup.mjs --test --test-name-pattern login test/**/*.js',
    {},
    'node-test --import ./setup.mjs --test-name-pattern login test/**/*.js',
  ],
  ['tsx --test src/a.test.ts', {}, 'node-test --import tsx src/a.test.ts'],
  ['node --run test', { test: 'node --test' }, 'node-test'],
  ['npm test', { test: "node --test 'test/**/*.test.js'" }, 'node-test test/**/*.test.js'],
])('recognise: %s with %j -> %s', (line, scripts, expected) => {
  expect(seen(line, scripts as Record<string, string>)).toBe(expected);
});

test.each([
  ['npm test', { test: 'tsc -b && vitest run --bail 1' }, 'run `tsc -b` yourself, and type: holdfast run -- vitest run --bail 1'],
  ['npm test -- -t x', { test: 'vitest run | tee log' }, 'uses the shell for |'],
  ['npm test', { test: 'vitest run --root $DIR' }, 'uses the shell for $'],
  ['npm test', { lint: 'oxlint' }, 'has no script "test"; it has lint'],
  ['npm test -t login', { test: 'vitest run' }, 'type npm run test -- -t login'],
  ['npm -w pkg test', { test: 'vitest run' }, 'npm -w is not understood'],
  ['npm run a', { a: 'npm run b', b: 'npm run a' }, 'in a circle'],
  ['pnpm -r test', { test: 'vitest run' }, 'pnpm -r is not understood'],
  ['pnpm dlx vitest run', {}, 'pnpm dlx runs a copy'],
  ['yarn dlx vitest', {}, 'yarn dlx runs a copy'],
  ['npx vitest@3 run', {}, 'leave the version out'],
  ['mocha --watch', {}, '--watch never ends'],
  ['mocha --inspect-brk', {}, '--inspect-brk needs one process'],
  ['playwright test --ui', {}, '--ui needs somebody'],
  ['npm test', { test: 'tsc && playwright test' }, 'type: holdfast run -- playwright test'],
  ['pytest --pdb', {}, '--pdb needs a terminal'],
  ['pytest --lf', {}, 'use holdfast run --last-failed'],
  ['npm test', { test: 'ruff check . && python -m pytest' }, 'type: holdfast run -- python -m pytest'],
  ['jest --watchAll', {}, '--watchAll never ends'],
  ['jest --onlyFailures', {}, 'use holdfast run --last-failed'],
  ['npm test', { test: 'tsc && jest -i' }, 'run `tsc` yourself, and type: holdfast run -- jest -i'],
  ['vitest watch', {}, 'vitest watch never ends; use vitest run'],
  ['vitest --watch', {}, '--watch never ends'],
  ['vitest --ui', {}, '--ui needs a server'],
  ['vitest run --inspect-brk', {}, '--inspect-brk needs one process'],
  ['vitest bench', {}, 'vitest bench measures'],
  ['vitest run test/*.ts', {}, 'test/*.ts would match nothing'],
  ['vitest run src/a.test.ts:12', {}, 'src/a.test.ts:12 names a line'],
  ['node --inspect --test', {}, '--inspect needs one process'],
  ['node --test --watch', {}, '--watch never ends'],
  ['node --max-old-space-size=1 node_modules/vitest/vitest.mjs run', {}, 'would not reach the tests'],
])('recognise: %s with %j -> refused, %s', (line, scripts, reason) => {
  const found = seen(line, scripts as Record<string, string>);
  expect(found).toContain('refused: ');
  expect(found).toContain(reason);
});

test.each(['node build.js', 'tape', 'npm start', 'make test', 'npx playwright install', 'pnpm install', 'node -e 1', 'c8 report', ''])(
  'recognise: %s -> unknown, so it can run as it is',
  (line) => {
    expect(recogniseCommand(line === '' ? [] : words(line), project({ start: 'node server.js' }))).toBeUndefined();
  },
);

test('recognise: flags of workers, bail, shard and reports -> taken over; -t, config, project and filters -> kept', () => {
  const found = recogniseCommand(
    words(
      'vitest run --maxWorkers=3 --bail 2 --shard=1/2 --reporter junit --outputFile.junit=x.xml --coverage.enabled --project a -c b.js -t c d',
    ),
    project(),
  );
  expect(found).toMatchObject({
    kind: 'suite',
    suite: { adapter: 'vitest', args: ['--project', 'a', '-c', 'b.js', '-t', 'c', 'd'] },
    takenOver: { workers: 3, failFast: true },
  });
  const notes = found?.kind === 'suite' ? found.notes.join('\n') : '';
  for (const flag of ['--shard', '--reporter', '--outputFile.junit', '--coverage.enabled']) expect(notes).toContain(flag);
});

test('recognise: a value that looks like a refused flag or a pattern -> kept as a value', () => {
  expect(seen('vitest run -t --watch')).toBe('vitest -t --watch');
  expect(seen('vitest run -t a*b')).toBe('vitest -t a*b');
  expect(seen('vitest run --coverage.reporter text --coverage.enabled src --coverage.thresholds.lines 80')).toBe('vitest src');
  expect(seen('vitest run --watch=false --exclude **/e2e/**')).toBe('vitest --exclude **/e2e/**');
});

test('recognise: --no-file-parallelism -> one worker, said so', () => {
  expect(recogniseCommand(words('vitest run --no-file-parallelism'), project())).toMatchObject({
    takenOver: { workers: 1 },
    notes: [expect.stringContaining('serial')],
  });
});

test('recognise: a script -> runs in the folder of its manifest with its assignments; neighbours are named', () => {
  const found = recogniseCommand(words('npm test'), project({ pretest: 'tsc -b', test: "cross-env NODE_ENV=test LABEL='a b' vitest run" }));
  expect(found).toMatchObject({ kind: 'suite', cwd: '/repo', env: { NODE_ENV: 'test', LABEL: 'a b' } });
  expect(found?.kind === 'suite' && found.notes.join()).toContain('"pretest" is not run');
});

test('recognise: node:test flags -> concurrency and reporters taken over, global setup set aside', () => {
  expect(
    recogniseCommand(
      words('node --test --test-concurrency=4 --test-reporter tap --test-global-setup=g.js --test-only a.js b.js'),
      project(),
    ),
  ).toMatchObject({
    suite: { adapter: 'node-test', args: ['--test-only'], options: { patterns: ['a.js', 'b.js'], globalSetup: 'g.js' } },
    takenOver: { workers: 4 },
  });
});

test('recognise: vitest before 3 -> refused with the version', () => {
  expect(recogniseCommand(['vitest'], project({}, '2.1.9'))).toMatchObject({ kind: 'refused', reason: expect.stringContaining('2.1.9') });
});

test('recognise: snapshots to update -> for this machine only', () => {
  expect(recogniseCommand(words('vitest run -u'), project())).toMatchObject({ suite: { args: ['-u'], options: { localOnly: true } } });
});

const withFile = (text: string): ProjectFacts => ({ ...project({ test: 'borp' }), files: { '.borp.yaml': text } });
const DEFAULT = '**/*.test.{js,mjs,cjs,ts,mts,cts}';

test.each([
  ['borp', `node-test --test-timeout=30000 ${DEFAULT}`],
  ['borp --no-timeout -o --expose-gc -p test/*.js', 'node-test --test-only --expose-gc test/*.js'],
  ['borp --timeout 60000 -i fixtures/** a.test.js !b.test.js', 'node-test --test-timeout=60000 a.test.js !b.test.js !fixtures/**'],
  ['borp --coverage --check-coverage --lines 95 -r spec', `node-test --test-timeout=30000 ${DEFAULT}`],
  ['borp --watch', 'refused: borp --watch never ends; leave it out'],
  ['borp --new-flag', "refused: borp's --new-flag is not understood; type node --test with what it means"],
])('borp: %s -> %s', (line, expected) => {
  expect(seen(line)).toBe(expected);
});

test('borp: what its config lists -> its files, workers and timeout as for node --test', () => {
  const text =
    'reporters:\n  - spec\nfiles: # all\n  - \'test/**/*.test.js\'\n  - "lib/*.mjs"\n  - src/a.test.js\ncoverage:\n  lines: 90\n';
  expect(recogniseCommand(words('npm test -- -c 3'), withFile(text))).toMatchObject({
    suite: {
      adapter: 'node-test',
      args: ['--test-timeout=30000'],
      options: { patterns: ['test/**/*.test.js', 'lib/*.mjs', 'src/a.test.js'] },
    },
    takenOver: { workers: 3 },
  });
  for (const odd of ['files: [a, b]', 'files:\n  - !glob x', 'files:\n  - *all']) {
    expect(recogniseCommand(words('borp'), withFile(odd))).toMatchObject({ kind: 'refused' });
  }
});

test.each([
  [
    'npm test',
    { test: 'npm run lint && npm run unit && tsc', lint: 'eslint', unit: 'c8 node --test' },
    'and type: holdfast run -- npm run unit',
  ],
  ['npm test -- -t x', { test: 'tsc; npm run unit', unit: 'vitest run' }, 'type: holdfast run -- npm run unit -- -t x'],
  ['npm test', { test: 'vitest run && node --test' }, '`vitest run` and `node --test` run tests: type one of them after holdfast run --'],
  ['npm test', { test: 'a && npm test' }, 'type the test command itself'],
  ['npm test', { test: 'pnpm run /^test:.*/', 'test:spec': 'vitest run', 'test:types': 'tsc' }, 'type holdfast run -- pnpm run test:spec'],
  ['pnpm run /a/', { a: 'pnpm run /a/' }, 'type the test command itself'],
])('refused: %s with %j -> %s', (line, scripts, advice) => {
  expect(seen(line, scripts as Record<string, string>)).toContain(advice);
});

test.each([
  ['npm test', { test: 'tape "test/*.test.js"' }, "holdfast run --files 'test/*.test.js' -- npx tape {file}"],
  ['npx mocha -r ts-node/register src/**/*.spec.ts', {}, "holdfast run --files 'src/**/*.spec.ts' -- npx mocha -r ts-node/register {file}"],
  ['npm test', { test: 'ava' }, "holdfast run --files 'test/**/*.js' -- npx ava {file}"],
  ['node a.js b.js', {}, "holdfast run --files 'a.js' --files 'b.js' -- node {file}"],
  ['make test', {}, "holdfast run --files 'test/**/*.js' -- make test {file}"],
])('advice per file: %s with %j -> %s', (line, scripts, expected) => {
  expect(perFileCommand(words(line), project(scripts as Record<string, string>))).toBe(expected);
});

test('recognise: playwright with projects and filters, of another age -> they choose units only; refused with the range', () => {
  expect(recogniseCommand(words('playwright test --project a --project=b -x -u tests/login --no-deps'), project())).toMatchObject({
    suite: {
      adapter: 'playwright',
      args: ['-u'],
      options: { projects: ['a', 'b'], filters: ['tests/login'], noDeps: true, localOnly: true },
    },
    takenOver: { failFast: true },
  });
  const old = recogniseCommand(words('playwright test'), { ...project(), versions: { '@playwright/test': '1.39.0' } });
  expect(old).toEqual({ kind: 'refused', reason: '@playwright/test 1.39.0 is installed; supported are 1.40 and later' });
});

test('recognise: pytest behind its managers -> the words in front are kept; -n, -x and --maxfail are taken over', () => {
  expect(recogniseCommand(words('uv run python -m pytest -n 3 --maxfail=2 a.py'), project())).toMatchObject({
    suite: { adapter: 'pytest', args: ['a.py'], options: { command: ['uv', 'run', 'python', '-m', 'pytest'] } },
    takenOver: { workers: 3, failFast: true },
  });
  expect(recogniseCommand(words('pytest -n0'), project())).toMatchObject({ suite: { args: ['-n0'] } });
  expect(recogniseCommand(words('pytest -n 0'), project())).toMatchObject({ takenOver: { workers: 1 } });
  expect(recogniseCommand(words('python -m unittest'), project())).toBeUndefined();
});

test('recognise: mocha of another age, declared serial, with a bail -> refused with the range, one worker, fail fast', () => {
  const old = recogniseCommand(['mocha'], { ...project(), versions: { mocha: '7.2.0' } });
  expect(old).toEqual({ kind: 'refused', reason: 'mocha 7.2.0 is installed; supported are 8.0 and later' });
  for (const line of ['mocha --no-parallel', 'mocha -j 1', 'mocha --parallel=false']) {
    expect(recogniseCommand(words(line), project())).toMatchObject({
      takenOver: { workers: 1 },
      notes: [expect.stringContaining('serial')],
    });
  }
  expect(recogniseCommand(words('mocha -b -j 3'), project())).toMatchObject({ takenOver: { workers: 3, failFast: true }, notes: [] });
});

test('recognise: jest of another age, serial, with flags of Node -> refused with the range, one worker, in NODE_OPTIONS', () => {
  const old = recogniseCommand(['jest'], { ...project(), versions: { jest: '27.5.1' } });
  expect(old).toEqual({ kind: 'refused', reason: 'jest 27.5.1 is installed; supported are 28.0 and later' });
  for (const flag of ['-i', '--runInBand', '-w=1', '--maxWorkers=1']) {
    expect(recogniseCommand(['jest', flag], project())).toMatchObject({
      takenOver: { workers: 1 },
      notes: [expect.stringContaining('serial')],
    });
  }
  const flagged = recogniseCommand(words('node --experimental-vm-modules --no-warnings node_modules/.bin/jest --bail -u'), project());
  expect(flagged).toMatchObject({
    env: { NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
    takenOver: { failFast: true },
    suite: { adapter: 'jest', args: ['-u'], options: { localOnly: true } },
  });
});
