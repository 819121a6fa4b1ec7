/**
 * Finds the program behind what people type: package scripts, package runners, and wrappers around a program.
 *
 * Nothing is executed or guessed. A step that only a shell or a package manager could take is a refusal with the
 * command to type instead.
 */
import type { Command, ProjectFacts } from './adapter.ts';
import { BORP_FILES, fromBorp } from './borp.ts';
import { NODE_FLAGS, nodeFlagName } from './node-test-adapter.ts';
import { sortFlags } from './flags.ts';
import { pytestIn } from './pytest-adapter.ts';
import { programName, RUNNER_PROGRAMS } from './program-name.ts';
import { joinWords, splitWords } from './words.ts';

export type Resolved =
  | {
      readonly kind: 'command';
      readonly command: Command;
      /** What was left out on the way. */
      readonly notes: readonly string[];
      /** It came from a script: scripts run in the folder of their package.json. */
      readonly script: boolean;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** A step on the way: the words so far, and what was learnt. */
interface Step {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  readonly script: boolean;
  /** Only asking: a refusal needs no advice, which would ask again. */
  readonly asking: boolean;
}

type Unwrapped = Step | string | undefined;

/** Follows scripts and wrappers to the program that runs. Words that are no wrapper come back as they are. */
export const resolveCommand = (argv: readonly string[], project: ProjectFacts): Resolved => follow(argv, project, false);

function follow(argv: readonly string[], project: ProjectFacts, asking: boolean): Resolved {
  let step: Step = { argv, env: {}, notes: [], script: false, asking };
  for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
    const next = unwrap(step, project);
    if (typeof next === 'string') return { kind: 'refused', reason: next };
    if (next === undefined) {
      return { kind: 'command', command: { argv: step.argv, env: step.env }, notes: step.notes, script: step.script };
    }
    step = next;
  }
  return { kind: 'refused', reason: `the scripts of ${project.folder} call each other in a circle` };
}

/** One wrapper less; a string refuses, undefined means that there is none. */
function unwrap(step: Step, project: ProjectFacts): Unwrapped {
  const assigned = /^([A-Za-z_]\w*)=(.*)$/s.exec(step.argv[0] ?? '');
  if (assigned) return { ...step, argv: step.argv.slice(1), env: { ...step.env, [assigned[1] as string]: assigned[2] as string } };
  const wrapper = WRAPPERS[programName(step.argv[0] ?? '')];
  return wrapper?.(step, step.argv.slice(1), project);
}

type Wrapper = (step: Step, args: readonly string[], project: ProjectFacts) => Unwrapped;

function npm(step: Step, args: readonly string[], project: ProjectFacts): Unwrapped {
  const at = args.findIndex((arg) => !QUIET.has(arg));
  const verb = args[at] ?? '';
  if (verb.startsWith('-')) return `npm ${verb} is not understood; type the test command itself, from the folder of its package`;
  const rest = args.slice(at + 1);
  if (['test', 't', 'tst'].includes(verb)) return npmScript(step, 'test', rest, project);
  if (['run', 'run-script', 'rum', 'urn'].includes(verb)) {
    const words = rest.filter((arg, index) => !(QUIET.has(arg) && !rest.slice(0, index).includes('--')));
    return words[0] === undefined ? 'npm run names no script' : npmScript(step, words[0], words.slice(1), project);
  }
  return ['exec', 'x'].includes(verb) ? packageRunner('npm exec')(step, rest, project) : undefined;
}

/** npm keeps flags in front of `--` to itself. */
function npmScript(step: Step, name: string, args: readonly string[], project: ProjectFacts): Unwrapped {
  const dashes = args.indexOf('--');
  const own = (dashes < 0 ? args : args.slice(0, dashes)).filter((arg) => !QUIET.has(arg));
  const passed = dashes < 0 ? [] : args.slice(dashes + 1);
  const flag = own.find((arg) => arg.startsWith('-'));
  if (flag !== undefined) return `npm keeps ${flag} to itself; type npm run ${name} -- ${joinWords([...own, ...passed])}`;
  return script(step, name, [...own, ...passed], project);
}

