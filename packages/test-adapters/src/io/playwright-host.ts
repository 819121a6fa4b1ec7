/**
 * The host of playwright: a start of the user's own `playwright test` for each unit, since it offers no way to stay warm.
 *
 * W1 A unit is a file of a project, chosen by a regular expression that matches its path and no other.
 * W2 Projects that others depend on run once per host before the first that needs them, and are units of their own
 *    besides: what they set up lives in the process or on the disk of the machine. Teardown projects run when the host closes.
 * W3 Every start has an output folder of its own: playwright empties it.
 * W4 A suite with a web server is serial: each start of playwright would start it on the same port.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { Failure, TestUnit } from '@holdfast/model';
import { isTooOld, PLAYWRIGHT_MIN } from '../playwright-adapter.ts';
import { failureOf } from './failure-text.ts';
import { type HostRunner, type OpenRequest, serveHost } from './host-channel.ts';
import type { FullProject, PlaywrightSaid } from './playwright-api.ts';
import { siblingProgram } from './program.ts';

serveHost(openPlaywright);

type Config = Extract<PlaywrightSaid, { t: 'config' }>;

async function openPlaywright({ cwd, suite, slot }: OpenRequest): Promise<HostRunner> {
  const { program, version } = findPlaywright(cwd);
  const listOf = (name: string): readonly string[] => (suite.options?.[name] ?? []) as readonly string[];
  const starts = createStarts(program, cwd, slot, suite.args);
  let config: Config | undefined;
  const readConfig = async (args: readonly string[]): Promise<{ config: Config; broken: readonly string[] }> => {
    const broken: string[] = [];
    const errors: Failure[] = [];
    let seen: Config | undefined;
    const { words } = await starts.run(['--list', ...args], (said) => {
      if (said.t === 'config') seen = said;
      if (said.t !== 'error') return;
      errors.push(said.failure);
      if (said.file !== undefined && existsSync(resolve(cwd, said.file))) broken.push(said.file);
    });
    if (!seen || (errors.length > 0 && broken.length === 0)) throw new Error(errors[0]?.message ?? words);
    return { config: seen, broken };
  };

  const projects = createProjects(starts, () => config, { cwd, slot, alone: suite.options?.['noDeps'] === true });

  return {
    runner: 'playwright',
    version,
    async list() {
      const chosen = listOf('projects').map((name) => `--project=${name}`);
      let listed = await readConfig([...chosen, ...listOf('filters')]);
      const { broken } = listed;
      // A file that does not load makes playwright list none at all.
      if (broken.length > 0)
        listed = await readConfig([
          ...chosen,
          ...without(
            broken.map((file) => resolve(cwd, file)),
            listOf('filters'),
          ),
        ]);
      ({ config } = listed);
      const teardowns = new Set(config.projects.flatMap(({ teardown }) => teardown ?? []));
      const units = config.files.filter(({ project }) => !teardowns.has(project)).map(unitOf);
      // Which projects it belongs to is not known: it fails in none of them by name.
      units.push(...[...new Set(broken)].map((file) => ({ file })));
      const serial = config.webServer || (config.workers === 1 && availableParallelism() >= DEFAULT_IS_MORE);
      return {
        units: units.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
        notes: [
          ...(config.webServer ? ['the web server of the config starts with every file: one file at a time'] : []),
          ...(teardowns.size > 0 ? [`${[...teardowns].join(', ')} runs when the tests are over, and its cases are not reported`] : []),
        ],
        passWithNoTests: suite.options?.['passWithNoTests'] === true,
        ...(serial ? { serial: true } : {}),
      };
    },
    async run({ id, unit }, emit) {
      const started = performance.now();
      const errors: Failure[] = [];
      let cases = 0;
      let failed = 0;
      let ok = false;
      config ??= (await readConfig([])).config;
      const project = unit.project ?? '';
      if (!existsSync(resolve(cwd, unit.file))) errors.push(failureOf(`the file ${unit.file} does not exist`));
      else errors.push(...(await projects.setUp(project)));
      if (errors.length === 0) {
        const own = [
          ...(project === '' ? [] : [`--project=${project}`]),
          '--no-deps',
          `--output=${projects.outputOf(project)}`,
          exactly(resolve(cwd, unit.file)),
        ];
        const end = await starts.run(own, (said) => {
          if (said.t === 'at') emit({ t: 'at', id, test: said.test });
          else if (said.t === 'error') {
            // What it says once the file did not load.
            if (errors.length === 0 || !said.failure.message.startsWith('No tests found')) errors.push(said.failure);
          } else if (said.t === 'case') {
            cases += 1;
            if (said.result.grade === 'failed') failed += 1;
            emit({ t: 'case', id, result: said.result });
          }
        });
        ok = end.ok && errors.length === 0 && failed === 0;
        if (!ok && errors.length === 0 && failed === 0) errors.push(failureOf(end.words));
      }
      emit({ t: 'end', id, ok, cases, errors, durationMs: performance.now() - started });
    },
    close: () => projects.takeDown(),
  };
}

/** Runs the projects that others depend on, and those that take down after them. */
function createProjects(
  starts: ReturnType<typeof createStarts>,
  config: () => Config | undefined,
  { cwd, slot, alone }: { readonly cwd: string; readonly slot: number; readonly alone: boolean },
) {
  const setUps = new Map<string, Promise<readonly Failure[]>>();
  let count = 0;
  const projectOf = (name: string): FullProject | undefined => config()?.projects.find((project) => project.name === name);
  const outputOf = (name: string): string => {
    count += 1;
    return join(projectOf(name)?.outputDir ?? resolve(cwd, 'test-results'), `slot-${slot + 1}`, String(count));
  };
  const runProject = async (name: string): Promise<readonly Failure[]> => {
    const errors: Failure[] = [];
    const end = await starts.run([`--project=${name}`, '--no-deps', `--output=${outputOf(name)}`], (said) => {
      if (said.t === 'error') errors.push(said.failure);
      if (said.t === 'case' && said.result.failure && said.result.grade === 'failed') errors.push(said.result.failure);
    });
    return end.ok ? [] : errors.length > 0 ? errors : [failureOf(end.words)];
  };
  /** Runs what a project depends on, once. */
  const setUp = async (name: string): Promise<readonly Failure[]> => {
    if (alone) return [];
    for (const dependency of projectOf(name)?.dependencies ?? []) {
      const deeper = await setUp(dependency);
      if (deeper.length > 0) return deeper;
      if (!setUps.has(dependency)) setUps.set(dependency, runProject(dependency));
      const errors = await setUps.get(dependency)!;
      if (errors.length > 0)
        return [failureOf(`the project ${dependency}, which ${name} depends on, failed: ${errors[0]!.message}`, errors[0]!.stack)];
    }
    return [];
  };

  return {
    setUp,
    /** A folder that no other start empties. */
    outputOf,
    async takeDown(): Promise<void> {
      const ran = [...setUps.keys()].flatMap((name) => projectOf(name)?.teardown ?? []);
      for (const name of new Set(ran)) {
        const [error] = await runProject(name);
        if (error) throw new Error(`the project ${name}, which takes down, failed: ${error.message}`);
      }
    },
  };
}

