/** Recognises pytest on a command line, behind python and its package managers. What runs it is `io/pytest-host.ts`. */
import type { Command, Recognised, TestAdapter } from './adapter.ts';
import { COVERAGE_LEFT_OUT, REPORT_LEFT_OUT } from './common-notes.ts';
import { type FlagTable, lastNumber, type SortedFlags, sortFlags } from './flags.ts';
import { programName } from './program-name.ts';

export const pytestAdapter: TestAdapter = { name: 'pytest', probes: [], recognise };

function recognise(command: Command): Recognised | undefined {
  const found = pytestIn(command.argv);
  if (found === undefined) return undefined;
  const sorted = sortFlags(command.argv.slice(found.words), FLAGS, (flag) => flag.replace(/^--?/, ''), { stopAtPositional: false });
  return sorted.refused === undefined ? suiteOf(command, found, sorted) : { kind: 'refused', reason: sorted.refused };
}

interface Found {
  /** The words in front of pytest's arguments, pytest included. */
  readonly words: number;
  /** The same, without what is left out. */
  readonly command: readonly string[];
  readonly notes: readonly string[];
}

/** `pytest`, `python -m pytest`, `uv run pytest`, `coverage run -m pytest` and the like. */
export function pytestIn(argv: readonly string[]): Found | undefined {
  const name = programName(argv[0] ?? '');
  if (name === 'pytest' || name === 'py.test') return { words: 1, command: argv.slice(0, 1), notes: [] };
  if (/^(python|pypy)[\d.]*$/.test(name)) {
    const at = argv.indexOf('-m');
    const flagsOnly = at > 0 && argv.slice(1, at).every((word) => word.startsWith('-'));
    return flagsOnly && argv[at + 1] === 'pytest' ? { words: at + 2, command: argv.slice(0, at + 2), notes: [] } : undefined;
  }
  if (MANAGERS.has(name) && argv[1] === 'run') {
    const inner = pytestIn(argv.slice(2));
    return inner && { words: inner.words + 2, command: [...argv.slice(0, 2), ...inner.command], notes: inner.notes };
  }
  if (name === 'coverage' && argv[1] === 'run') {
    const at = argv.indexOf('-m');
    const notes = [`coverage run ${COVERAGE_LEFT_OUT}`];
    return at > 0 && argv[at + 1] === 'pytest' ? { words: at + 2, command: ['python', '-m', 'pytest'], notes } : undefined;
  }
  return undefined;
}

function suiteOf(command: Command, found: Found, sorted: SortedFlags): Recognised {
  const workers = lastNumber(sorted, ['n', 'numprocesses']);
  const serial = workers === 0 || workers === 1;
  const first = sorted.taken.some(({ name }) => name === 'x' || name === 'exitfirst');
  const failures = lastNumber(sorted, ['maxfail']);
  return {
    kind: 'suite',
    suite: { adapter: 'pytest', args: sorted.kept, options: { command: found.command } },
    env: command.env,
    notes: [...found.notes, ...sorted.notes, ...(serial ? ['the suite is declared serial: one file at a time'] : [])],
    takenOver: {
      ...(serial ? { workers: 1 } : workers === undefined ? {} : { workers }),
      ...(first || failures !== undefined ? { failFast: first || failures !== 0 } : {}),
    },
  };
}

const MANAGERS: ReadonlySet<string> = new Set(['uv', 'poetry', 'pipenv', 'pdm', 'hatch', 'rye']);
const WATCH: FlagTable[string] = { use: 'refuse', why: 'never ends; leave it out' };
const INSPECT: FlagTable[string] = { use: 'refuse', why: 'needs a terminal; run it plainly' };
const PLAIN: FlagTable[string] = { use: 'refuse', why: 'runs no tests; run it plainly' };
const MEMORY: FlagTable[string] = {
  use: 'refuse',
  why: 'keeps its own record of what failed; leave it out and use holdfast run --last-failed',
};
const COVERAGE: FlagTable[string] = { use: 'take', value: false, note: COVERAGE_LEFT_OUT };
const REPORT: FlagTable[string] = { use: 'take', value: true, note: REPORT_LEFT_OUT };
const SWITCH: FlagTable[string] = { use: 'take', value: false };
const VALUE: FlagTable[string] = { use: 'take', value: true };
const KEPT: FlagTable[string] = { use: 'keep', value: true };

const FLAGS: FlagTable = {
  f: WATCH,
  looponfail: WATCH,
  pdb: INSPECT,
  trace: INSPECT,
  h: PLAIN,
  help: PLAIN,
  V: PLAIN,
  version: PLAIN,
  co: PLAIN,
  'collect-only': PLAIN,
  fixtures: PLAIN,
  'fixtures-per-test': PLAIN,
  'setup-plan': PLAIN,
  'setup-only': PLAIN,
  markers: PLAIN,
  lf: MEMORY,
  'last-failed': MEMORY,
  ff: MEMORY,
  'failed-first': MEMORY,
  nf: MEMORY,
  'new-first': MEMORY,
  sw: MEMORY,
  stepwise: MEMORY,
  x: SWITCH,
  exitfirst: SWITCH,
  maxfail: VALUE,
  n: VALUE,
  numprocesses: VALUE,
  dist: VALUE,
  maxprocesses: VALUE,
  durations: VALUE,
  'durations-min': VALUE,
  'no-cov': SWITCH,
  cov: COVERAGE,
  'cov-branch': COVERAGE,
  'cov-append': COVERAGE,
  'cov-report': { ...COVERAGE, value: true },
  'cov-config': { ...COVERAGE, value: true },
  'cov-fail-under': { ...COVERAGE, value: true },
  'cov-context': { ...COVERAGE, value: true },
  junitxml: REPORT,
  'junit-xml': REPORT,
  html: REPORT,
  'report-log': REPORT,
  k: KEPT,
  m: KEPT,
  c: KEPT,
  'config-file': KEPT,
  rootdir: KEPT,
  confcutdir: KEPT,
  ignore: KEPT,
  'ignore-glob': KEPT,
  deselect: KEPT,
  o: KEPT,
  'override-ini': KEPT,
  p: KEPT,
  W: KEPT,
  'import-mode': KEPT,
  tb: KEPT,
  basetemp: KEPT,
  color: KEPT,
  'log-level': KEPT,
  'log-file': KEPT,
};
