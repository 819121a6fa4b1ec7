/** Recognises vitest on a command line. What runs it is `io/vitest-host.ts`. */
import type { Json } from '@holdfast/model';
import type { Command, ProjectFacts, Recognised, TestAdapter } from './adapter.ts';
import { COVERAGE_LEFT_OUT, REPORT_LEFT_OUT, SHARD_LEFT_OUT, UPDATES_IN_PLACE } from './common-notes.ts';
import { type FlagTable, lastNumber, type SortedFlags, sortFlags } from './flags.ts';
import { programName } from './program-name.ts';

export const vitestAdapter: TestAdapter = { name: 'vitest', probes: ['vitest'], recognise };

function recognise(command: Command, project: ProjectFacts): Recognised | undefined {
  if (programName(command.argv[0] ?? '') !== 'vitest') return undefined;
  const version = project.versions['vitest'];
  if (version !== undefined && Number.parseInt(version, 10) < 3) {
    return refused(`vitest ${version} is installed; 3.0 is the first whose reporters tell enough`);
  }
  const first = command.argv[1] ?? '';
  const why = REFUSED_COMMANDS[first];
  if (why !== undefined) return refused(`vitest ${first} ${why}`);
  const sorted = sortFlags(command.argv.slice(first === 'run' ? 2 : 1), FLAGS, normalName, { stopAtPositional: false });
  if (sorted.refused !== undefined) return refused(sorted.refused);
  const wildcard = sorted.kept.find((arg) => !arg.startsWith('-') && arg.includes('*'));
  if (wildcard !== undefined && sorted.kept[sorted.kept.indexOf(wildcard) - 1]?.startsWith('-') !== true) {
    return refused(`vitest's filters are parts of paths, no patterns: ${wildcard} would match nothing; name a folder instead`);
  }
  const lines = sorted.kept.find((arg) => !arg.startsWith('-') && /\.[cm]?[jt]sx?:\d+$/.test(arg));
  if (lines !== undefined) return refused(`${lines} names a line, and whole files are what is spread; use -t with the test's name`);
  return suiteOf(command, sorted);
}

function suiteOf(command: Command, sorted: SortedFlags): Recognised {
  const serial = sorted.taken.some(({ name, value }) => name === 'noFileParallelism' || (name === 'fileParallelism' && value === 'false'));
  const workers = serial ? 1 : lastNumber(sorted, ['maxWorkers']);
  const bail = sorted.taken.findLast(({ name }) => name === 'bail');
  const updates = sorted.kept.some((arg) => arg === '-u' || /^--update($|=)/.test(arg));
  const options: Record<string, Json> = {
    ...(updates ? { localOnly: true } : {}),
    ...(sorted.kept.some((arg) => ['--passWithNoTests', '--pass-with-no-tests'].includes(arg)) ? { passWithNoTests: true } : {}),
  };
  return {
    kind: 'suite',
    suite: { adapter: 'vitest', args: sorted.kept, ...(Object.keys(options).length > 0 ? { options } : {}) },
    env: command.env,
    notes: [
      ...sorted.notes,
      ...(serial ? ['the suite is declared serial: one file at a time'] : []),
      ...(updates ? [UPDATES_IN_PLACE] : []),
    ],
    takenOver: {
      ...(workers === undefined ? {} : { workers }),
      ...(bail === undefined ? {} : { failFast: bail.value !== '0' }),
    },
  };
}

const refused = (reason: string): Recognised => ({ kind: 'refused', reason });

/** vitest takes `--max-workers` for `--maxWorkers`. */
const normalName = (flag: string): string =>
  flag.replace(/^--?/, '').replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());

const REFUSED_COMMANDS: Readonly<Record<string, string>> = {
  watch: 'never ends; use vitest run',
  dev: 'never ends; use vitest run',
  bench: 'measures: spread over busy machines its figures mean nothing; run it plainly',
  related: 'is not understood; use vitest run --changed, or name the test files',
  list: 'runs nothing; run it plainly',
  init: 'runs nothing; run it plainly',
  doctor: 'runs nothing; run it plainly',
};

const WATCH: FlagTable[string] = { use: 'refuse', why: 'never ends; leave it out' };
const INSPECT: FlagTable[string] = { use: 'refuse', why: 'needs one process to attach to; run it plainly' };
const PLAIN: FlagTable[string] = { use: 'refuse', why: 'runs no tests; run it plainly' };
const COVERAGE: FlagTable[string] = {
  use: 'take',
  value: false,
  note: COVERAGE_LEFT_OUT,
};
const REPORT: FlagTable[string] = {
  use: 'take',
  value: true,
  note: REPORT_LEFT_OUT,
};
const KEPT: FlagTable[string] = { use: 'keep', value: true };

const FLAGS: FlagTable = {
  w: WATCH,
  watch: WATCH,
  ui: { use: 'refuse', why: 'needs a server that stays; run it plainly' },
  standalone: WATCH,
  'inspect.*': INSPECT,
  inspect: INSPECT,
  inspectBrk: INSPECT,
  h: PLAIN,
  help: PLAIN,
  v: PLAIN,
  version: PLAIN,
  clearCache: PLAIN,
  listTags: PLAIN,
  mergeReports: PLAIN,
  run: { use: 'take', value: false },
  noWatch: { use: 'take', value: false },
  maxWorkers: { use: 'take', value: true },
  minWorkers: { use: 'take', value: true },
  bail: { use: 'take', value: true },
  shard: { use: 'take', value: true, note: SHARD_LEFT_OUT },
  fileParallelism: { use: 'take', value: false },
  noFileParallelism: { use: 'take', value: false },
  reporter: REPORT,
  reporters: REPORT,
  outputFile: REPORT,
  'outputFile.*': REPORT,
  coverage: COVERAGE,
  'coverage.*': { ...COVERAGE, value: true },
  ...Object.fromEntries(
    'enabled all clean cleanOnRerun reportOnFailure allowExternal skipFull excludeAfterRemap thresholds.100 thresholds.perFile thresholds.autoUpdate'
      .split(' ')
      .map((name) => [`coverage.${name}`, COVERAGE]),
  ),
  t: KEPT,
  testNamePattern: KEPT,
  c: KEPT,
  config: KEPT,
  r: KEPT,
  root: KEPT,
  dir: KEPT,
  project: KEPT,
  exclude: KEPT,
  environment: KEPT,
};
