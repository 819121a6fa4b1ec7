/**
 * The host of vitest: one warm vitest of the user's project, one unit at a time.
 *
 * V1 A unit runs exactly its own specification; vitest's substring filters are used for listing only.
 * V2 A run is `ok` only if vitest calls it passed, left no exit code, began no file without ending it, and no case failed.
 * V3 Nothing is written into the user's tree but what their tests and snapshots write.
 * V4 After a run that vitest refused (its global setup threw) no unit of this host runs: vitest would leave the setup out
 *    the second time, and tests could pass without it. Each `end` says so, and its owner starts a new host for a retry.
 *
 * Units of the pool `typescript` are one per project: the type checker looks at the whole project at every start.
 */
import { existsSync } from 'node:fs';
import { createRequire, enableCompileCache } from 'node:module';
import { dirname, join, normalize, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Failure, TestUnit } from '@holdfast/model';
import type { HostEvent } from '../host-protocol.ts';
import { failureOf, failureOfThrown } from './failure-text.ts';
import { type HostRunner, type OpenRequest, serveHost } from './host-channel.ts';
import { portable } from './paths.ts';
import { siblingProgram } from './program.ts';
import type { Project, Specification, Vitest, VitestNode } from './vitest-api.ts';
import { createVitestReporter, type VitestReporter } from './vitest-report.ts';

// Vitest is several hundred kilobytes of code, compiled anew by each host otherwise. Test processes are not affected.
enableCompileCache?.();
serveHost(openVitest);

async function openVitest({ cwd, suite, slot }: OpenRequest): Promise<HostRunner> {
  process.chdir(cwd);
  process.env['TEST'] = 'true';
  process.env['VITEST'] = 'true';
  process.env['NODE_ENV'] ??= 'test';
  process.env['HOLDFAST_SLOT'] = String(slot);
  // It would win over the one worker that a slot is.
  delete process.env['VITEST_MAX_WORKERS'];
  const node = await loadVitest(cwd);
  const { filter, options } = node.parseCLI(['vitest', 'run', ...suite.args]);
  const reporter = createVitestReporter(cwd);
  const vitest = await node.createVitest('test', { ...normalised(options), ...ownOptions(reporter) });
  const configured = takeOver(vitest);
  outliveDeadWorkers();
  // Vitest 3 calls it `init`. Without it reporters never learn of vitest.
  await (vitest.standalone ?? vitest.init)?.call(vitest);
  for (const project of vitest.projects) if (!project.isBrowserEnabled()) tellSlotsApart(project);
  const running: Running = { vitest, reporter, cwd, broken: undefined };
  return {
    runner: 'vitest',
    version: node.version,
    list: async () => ({
      units: unitsOf(await vitest.getRelevantTestSpecifications(filter.map((path) => normalize(path))), cwd),
      ...configured,
    }),
    run: (request, emit) => runUnit(running, request, emit),
    close: () => vitest.close(),
  };
}

/** Puts a setup file of ours before all others. It lies outside the project, where vite serves to jsdom only what it is told to. */
function tellSlotsApart(project: Project): void {
  const program = siblingProgram(import.meta.url, 'vitest-slot');
  project.vite.config.server.fs.allow.push(portable(dirname(program)));
  project.config.setupFiles.unshift(program);
}

/**
 * Puts out of force what the owner of the run decides, before vitest starts, and tells what the project's own config said.
 * Given as options they would hide it: vitest 5 keeps only what was resolved.
 */
function takeOver({ config, projects }: Vitest): { readonly notes: string[]; readonly passWithNoTests: boolean; readonly serial: boolean } {
  const { bail, passWithNoTests = false, coverage } = config;
  const notes: string[] = [];
  if (bail) notes.push(`bail: ${bail} of vitest's config is left out; use --fail-fast`);
  if (coverage?.enabled) notes.push("coverage of vitest's config is left out: it is not collected from several processes yet");
  for (const each of [config, ...projects.map((project) => project.config)]) {
    // Vitest would count failures over all runs of a warm host, and then skip what comes.
    each.bail = 0;
    each.passWithNoTests = true;
    if (each.coverage) each.coverage.enabled = false;
  }
  const serial = [config, ...projects.map((project) => project.config)].some(({ fileParallelism }) => fileParallelism === false);
  return { notes, passWithNoTests, serial };
}

/**
 * The pool of vitest 3, tinypool, goes on about a process that a test has killed after the run has ended with that error,
 * and vitest then exits. The next run gets a new process. Any other stray rejection stays vitest's to handle.
 */
function outliveDeadWorkers(): void {
  const theirs = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason, promise) => {
    if (reason instanceof Error && reason.stack?.includes('/tinypool/')) return;
    if (theirs.length === 0) throw reason;
    for (const listener of theirs) listener.call(process, reason, promise);
  });
}

