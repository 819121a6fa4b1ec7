/** Recognises `playwright test` on a command line. What runs it is `io/playwright-host.ts`. */
import type { Json } from '@holdfast/model';
import type { Command, ProjectFacts, Recognised, TestAdapter } from './adapter.ts';
import { REPORT_LEFT_OUT, SHARD_LEFT_OUT, UPDATES_IN_PLACE } from './common-notes.ts';
import { type FlagTable, lastNumber, type SortedFlags, sortFlags } from './flags.ts';
import { programName } from './program-name.ts';

export const playwrightAdapter: TestAdapter = { name: 'playwright', probes: ['@playwright/test'], recognise };

/** The first version whose reporter interface tells enough: errors of files, tries, project dependencies. */
export const PLAYWRIGHT_MIN = [1, 40] as const;

function recognise(command: Command, project: ProjectFacts): Recognised | undefined {
  if (programName(command.argv[0] ?? '') !== 'playwright' || command.argv[1] !== 'test') return undefined;
  const version = project.versions['@playwright/test'];
  if (version !== undefined && isTooOld(version)) {
    return { kind: 'refused', reason: `@playwright/test ${version} is installed; supported are ${PLAYWRIGHT_MIN.join('.')} and later` };
  }
  const sorted = sortFlags(command.argv.slice(2), FLAGS, (flag) => flag.replace(/^--?/, ''), { stopAtPositional: false });
  return sorted.refused === undefined ? suiteOf(command, sorted) : { kind: 'refused', reason: sorted.refused };
}

/** Whether a version is before the first supported one. */
export function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < PLAYWRIGHT_MIN[0] || (major === PLAYWRIGHT_MIN[0] && minor < PLAYWRIGHT_MIN[1]);
}

function suiteOf(command: Command, sorted: SortedFlags): Recognised {
  const valuesOf = (...names: readonly string[]): string[] =>
    sorted.taken.filter(({ name }) => names.includes(name)).map(({ value }) => value);
  const workers = lastNumber(sorted, ['workers', 'j']);
  const updates = sorted.kept.some((arg) => /^(-u|--update-snapshots)($|=)/.test(arg));
  const failures = lastNumber(sorted, ['max-failures']);
  const projects = valuesOf('project');
  const { filters, flags } = split(sorted.kept);
  const options: Record<string, Json> = {
    // Both choose among the units when they are listed; a unit then names its own.
    ...(projects.length > 0 ? { projects } : {}),
    ...(filters.length > 0 ? { filters } : {}),
    ...(valuesOf('no-deps').length > 0 ? { noDeps: true } : {}),
    ...(valuesOf('pass-with-no-tests').length > 0 ? { passWithNoTests: true } : {}),
    ...(updates ? { localOnly: true } : {}),
  };
  return {
    kind: 'suite',
    suite: { adapter: 'playwright', args: flags, ...(Object.keys(options).length > 0 ? { options } : {}) },
    env: command.env,
    notes: [
      ...sorted.notes,
      ...(workers === 1 ? ['the suite is declared serial: one file at a time'] : []),
      ...(updates ? [UPDATES_IN_PLACE] : []),
    ],
    takenOver: {
      ...(workers === undefined ? {} : { workers }),
      ...(valuesOf('x').length > 0 || failures !== undefined ? { failFast: failures !== 0 } : {}),
    },
  };
}

/** Playwright's filters are regular expressions over paths: good for listing, and for nothing else. */
function split(kept: readonly string[]): { readonly filters: readonly string[]; readonly flags: readonly string[] } {
  const filters: string[] = [];
  const flags: string[] = [];
  for (const [index, arg] of kept.entries()) {
    const before = kept[index - 1] ?? '';
    const use = FLAGS[before.replace(/^--?/, '')];
    const isValue = before.startsWith('-') && use?.use === 'keep' && use.value;
    (arg.startsWith('-') || isValue ? flags : filters).push(arg);
  }
  return { filters, flags };
}

const INSPECT: FlagTable[string] = { use: 'refuse', why: 'needs somebody to look at it; run it plainly' };
const PLAIN: FlagTable[string] = { use: 'refuse', why: 'runs no tests; run it plainly' };
const MEMORY: FlagTable[string] = {
  use: 'refuse',
  why: 'keeps its own record of what failed; leave it out and use holdfast run --last-failed',
};
const REPORT: FlagTable[string] = { use: 'take', value: true, note: REPORT_LEFT_OUT };
const SWITCH: FlagTable[string] = { use: 'take', value: false };
const VALUE: FlagTable[string] = { use: 'take', value: true };
const KEPT: FlagTable[string] = { use: 'keep', value: true };

const FLAGS: FlagTable = {
  ui: INSPECT,
  'ui-host': INSPECT,
  'ui-port': INSPECT,
  debug: INSPECT,
  h: PLAIN,
  help: PLAIN,
  list: PLAIN,
  'last-failed': MEMORY,
  workers: VALUE,
  j: VALUE,
  project: VALUE,
  'no-deps': SWITCH,
  'pass-with-no-tests': SWITCH,
  'fully-parallel': SWITCH,
  x: SWITCH,
  'max-failures': VALUE,
  shard: { use: 'take', value: true, note: SHARD_LEFT_OUT },
  reporter: REPORT,
  'add-reporter': REPORT,
  output: VALUE,
  c: KEPT,
  config: KEPT,
  g: KEPT,
  grep: KEPT,
  'grep-invert': KEPT,
  browser: KEPT,
  timeout: KEPT,
  'global-timeout': KEPT,
  retries: KEPT,
  'repeat-each': KEPT,
  trace: KEPT,
  tsconfig: KEPT,
  'test-list': KEPT,
  'test-list-invert': KEPT,
};
