/** Recognises mocha on a command line. What runs it is `io/mocha-host.ts`. */
import type { Command, ProjectFacts, Recognised, TestAdapter } from './adapter.ts';
import { REPORT_LEFT_OUT } from './common-notes.ts';
import { type FlagTable, lastNumber, type SortedFlags, sortFlags } from './flags.ts';
import { programName } from './program-name.ts';

export const mochaAdapter: TestAdapter = { name: 'mocha', probes: ['mocha'], recognise };

/** The first major version whose programming interface the host uses. */
export const MOCHA_MAJOR_MIN = 8;

function recognise(command: Command, project: ProjectFacts): Recognised | undefined {
  if (!['mocha', '_mocha'].includes(programName(command.argv[0] ?? ''))) return undefined;
  const version = project.versions['mocha'];
  if (version !== undefined && Number.parseInt(version, 10) < MOCHA_MAJOR_MIN) {
    return { kind: 'refused', reason: `mocha ${version} is installed; supported are ${MOCHA_MAJOR_MIN}.0 and later` };
  }
  const first = command.argv[1] ?? '';
  if (first === 'init' || first === 'inspect')
    return { kind: 'refused', reason: `mocha ${first} runs no tests that could be spread; run it plainly` };
  const sorted = sortFlags(command.argv.slice(first === 'run' ? 2 : 1), FLAGS, (flag) => flag.replace(/^--?/, ''), {
    stopAtPositional: false,
  });
  return sorted.refused === undefined ? suiteOf(command, sorted) : { kind: 'refused', reason: sorted.refused };
}

function suiteOf(command: Command, sorted: SortedFlags): Recognised {
  const jobs = lastNumber(sorted, ['jobs', 'j']);
  const said = sorted.taken.findLast(({ name }) => ['parallel', 'p', 'no-parallel'].includes(name));
  const serial = jobs === 1 || said?.name === 'no-parallel' || said?.value === 'false';
  const bail = sorted.taken.findLast(({ name }) => name === 'bail' || name === 'b');
  return {
    kind: 'suite',
    suite: { adapter: 'mocha', args: sorted.kept },
    env: command.env,
    notes: [...sorted.notes, ...(serial ? ['the suite is declared serial: one file at a time'] : [])],
    takenOver: {
      ...(serial ? { workers: 1 } : jobs === undefined ? {} : { workers: jobs }),
      ...(bail === undefined ? {} : { failFast: bail.value !== 'false' }),
    },
  };
}

const WATCH: FlagTable[string] = { use: 'refuse', why: 'never ends; leave it out' };
const INSPECT: FlagTable[string] = { use: 'refuse', why: 'needs one process to attach to; run it plainly' };
const PLAIN: FlagTable[string] = { use: 'refuse', why: 'runs no tests; run it plainly' };
const REPORT: FlagTable[string] = { use: 'take', value: true, note: REPORT_LEFT_OUT };
const SWITCH: FlagTable[string] = { use: 'take', value: false };
const KEPT: FlagTable[string] = { use: 'keep', value: true };

const FLAGS: FlagTable = {
  w: WATCH,
  watch: WATCH,
  inspect: INSPECT,
  'inspect-brk': INSPECT,
  h: PLAIN,
  help: PLAIN,
  V: PLAIN,
  version: PLAIN,
  'dry-run': PLAIN,
  'list-interfaces': PLAIN,
  'list-reporters': PLAIN,
  p: SWITCH,
  parallel: SWITCH,
  'no-parallel': SWITCH,
  j: { use: 'take', value: true },
  jobs: { use: 'take', value: true },
  b: SWITCH,
  bail: SWITCH,
  'no-bail': SWITCH,
  exit: SWITCH,
  'no-exit': SWITCH,
  R: REPORT,
  reporter: REPORT,
  O: REPORT,
  'reporter-option': REPORT,
  'reporter-options': REPORT,
  g: KEPT,
  grep: KEPT,
  f: KEPT,
  fgrep: KEPT,
  t: KEPT,
  timeout: KEPT,
  s: KEPT,
  slow: KEPT,
  u: KEPT,
  ui: KEPT,
  r: KEPT,
  require: KEPT,
  import: KEPT,
  loader: KEPT,
  config: KEPT,
  package: KEPT,
  ignore: KEPT,
  exclude: KEPT,
  extension: KEPT,
  file: KEPT,
  spec: KEPT,
  retries: KEPT,
  global: KEPT,
  n: KEPT,
  'node-option': KEPT,
};