async function loadVitest(cwd: string): Promise<VitestNode> {
  const require = createRequire(join(cwd, 'package.json'));
  let path: string;
  try {
    path = require.resolve('vitest/node');
  } catch {
    throw new Error(`vitest is not installed in ${cwd}; install it, or run from the folder that has it`);
  }
  const node = (await import(pathToFileURL(path).href)) as VitestNode;
  if (Number.parseInt(node.version, 10) < 3)
    throw new Error(`vitest ${node.version} is too old; 3.0 is the first whose reporters tell enough`);
  return node;
}

/** What vitest's own command line does with its options before it starts. */
function normalised(options: Record<string, unknown>): Record<string, unknown> {
  const { exclude, ...rest } = options;
  const typecheck = rest['typecheck'] as { only?: unknown; enabled?: unknown } | undefined;
  if (typeof typecheck?.only === 'boolean') typecheck.enabled ??= true;
  return exclude === undefined ? rest : { ...rest, cliExclude: Array.isArray(exclude) ? exclude : [exclude] };
}

const ownOptions = (reporter: VitestReporter): Record<string, unknown> => ({
  run: true,
  watch: false,
  maxWorkers: 1,
  minWorkers: 0,
  includeTaskLocation: true,
  reporters: [reporter.hooks],
  // Its file in node_modules holds durations for a sequencer that has one file to order.
  cache: false,
  api: false,
  ui: false,
  open: false,
});

function unitsOf(specifications: readonly Specification[], cwd: string): TestUnit[] {
  const units = new Map<string, TestUnit>();
  for (const { project, moduleId, pool } of specifications) {
    const types = pool === 'typescript';
    const unit: TestUnit = {
      file: portable(relative(cwd, types ? project.config.root : moduleId)) || '.',
      ...(project.name === '' ? {} : { project: project.name }),
      ...(types ? { pool } : {}),
    };
    units.set(JSON.stringify([unit.project, unit.pool, unit.file]), unit);
  }
  return [...units].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, unit]) => unit);
}

interface Running {
  readonly vitest: Vitest;
  readonly reporter: VitestReporter;
  readonly cwd: string;
  /** Why no unit can run any more (V4). */
  broken: Failure | undefined;
}

async function runUnit(
  running: Running,
  { id, unit }: { readonly id: number; readonly unit: TestUnit },
  emit: (event: HostEvent) => void,
): Promise<void> {
  const { vitest, reporter, cwd } = running;
  const started = performance.now();
  const errors: Failure[] = [];
  let success = false;
  reporter.begin((result) => emit({ t: 'case', id, result }));
  // Vitest says some failures through the exit code only; the host's own must stay its own.
  const exitCode = process.exitCode;
  process.exitCode = undefined;
  try {
    const specifications = await specificationsOf(vitest, unit, cwd);
    if (typeof specifications === 'string') errors.push(failureOf(specifications));
    else if (running.broken) errors.push(running.broken);
    else {
      await vitest.runTestSpecifications(specifications, false);
      success = !process.exitCode;
    }
  } catch (error) {
    running.broken = failureOfThrown(error, 'vitest did not run: ');
    errors.push(running.broken);
  }
  process.exitCode = exitCode;
  const report = reporter.report();
  errors.push(...report.errors);
  for (const file of report.unended) {
    errors.push(
      failureOf(
        `the process that ran ${portable(relative(cwd, file))} died ${report.inFlight === undefined ? 'before the file ended' : `in or after the test ${report.inFlight}`}`,
      ),
    );
  }
  const died = report.unended.length > 0;
  const ok = success && report.reason === 'passed' && report.failed === 0 && !died;
  if (!ok && report.failed === 0 && errors.length === 0) errors.push(failureOf('vitest calls the run failed and names no test'));
  emit({
    t: 'end',
    id,
    ok,
    cases: report.cases,
    errors: errors.slice(0, ERRORS_MAX),
    durationMs: performance.now() - started,
    ...(running.broken ? { broken: true } : {}),
  });
}

/** The specifications of a unit, or why there are none. */
async function specificationsOf(vitest: Vitest, unit: TestUnit, cwd: string): Promise<readonly Specification[] | string> {
  const project = vitest.projects.find(({ name }) => name === (unit.project ?? ''));
  if (!project) return `there is no project ${JSON.stringify(unit.project ?? '')}; vitest has ${names(vitest.projects)}`;
  if (unit.pool === 'typescript') {
    const all = await vitest.globTestSpecifications();
    const found = all.filter((specification) => specification.pool === 'typescript' && specification.project === project);
    return found.length > 0 ? found : `project ${JSON.stringify(project.name)} has nothing to type-check`;
  }
  const file = resolve(cwd, unit.file);
  return existsSync(file) ? [project.createSpecification(portable(file))] : `the file ${unit.file} does not exist`;
}

const names = (projects: readonly Project[]): string => projects.map(({ name }) => JSON.stringify(name)).join(', ');

const ERRORS_MAX = 100;
