/** Recognises `node --test` on a command line. What runs it is `io/node-test-host.ts`. */
import type { Json } from '@holdfast/model';
import type { Command, Recognised, TestAdapter } from './adapter.ts';
import { COVERAGE_LEFT_OUT, REPORT_LEFT_OUT, SHARD_LEFT_OUT, UPDATES_IN_PLACE } from './common-notes.ts';
import { type FlagTable, lastNumber, type SortedFlags, sortFlags } from './flags.ts';
import { programName } from './program-name.ts';

export const nodeTestAdapter: TestAdapter = { name: 'node-test', probes: [], recognise };

function recognise(command: Command): Recognised | undefined {
  if (programName(command.argv[0] ?? '') !== 'node') return undefined;
  const sorted = sortFlags(command.argv.slice(1), NODE_FLAGS, nodeFlagName, { stopAtPositional: true });
  // Flags may stand behind the first file, too: node takes them only before it.
  if (!sorted.taken.some(({ name }) => name === 'test') && !(sorted.refused !== undefined && command.argv.includes('--test')))
    return undefined;
  if (sorted.refused !== undefined) return { kind: 'refused', reason: sorted.refused };
  return suiteOf(command, sorted);
}

function suiteOf(command: Command, sorted: SortedFlags): Recognised {
  const globalSetup = sorted.taken.findLast(({ name }) => name === 'test-global-setup')?.value;
  const shared = sorted.taken.some(({ name, value }) => name.endsWith('test-isolation') && value === 'none');
  const updates = sorted.kept.includes('--test-update-snapshots');
  const workers = lastNumber(sorted, ['test-concurrency']);
  const options: Record<string, Json> = {
    ...(sorted.rest.length > 0 ? { patterns: sorted.rest } : {}),
    ...(globalSetup ? { globalSetup } : {}),
    ...(updates ? { localOnly: true } : {}),
  };
  return {
    kind: 'suite',
    suite: { adapter: 'node-test', args: sorted.kept, ...(Object.keys(options).length > 0 ? { options } : {}) },
    env: command.env,
    notes: [
      ...sorted.notes,
      ...(shared ? ['--test-isolation=none is left out: each file has a process of its own'] : []),
      ...(globalSetup ? ['--test-global-setup runs around each file'] : []),
      ...(updates ? [UPDATES_IN_PLACE] : []),
    ],
    takenOver: workers === undefined ? {} : { workers },
  };
}

/** Names of Node's flags as the table has them: `-r` -> `r`, `--test` -> `test`. */
export const nodeFlagName = (flag: string): string => flag.replace(/^--?/, '');

const WATCH: FlagTable[string] = { use: 'refuse', why: 'never ends; leave it out' };
const INSPECT: FlagTable[string] = { use: 'refuse', why: 'needs one process to attach to; run it plainly' };
const COVERAGE = (value: boolean): FlagTable[string] => ({
  use: 'take',
  value,
  note: COVERAGE_LEFT_OUT,
});
const REPORT: FlagTable[string] = {
  use: 'take',
  value: true,
  note: REPORT_LEFT_OUT,
};
const TAKEN: FlagTable[string] = { use: 'take', value: true };
const KEPT: FlagTable[string] = { use: 'keep', value: true };

/** What Node's flags mean here. Also tells where the flags end and the script begins. */
export const NODE_FLAGS: FlagTable = {
  test: { use: 'take', value: false },
  watch: WATCH,
  'watch-path': WATCH,
  'watch-preserve-output': WATCH,
  inspect: INSPECT,
  'inspect-brk': INSPECT,
  'inspect-wait': INSPECT,
  'inspect-port': INSPECT,
  'test-rerun-failures': { use: 'refuse', why: 'keeps its own record of what failed; leave it out and use holdfast retry --failed' },
  'test-concurrency': TAKEN,
  'test-shard': { use: 'take', value: true, note: SHARD_LEFT_OUT },
  'test-isolation': TAKEN,
  'experimental-test-isolation': TAKEN,
  'test-global-setup': TAKEN,
  'test-reporter': REPORT,
  'test-reporter-destination': REPORT,
  'experimental-test-coverage': COVERAGE(false),
  'test-coverage-include-all': COVERAGE(false),
  'test-coverage-include': COVERAGE(true),
  'test-coverage-exclude': COVERAGE(true),
  'test-coverage-lines': COVERAGE(true),
  'test-coverage-branches': COVERAGE(true),
  'test-coverage-functions': COVERAGE(true),
  'test-name-pattern': KEPT,
  'test-skip-pattern': KEPT,
  'test-timeout': KEPT,
  'test-random-seed': KEPT,
  'experimental-test-tag-filter': KEPT,
  r: KEPT,
  require: KEPT,
  import: KEPT,
  C: KEPT,
  conditions: KEPT,
  loader: KEPT,
  'experimental-loader': KEPT,
  'env-file': KEPT,
  'env-file-if-exists': KEPT,
  'input-type': KEPT,
  title: KEPT,
  'unhandled-rejections': KEPT,
  'disable-warning': KEPT,
  'diagnostic-dir': KEPT,
  'dns-result-order': KEPT,
  'openssl-config': KEPT,
  'icu-data-dir': KEPT,
  'max-http-header-size': KEPT,
  'trace-event-categories': KEPT,
};
