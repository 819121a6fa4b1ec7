/** From what was typed to what will run: a suite of a known runner, one command per file, a list of commands, or modules. */
import { resolve } from 'node:path';
import type { TaskInput } from '@holdfast/client';
import type { Shard } from '@holdfast/config';
import { CodedError } from '@holdfast/kernel';
import { type RunSpec, type SuiteSpec, type TestUnit, unitText } from '@holdfast/model';
import { type DurationHistory, lastFailed, orderLongestFirst, predict } from '@holdfast/results';
import { splitEvenly } from '@holdfast/scheduler';
import { ADAPTERS, joinWords, perFileCommand, readCommandList, recogniseCommand } from '@holdfast/test-adapters';
import { expandFiles } from '@holdfast/test-adapters/files';
import { listUnits, readProject } from '@holdfast/test-adapters/host';
import { EXIT, usageError } from '../exit.ts';
import { readGivenFile } from '../given-file.ts';

export interface PlanOptions {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly files: readonly string[] | undefined;
  /** A file with one command a line; `-` is standard input. */
  readonly commands: string | undefined;
  /** Globs of Node modules with a default export that is the task. */
  readonly modules: readonly string[] | undefined;
  /** `junit:PATH`, where commands write their results, `{file}` and `{n}` filled in; `tap` or `go-json`, which they print. */
  readonly results: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly retries: number;
  readonly timeoutMs: number;
  readonly lastFailed: boolean;
  /** Absent: everything. */
  readonly shard?: Shard | undefined;
  /** The whole environment of the runner when it lists. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
}

/** What is known before anything was listed: enough to start workers. */
export interface Plan {
  /** For people: the command as typed. */
  readonly title: string;
  /** Absolute folder the run works in. */
  readonly cwd: string;
  readonly spec: RunSpec;
  readonly suite: SuiteSpec | undefined;
  /** What the typed command said of workers and failing fast. */
  readonly takenOver: { readonly workers?: number; readonly failFast?: boolean };
  /** Sentences for the user. */
  readonly notes: readonly string[];
  /** Lists the tasks, longest first. Errors: those of `listUnits`; `NOTHING_TO_RUN` (5). */
  tasks(history: DurationHistory): Promise<Tasks>;
}

/** What was listed. */
export interface Tasks {
  /** Longest first; empty only if the command or its config calls that a success. */
  readonly tasks: readonly TaskInput[];
  /** Name and version, for people. */
  readonly runner: string;
  /** Sentences for the user. */
  readonly notes: readonly string[];
  /** The suite's own config wants one file at a time. */
  readonly serial?: boolean;
}

/** Errors: `CLI_USAGE` (2). */
export function planRun(options: PlanOptions): Plan {
  if (options.commands !== undefined) return planList(options, options.commands);
  if (options.modules !== undefined) return planModules(options, options.modules);
  if (options.files !== undefined && options.command.some((word) => word.includes(FILE))) return planFiles(options, options.files);
  return planSuite(options);
}

function planSuite(options: PlanOptions): Plan {
  const command = options.command.length > 0 ? options.command : ['npm', 'test'];
  const typed = joinWords(command);
  const project = readProject(options.cwd, ADAPTERS);
  const recognised = recogniseCommand(command, project);
  if (recognised?.kind === 'refused') throw usageError(`distribute ${typed}: ${recognised.reason}`);
  if (recognised === undefined) {
    throw usageError(
      `recognise a test runner in \`${typed}\`: known are ${ADAPTERS.map((each) => each.name).join(', ')}. ` +
        `For any other, say which files and how to run one: ${perFileCommand(command, project)}`,
    );
  }
  const { suite, takenOver, notes } = recognised;
  const cwd = recognised.cwd ?? options.cwd;
  const env = { ...recognised.env, ...options.env };
  return {
    title: typed,
    cwd,
    suite,
    takenOver,
    notes,
    spec: { suite, env },
    async tasks(history) {
      const listing = await listUnits({ suite, cwd, env: { ...options.processEnv, ...env } });
      const chosen = options.files === undefined ? undefined : new Set(await expandFiles(options.files, cwd));
      const units = listing.units.filter((unit) => chosen === undefined || chosen.has(unit.file));
      const runner = `${listing.runner} ${listing.version}`;
      const { notes } = listing;
      if (units.length === 0) {
        const allowed = options.files === undefined && (listing.passWithNoTests || suite.options?.['passWithNoTests'] === true);
        if (!allowed) throw nothingToRun(`${typed} finds no test files in ${cwd}`);
        return { tasks: [], runner, notes: [...notes, `${typed} finds no test files, and says that this is fine`] };
      }
      const left = chosenOf(options, history, units, unitText);
      const predicted = (unit: TestUnit): number | undefined => predict(history, unit);
      return {
        runner,
        notes,
        serial: listing.serial,
        tasks: orderLongestFirst(left, predicted).map((unit) =>
          taskInput(options, unitText(unit), { kind: 'test', unit }, predicted(unit)),
        ),
      };
    },
  };
}

function planFiles(options: PlanOptions, globs: readonly string[]): Plan {
  const body = (file: string, n: number): TaskInput['body'] => commandBody(options, options.command, file, n);
  return planGlobs(options, joinWords(options.command), 'one command per file', globs, body);
}

const planModules = (options: PlanOptions, globs: readonly string[]): Plan =>
  planGlobs(options, `modules ${globs.join(' ')}`, 'modules', globs, (path) => ({ kind: 'module', path }));

/** One task per file that matches; `body` makes it from the file and its number from 1. */
function planGlobs(
  options: PlanOptions,
  title: string,
  runner: string,
  globs: readonly string[],
  body: (file: string, n: number) => TaskInput['body'],
): Plan {
  return {
    ...plainPlan(options, title),
    async tasks(history) {
      const files = await expandFiles(globs, options.cwd);
      if (files.length === 0) throw nothingToRun(`no file matches ${globs.join(', ')} in ${options.cwd}`);
      const units = chosenOf(options, history, files, (file) => file).map((file) => ({ file }));
      const predicted = (unit: TestUnit): number | undefined => predict(history, unit);
      const tasks = orderLongestFirst(units, predicted).map((unit, index) =>
        taskInput(options, unit.file, body(unit.file, index + 1), predicted(unit)),
      );
      return { tasks, runner, notes: [] };
    },
  };
}

function planList(options: PlanOptions, source: string): Plan {
  return {
    ...plainPlan(options, source === '-' ? 'commands from standard input' : `commands of ${source}`),
    async tasks(history) {
      const text = readGivenFile(source === '-' ? 0 : resolve(options.cwd, source), '--commands');
      const list = readCommandList(text);
      if (!list.ok) throw usageError(`read ${source === '-' ? 'the commands on standard input' : source}: ${list.problem}`);
      if (list.value.length === 0) throw nothingToRun(`${source} holds no command`);
      const commands = chosenOf(options, history, list.value, (each) => joinWords(each.argv));
      return {
        runner: 'a list of commands',
        notes: [],
        tasks: commands.map((each, index) => {
          const name = joinWords(each.argv);
          return taskInput(options, name, commandBody(options, each.argv, undefined, index + 1), predict(history, name));
        }),
      };
    },
  };
}

const plainPlan = (options: PlanOptions, title: string): Omit<Plan, 'tasks'> => ({
  title,
  cwd: options.cwd,
  suite: undefined,
  takenOver: {},
  notes: [],
  spec: { env: options.env },
});

function commandBody(options: PlanOptions, argv: readonly string[], file: string | undefined, n: number): TaskInput['body'] {
  const filled = file === undefined ? [...argv] : argv.map((word) => word.replaceAll(FILE, file));
  if (options.results === undefined) return { kind: 'command', argv: filled };
  if (options.results === 'tap' || options.results === 'go-json')
    return { kind: 'command', argv: filled, results: { format: options.results } };
  const [format, path] = [options.results.slice(0, options.results.indexOf(':')), options.results.slice(options.results.indexOf(':') + 1)];
  if (format !== 'junit' || path === '')
    throw usageError(`read --results ${options.results}: expected tap, go-json, or junit:PATH, say junit:reports/{n}.xml`);
  const place = path.replaceAll(FILE, file ?? '').replaceAll('{n}', String(n));
  return { kind: 'command', argv: filled, results: { format: 'junit', path: place } };
}

const taskInput = (options: PlanOptions, name: string, body: TaskInput['body'], predictedMs: number | undefined): TaskInput => ({
  name: name.slice(0, NAME_MAX),
  body,
  policy: { retries: options.retries, timeoutMs: options.timeoutMs },
  predictedMs: predictedMs ?? 0,
});

/** What of all that was listed is asked for: what failed last, and of that the one part. */
function chosenOf<Item>(options: PlanOptions, history: DurationHistory, items: readonly Item[], key: (item: Item) => string): Item[] {
  const failed = options.lastFailed ? new Set(lastFailed(history)) : undefined;
  const left = items.filter((item) => failed?.has(key(item)) ?? true);
  if (left.length === 0) throw nothingToRun('nothing of this failed in its last run');
  return options.shard ? partOf(options.shard, history, left, key) : left;
}

/** The same history gives the same parts on every machine, whatever the order in which its runner lists. */
function partOf<Item>({ index, count }: Shard, history: DurationHistory, items: readonly Item[], key: (item: Item) => string): Item[] {
  if (items.length < count) throw nothingToRun(`--shard ${index}/${count}: there are only ${items.length} files, and no part may be empty`);
  const known = items.map((item) => predict(history, key(item)));
  const typical = known.filter((ms) => ms !== undefined).sort((a, b) => a - b);
  const prior = typical[typical.length >> 1] ?? 1;
  // One command may stand in a list twice: its number tells the copies apart.
  const copies = new Map<string, number>();
  const ids = items.map((item) => {
    const copy = (copies.get(key(item)) ?? 0) + 1;
    copies.set(key(item), copy);
    return `${key(item)} ${copy}`;
  });
  const work = ids.map((id, n) => ({ id, durationMs: known[n] ?? prior }));
  const part = new Set(splitEvenly(work, count)[index - 1]!.ids);
  return items.filter((_, n) => part.has(ids[n]!));
}

function nothingToRun(reason: string): CodedError {
  return new CodedError('NOTHING_TO_RUN', `find something to run: ${reason}`, { details: { exitCode: EXIT.nothingToRun } });
}

const FILE = '{file}';
const NAME_MAX = 512;
