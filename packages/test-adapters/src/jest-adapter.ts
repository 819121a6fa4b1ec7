/** Recognises jest on a command line. What runs it is `io/jest-host.ts`. */
import type { Json } from '@holdfast/model';
import type { Command, ProjectFacts, Recognised, TestAdapter } from './adapter.ts';
import { COVERAGE_LEFT_OUT, REPORT_LEFT_OUT, SHARD_LEFT_OUT, UPDATES_IN_PLACE } from './common-notes.ts';
import { type FlagTable, lastNumber, type SortedFlags, sortFlags } from './flags.ts';
import { programName } from './program-name.ts';

export const jestAdapter: TestAdapter = { name: 'jest', probes: ['jest'], recognise };

/** The first major version whose programming interface the host uses. */
export const JEST_MAJOR_MIN = 28;

function recognise(command: Command, project: ProjectFacts): Recognised | undefined {
  if (programName(command.argv[0] ?? '') !== 'jest') return undefined;
  const version = project.versions['jest'];
  if (version !== undefined && Number.parseInt(version, 10) < JEST_MAJOR_MIN) {
    return { kind: 'refused', reason: `jest ${version} is installed; supported are ${JEST_MAJOR_MIN}.0 and later` };
  }
  const sorted = sortFlags(command.argv.slice(1), FLAGS, normalName, { stopAtPositional: false });
  return sorted.refused === undefined ? suiteOf(command, sorted) : { kind: 'refused', reason: sorted.refused };
}

function suiteOf(command: Command, sorted: SortedFlags): Recognised {
  const workers = lastNumber(sorted, ['maxWorkers', 'w']);
  const serial = workers === 1 || sorted.taken.some(({ name, value }) => ['runInBand', 'i'].includes(name) && value !== 'false');
  const bail = sorted.taken.findLast(({ name }) => name === 'bail' || name === 'b');
  const updates = sorted.kept.some((arg) => /^(-u|--update-?snapshot)($|=true$)/i.test(arg));
  const options: Record<string, Json> = {
    ...(updates ? { localOnly: true } : {}),
    ...(sorted.kept.some((arg) => /^--(passWithNoTests|pass-with-no-tests)($|=true$)/.test(arg)) ? { passWithNoTests: true } : {}),
  };
  return {
    kind: 'suite',
    suite: { adapter: 'jest', args: sorted.kept, ...(Object.keys(options).length > 0 ? { options } : {}) },
    env: command.env,
    notes: [
      ...sorted.notes,
      ...(serial ? ['the suite is declared serial: one file at a time'] : []),
      ...(updates ? [UPDATES_IN_PLACE] : []),
    ],
    takenOver: {
      ...(serial ? { workers: 1 } : workers === undefined ? {} : { workers }),
      ...(bail === undefined ? {} : { failFast: bail.value !== 'false' && bail.value !== '0' }),
    },
  };
}

/** jest takes `--max-workers` for `--maxWorkers`. */
const normalName = (flag: string): string =>
  flag.replace(/^--?/, '').replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());

const WATCH: FlagTable[string] = { use: 'refuse', why: 'never ends; leave it out' };
const PLAIN: FlagTable[string] = { use: 'refuse', why: 'runs no tests; run it plainly' };
const COVERAGE: FlagTable[string] = { use: 'take', value: false, note: COVERAGE_LEFT_OUT };
const REPORT: FlagTable[string] = { use: 'take', value: true, note: REPORT_LEFT_OUT };
const KEPT: FlagTable[string] = { use: 'keep', value: true };

const FLAGS: FlagTable = {
  watch: WATCH,
  watchAll: WATCH,
  h: PLAIN,
  help: PLAIN,
  version: PLAIN,
  v: PLAIN,
  init: PLAIN,
  clearCache: PLAIN,
  showConfig: PLAIN,
  listTests: PLAIN,
  collectTests: PLAIN,
  onlyFailures: { use: 'refuse', why: 'keeps its own record of what failed; leave it out and use holdfast run --last-failed' },
  f: { use: 'refuse', why: 'keeps its own record of what failed; leave it out and use holdfast run --last-failed' },
  detectOpenHandles: { use: 'refuse', why: 'looks at one process at its end; run it plainly' },
  maxWorkers: { use: 'take', value: true },
  w: { use: 'take', value: true },
  runInBand: { use: 'take', value: false },
  i: { use: 'take', value: false },
  bail: { use: 'take', value: false },
  b: { use: 'take', value: false },
  shard: { use: 'take', value: true, note: SHARD_LEFT_OUT },
  forceExit: { use: 'take', value: false },
  reporters: REPORT,
  json: { ...REPORT, value: false },
  outputFile: REPORT,
  testResultsProcessor: REPORT,
  notify: { use: 'take', value: false },
  coverage: COVERAGE,
  collectCoverage: COVERAGE,
  collectCoverageFrom: { ...COVERAGE, value: true },
  coverageDirectory: { ...COVERAGE, value: true },
  coverageReporters: { ...COVERAGE, value: true },
  coverageProvider: { ...COVERAGE, value: true },
  coverageThreshold: { ...COVERAGE, value: true },
  c: KEPT,
  config: KEPT,
  t: KEPT,
  testNamePattern: KEPT,
  rootDir: KEPT,
  env: KEPT,
  testEnvironment: KEPT,
  testTimeout: KEPT,
};
