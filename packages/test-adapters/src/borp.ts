/** Translates borp, a front of `node:test`, into the `node --test` that it stands for. */
import { COVERAGE_LEFT_OUT, REPORT_LEFT_OUT } from './common-notes.ts';
import { sortFlags, type FlagTable } from './flags.ts';

/** Files whose texts `fromBorp` wants to know, in the order in which borp looks for them. */
export const BORP_FILES: readonly string[] = ['.borp.yaml', '.borp.yml'];

export interface FromBorp {
  /** `node --test ...`; patterns that begin with `!` take files out. */
  readonly argv: readonly string[];
  readonly notes: readonly string[];
}

/** The command that borp's arguments and its config (YAML, '' for none) stand for; a string refuses. */
export function fromBorp(args: readonly string[], config: string): FromBorp | string {
  const listed = filesOf(config);
  if (typeof listed === 'string') return listed;
  const sorted = sortFlags(args, FLAGS, (flag) => flag.replace(/^--?/, ''), { stopAtPositional: false });
  if (sorted.refused !== undefined) return `borp ${sorted.refused}`;
  const unknown = sorted.kept.find((arg) => arg.startsWith('-'));
  if (unknown !== undefined) return `borp's ${unknown} is not understood; type node --test with what it means`;
  const valuesOf = (...names: readonly string[]): string[] =>
    sorted.taken.filter(({ name }) => names.includes(name)).map(({ value }) => value);
  const has = (...names: readonly string[]): boolean => valuesOf(...names).length > 0;
  const workers = valuesOf('c', 'concurrency').at(-1);
  const files = [...sorted.kept, ...listed];
  const pattern = valuesOf('p', 'pattern').at(-1) ?? DEFAULT_PATTERN;
  return {
    argv: [
      'node',
      '--test',
      ...(has('no-timeout') ? [] : [`--test-timeout=${valuesOf('t', 'timeout').at(-1) ?? TIMEOUT_MS}`]),
      ...(workers === undefined ? [] : [`--test-concurrency=${workers}`]),
      ...(has('o', 'only') ? ['--test-only'] : []),
      ...(has('expose-gc') ? ['--expose-gc'] : []),
      ...(files.some((file) => !file.startsWith('!')) ? files : [...files, pattern]),
      ...valuesOf('i', 'ignore').map((ignored) => `!${ignored}`),
    ],
    notes: sorted.notes,
  };
}

/** The list `files` of a config; everything else in it is about coverage and reports. */
function filesOf(config: string): readonly string[] | string {
  const lines = config.split(/\r?\n/).map((line) => line.replace(/(^|\s)#.*$/, '').trimEnd());
  const at = lines.findIndex((line) => line.startsWith('files:'));
  if (at < 0) return [];
  const files: string[] = [];
  for (const line of lines.slice(at + 1)) {
    if (line === '') continue;
    const item = /^\s*-\s+(?:'([^']*)'|"([^"\\]*)"|([^'"\s[{&*!|>][^'"]*))$/.exec(line);
    if (!item && /^\S/.test(line)) break;
    if (!item) return `the files of borp's config are not understood; type node --test with them`;
    files.push(item[1] ?? item[2] ?? (item[3] as string));
  }
  return lines[at] === 'files:' ? files : `the files of borp's config are not understood; type node --test with them`;
}

const TAKEN: FlagTable[string] = { use: 'take', value: true };
const SWITCH: FlagTable[string] = { use: 'take', value: false };
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
const WATCH: FlagTable[string] = { use: 'refuse', why: 'never ends; leave it out' };
const HELP: FlagTable[string] = { use: 'refuse', why: 'runs no tests; run it plainly' };

const FLAGS: FlagTable = {
  h: HELP,
  help: HELP,
  w: WATCH,
  watch: WATCH,
  o: SWITCH,
  only: SWITCH,
  p: TAKEN,
  pattern: TAKEN,
  c: TAKEN,
  concurrency: TAKEN,
  t: TAKEN,
  timeout: TAKEN,
  'no-timeout': SWITCH,
  i: TAKEN,
  ignore: TAKEN,
  'expose-gc': SWITCH,
  r: REPORT,
  reporter: REPORT,
  C: COVERAGE(false),
  coverage: COVERAGE(false),
  'check-coverage': COVERAGE(false),
  'coverage-html': COVERAGE(false),
  X: COVERAGE(true),
  'coverage-exclude': COVERAGE(true),
  lines: COVERAGE(true),
  branches: COVERAGE(true),
  functions: COVERAGE(true),
  statements: COVERAGE(true),
};

const DEFAULT_PATTERN = '**/*.test.{js,mjs,cjs,ts,mts,cts}';
const TIMEOUT_MS = 30_000;
