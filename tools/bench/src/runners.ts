/** The runners of `overhead --runner`: how the same suite is written for each, and how it is started plainly. */
import { availableParallelism } from 'node:os';
import type { PlannedFile } from './suite.ts';

export interface BenchedRunner {
  /** Packages that the suite has in its node_modules. */
  readonly packages: readonly string[];
  /** Path of a planned file, and what stands in it. */
  path(file: PlannedFile): string;
  text(file: PlannedFile): string;
  /** Files beside the tests. */
  readonly others: Readonly<Record<string, string>>;
  /** `node` stands for the Node.js that runs the bench. */
  readonly plain: readonly string[];
  /** The runner's own best parallel setting; absent: it has none. */
  readonly parallel?: readonly string[];
  /** What is typed behind `holdfast run --`. */
  readonly typed: readonly string[];
  /** The number of tests in what the plain command prints. */
  readonly total: RegExp;
}

const CORES = availableParallelism();
const MANIFEST = { 'package.json': '{ "name": "suite", "private": true }\n' };

const WORK = `exports.wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
exports.compute = (rounds) => {
  let value = 1;
  for (let round = 0; round < rounds; round += 1) value = (Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) + round) >>> 0;
  return value + 1;
};
`;

/** Python computes the same loop so many times slower. */
const PYTHON_SLOWER = 60;

const WORK_PY = `import time


def compute(rounds):
    value = 1
    for index in range(rounds):
        value = ((value ^ (value >> 15)) * 0x2C1B3C6D + index) & 0xFFFFFFFF
    return value + 1


def wait(ms):
    time.sleep(ms / 1000)
`;

const javascript = (head: string, test: (title: string, body: string) => string) => ({
  others: { ...MANIFEST, 'work.js': WORK },
  path: ({ name }: PlannedFile) => `test/${name}.test.js`,
  text: ({ tests }: PlannedFile) =>
    `${head}const { compute, wait } = require('../work.js');\n${tests
      .map(({ rounds, waitMs }, index) =>
        test(`case ${index}`, `if (!(compute(${rounds}) > 0)) throw new Error('no'); await wait(${waitMs});`),
      )
      .join('\n')}\n`,
});

export const BENCHED: Readonly<Record<string, BenchedRunner>> = {
  vitest: {
    ...javascript('', (title, body) => `test('${title}', async () => { ${body} }, 60_000);`),
    others: { ...MANIFEST, 'work.js': WORK, 'vitest.config.mjs': 'export default { test: { globals: true } };\n' },
    packages: ['vitest'],
    plain: ['node', 'node_modules/vitest/vitest.mjs', 'run'],
    parallel: ['node', 'node_modules/vitest/vitest.mjs', 'run', `--maxWorkers=${CORES}`],
    typed: ['npx', 'vitest', 'run'],
    total: /Tests .*\((\d+)\)/,
  },
  jest: {
    ...javascript('', (title, body) => `test('${title}', async () => { ${body} }, 60_000);`),
    packages: ['jest'],
    plain: ['node', 'node_modules/jest/bin/jest.js'],
    parallel: ['node', 'node_modules/jest/bin/jest.js', `--maxWorkers=${CORES}`],
    typed: ['npx', 'jest'],
    total: /^Tests:.*?(\d+) total/m,
  },
  mocha: {
    ...javascript('', (title, body) => `it('${title}', async () => { ${body} }).timeout(60_000);`),
    packages: ['mocha'],
    plain: ['node', 'node_modules/mocha/bin/mocha.js', 'test'],
    parallel: ['node', 'node_modules/mocha/bin/mocha.js', '--parallel', '--jobs', String(CORES), 'test'],
    typed: ['npx', 'mocha', 'test'],
    total: /(\d+) passing/,
  },
  node: {
    ...javascript("const { test } = require('node:test');\n", (title, body) => `test('${title}', async () => { ${body} });`),
    packages: [],
    plain: ['node', '--test'],
    parallel: ['node', '--test', `--test-concurrency=${CORES}`],
    typed: ['node', '--test'],
    total: /^. tests (\d+)/m,
  },
  playwright: {
    ...javascript(
      "const { test } = require('@playwright/test');\ntest.setTimeout(60_000);\n",
      (title, body) => `test('${title}', async () => { ${body} });`,
    ),
    packages: ['@playwright/test'],
    plain: ['node', 'node_modules/@playwright/test/cli.js', 'test', '--reporter=line'],
    parallel: ['node', 'node_modules/@playwright/test/cli.js', 'test', '--reporter=line', `--workers=${CORES}`],
    typed: ['npx', 'playwright', 'test'],
    total: /(\d+) passed/,
  },
  pytest: {
    others: { ...MANIFEST, 'conftest.py': '', 'work.py': WORK_PY },
    packages: [],
    path: ({ name }) => `test/test_${name.replaceAll('-', '_')}.py`,
    text: ({ tests }) =>
      `from work import compute, wait\n\n${tests
        .map(
          ({ rounds, waitMs }, index) =>
            `\ndef test_${index}():\n    assert compute(${Math.round(rounds / PYTHON_SLOWER)}) > 0\n    wait(${waitMs})\n`,
        )
        .join('\n')}`,
    plain: ['python3', '-m', 'pytest', '-q'],
    typed: ['python3', '-m', 'pytest'],
    total: /(\d+) passed/,
  },
};

export const RUNNER_NAMES: readonly string[] = Object.keys(BENCHED);