interface Start {
  /** Playwright came to its end and calls it a success. */
  readonly ok: boolean;
  /** A sentence on an end that is no success. */
  readonly words: string;
}

function createStarts(program: string, cwd: string, slot: number, args: readonly string[]) {
  const reporter = siblingProgram(import.meta.url, 'playwright-reporter');
  const own = [program, 'test', '--workers=1', `--reporter=${reporter}`, ...args];
  // Its own variables for slots count within one start.
  const env = { ...process.env, HOLDFAST_SLOT: String(slot), PLAYWRIGHT_HTML_OPEN: 'never', PLAYWRIGHT_FORCE_TTY: '0' };
  return {
    async run(more: readonly string[], hear: (said: PlaywrightSaid) => void): Promise<Start> {
      const child = spawn(process.execPath, [...own, ...more], { cwd, env, stdio: ['ignore', 'inherit', 'pipe', 'pipe'] });
      let words = '';
      let status: string | undefined;
      (child.stderr as Readable).on('data', (chunk: Buffer) => {
        words = (words + chunk.toString()).slice(-8192);
        process.stderr.write(chunk);
      });
      createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => {
        const said = JSON.parse(line) as PlaywrightSaid;
        if (said.t === 'end') ({ status } = said);
        else hear(said);
      });
      const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>((done) =>
        child.once('close', (code, signal) => done({ code, signal })),
      );
      const how = signal === null ? `playwright ended with exit code ${code}` : `playwright was killed by ${signal}`;
      const last = stripVTControlCharacters(words).trim();
      return { ok: code === 0 && status === 'passed', words: `${how}${last === '' ? '' : `; its last words:\n${last}`}` };
    },
  };
}

const unitOf = ({ project, file }: { readonly project: string; readonly file: string }): TestUnit => ({
  file,
  ...(project === '' ? {} : { project }),
});

const keyOf = ({ project = '', file }: TestUnit): string => `${project}\0${file}`;

/** Between slashes playwright takes it as it is, with case. */
const exactly = (path: string): string => `/^${escaped(path)}$/`;

/** Filters that match what the given ones do, but none of the paths. Playwright takes its filters without case. */
function without(paths: readonly string[], filters: readonly string[]): string[] {
  const not = `^(?!(?:${paths.map(escaped).join('|')})$)`;
  const patterns = filters.length === 0 ? [''] : filters.map((filter) => /^\/(.*)\/[gi]*$/.exec(filter)?.[1] ?? filter);
  return patterns.map((pattern) => `/${not}.*(?:${pattern})/i`);
}

const escaped = (path: string): string => path.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

function findPlaywright(cwd: string): { readonly program: string; readonly version: string } {
  const project = createRequire(join(cwd, 'package.json'));
  let path: string;
  try {
    path = project.resolve('@playwright/test/package.json');
  } catch {
    throw new Error(`@playwright/test is not installed in ${cwd}; install it, or run from the folder that has it`);
  }
  const { version } = project(path) as { version: string };
  if (isTooOld(version)) throw new Error(`@playwright/test ${version} is too old; supported are ${PLAYWRIGHT_MIN.join('.')} and later`);
  return { version, program: join(dirname(path), 'cli.js') };
}

/** With so many cores playwright's default is more than one worker: one is somebody's choice. */
const DEFAULT_IS_MORE = 4;