/** pnpm and yarn pass on whatever follows the script's name, and take a bare name for a script or a program. */
const bareRunner =
  (manager: 'pnpm' | 'yarn'): Wrapper =>
  (step, args, project) => {
    const at = args.findIndex((arg) => !QUIET.has(arg));
    const verb = args[at] ?? '';
    const rest = args.slice(at + 1);
    if (verb.startsWith('-') || ['workspace', 'workspaces', 'recursive'].includes(verb)) {
      return `${manager} ${verb} is not understood; type the test command itself, from the folder of its package`;
    }
    if (verb === 'dlx') return `${manager} dlx runs a copy that is not the project's; install the runner and type ${manager} exec`;
    if (verb === 'exec')
      return rest[0]?.startsWith('-') && rest[0] !== '--'
        ? `${manager} exec ${rest[0]} is not understood`
        : { ...step, argv: rest[0] === '--' ? rest.slice(1) : rest };
    if (verb === 'run' || verb === 'run-script') {
      if (manager === 'pnpm' && /^\/.+\/$/.test(rest[0] ?? '')) return severalScripts(step, rest[0] as string, project);
      return rest[0] === undefined ? `${manager} run names no script` : script(step, rest[0], withoutDashes(rest.slice(1)), project);
    }
    if (verb === 'test' || (manager === 'pnpm' && verb === 't')) return script(step, 'test', withoutDashes(rest), project);
    if (project.scripts[verb] !== undefined) return script(step, verb, withoutDashes(rest), project);
    return verb === '' || MANAGER_VERBS.has(verb) ? undefined : { ...step, argv: [verb, ...rest] };
  };

/** pnpm takes a name between slashes for an expression, and runs what it matches at the same time. */
function severalScripts(step: Step, name: string, project: ProjectFacts): string {
  if (step.asking) return name;
  const tests = Object.keys(project.scripts)
    .map((each) => `pnpm run ${each}`)
    .filter((each) => runsTests(each, project));
  return `pnpm run ${name} stands for several scripts; type ${tests.length === 0 ? 'the test command itself' : tests.map((each) => `holdfast run -- ${each}`).join(', or ')}`;
}

const withoutDashes = (args: readonly string[]): readonly string[] => (args[0] === '--' ? args.slice(1) : args);

function script(step: Step, name: string, args: readonly string[], project: ProjectFacts): Unwrapped {
  const text = project.scripts[name];
  if (text === undefined) {
    const names = Object.keys(project.scripts).join(', ');
    return `package.json in ${project.folder} has no script ${JSON.stringify(name)}${names === '' ? '' : `; it has ${names}`}`;
  }
  const split = splitWords(text);
  if (split.kind === 'fault' && step.asking) return split.reason;
  if (split.kind === 'fault') return `the script ${JSON.stringify(name)} ${split.reason}; ${advice(text, args, project)}`;
  const around = [`pre${name}`, `post${name}`].filter((other) => project.scripts[other] !== undefined);
  return {
    ...step,
    argv: [...split.words, ...args],
    notes: [
      ...step.notes,
      ...around.map((other) => `the script ${JSON.stringify(other)} is not run: run it yourself if the tests need it`),
    ],
    script: true,
  };
}

/** Names the part of a shell line that runs the tests, as the command to type. */
function advice(text: string, args: readonly string[], project: ProjectFacts): string {
  const parts = text.split(/&&|\|\||;/).map((part) => part.trim());
  const tests = parts.filter((part) => runsTests(part, project));
  const part = tests[0];
  if (tests.length !== 1 || part === undefined) {
    const each = tests.map((one) => `\`${one}\``).join(' and ');
    return tests.length === 0
      ? 'type the test command itself: holdfast run -- <command>'
      : `${each} run tests: type one of them after holdfast run --`;
  }
  const others = parts.filter((other) => other !== part && other !== '');
  const before = others.length > 0 ? `run ${others.map((other) => `\`${other}\``).join(' and ')} yourself, and ` : '';
  const passed = args.length === 0 ? '' : `${/^npm\s/.test(part) && !part.includes(' -- ') ? ' --' : ''} ${joinWords(args)}`;
  return `${before}type: holdfast run -- ${part}${passed}`;
}

/** Whether a command ends in a runner that is known here. */
function runsTests(text: string, project: ProjectFacts): boolean {
  const split = splitWords(text);
  if (split.kind === 'fault') return false;
  const resolved = follow(split.words, project, true);
  if (resolved.kind === 'refused') return false;
  const [program = '', ...args] = resolved.command.argv;
  return (
    RUNNER_PROGRAMS.has(programName(program)) ||
    pytestIn(resolved.command.argv) !== undefined ||
    (programName(program) === 'node' && args.includes('--test'))
  );
}

/** npx and its like. */
const packageRunner =
  (name: string): Wrapper =>
  (step, args) => {
    const at = args.findIndex((arg) => !['-y', '--yes', '--no', '--no-install', '--silent', '-s', '-q', '--quiet', '--'].includes(arg));
    const program = args[at];
    if (program === undefined) return `${name} names no program`;
    if (program.startsWith('-')) return `${name} ${program} is not understood; type the test command itself`;
    if (/^(@[^/]+\/)?[^@/]+@/.test(program)) return `${name} ${program} may run a copy that is not the project's; leave the version out`;
    return { ...step, argv: args.slice(at) };
  };

/** `cross-env A=b cmd`: the assignments are unwrapped by the next step. */
const assigner =
  (name: string): Wrapper =>
  (step, args) => {
    const first = args[0] ?? '';
    return first.startsWith('-') ? `${name} ${first} is not understood; leave it out` : { ...step, argv: args };
  };

const coverage =
  (name: string): Wrapper =>
  (step, args) => {
    const sorted = sortFlags(args, COVERAGE_FLAGS, nodeFlagName, { stopAtPositional: true });
    // `c8 report` and the like run no program.
    if (sorted.rest.length === 0 || ['report', 'check-coverage', 'merge', 'instrument'].includes(sorted.rest[0] ?? '')) return undefined;
    return {
      ...step,
      argv: sorted.rest,
      notes: [...step.notes, `${name} is left out: coverage is not collected from several processes yet`],
    };
  };

function tsx(step: Step, args: readonly string[]): Unwrapped {
  const first = args[0] ?? '';
  if (first === 'watch') return 'tsx watch never ends; leave watch out';
  const sorted = sortFlags(args, NODE_FLAGS, nodeFlagName, { stopAtPositional: true });
  const tests = sorted.taken.some(({ name }) => name === 'test');
  return tests ? { ...step, argv: ['node', '--import', 'tsx', ...args] } : undefined;
}

function borp(step: Step, args: readonly string[], project: ProjectFacts): Unwrapped {
  const config = BORP_FILES.map((name) => project.files?.[name]).find((text) => text !== undefined);
  const found = fromBorp(args, config ?? '');
  return typeof found === 'string' ? found : { ...step, argv: found.argv, notes: [...step.notes, ...found.notes] };
}

/** `node path/to/vitest.mjs run` is vitest; `node --run test` is a script. Flags of Node reach the runners that work in one process. */
function node(step: Step, args: readonly string[], project: ProjectFacts): Unwrapped {
  const run = args.indexOf('--run');
  if (run === 0 && args[1] !== undefined) return script(step, args[1], withoutDashes(args.slice(2)), project);
  const sorted = sortFlags(args, NODE_FLAGS, nodeFlagName, { stopAtPositional: true });
  const program = sorted.rest[0];
  const runner = programName(program ?? '');
  if (sorted.taken.some(({ name }) => name === 'test') || !RUNNER_PROGRAMS.has(runner)) return undefined;
  if (sorted.refused !== undefined) return sorted.refused;
  const next = { ...step, argv: [runner, ...sorted.rest.slice(1)] };
  if (sorted.kept.length === 0) return next;
  if (runner === 'vitest') {
    return `node's own ${joinWords(sorted.kept)} would not reach the tests; set test.execArgv in vitest's config, and type npx ${joinWords(next.argv)}`;
  }
  const already = step.env['NODE_OPTIONS'];
  return { ...next, env: { ...step.env, NODE_OPTIONS: [...(already === undefined ? [] : [already]), joinWords(sorted.kept)].join(' ') } };
}

const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  npm,
  pnpm: bareRunner('pnpm'),
  yarn: bareRunner('yarn'),
  npx: packageRunner('npx'),
  pnpx: () => "pnpx runs a copy that is not the project's; type pnpm exec",
  bunx: packageRunner('bunx'),
  env: assigner('env'),
  'cross-env': assigner('cross-env'),
  'cross-env-shell': () => 'cross-env-shell needs a shell; use cross-env',
  c8: coverage('c8'),
  nyc: coverage('nyc'),
  tsx,
  borp,
  node,
};

const QUIET: ReadonlySet<string> = new Set(['-s', '--silent', '--loglevel=silent', '--if-present', '--color', '--no-color']);

/** Verbs that are no program of the project: what they do is not ours to unwrap. */
const MANAGER_VERBS: ReadonlySet<string> = new Set([
  'install',
  'i',
  'add',
  'remove',
  'create',
  'init',
  'start',
  'build',
  'publish',
  'node',
]);

const VALUE = { use: 'take', value: true } as const;
const COVERAGE_FLAGS = Object.fromEntries(
  'r reporter o reports-dir report-dir n include x exclude e extension src c config lines functions branches statements temp-directory temp-dir t cwd require i nycrc-path'
    .split(' ')
    .map((name) => [name, VALUE]),
);

const DEPTH_MAX = 20;
