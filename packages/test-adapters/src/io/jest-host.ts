/**
 * The host of jest: one warm jest of the user's project, one file at a time, in this process.
 *
 * J1 A unit runs exactly its file in its project; jest's patterns are used for listing only.
 * J2 Cases come from the result of the file, never from events, which come once per try.
 * J3 The global setup runs once per host, before the first file of a project; when it throws, no unit of this host runs.
 * J4 `--ci` is never added: it is what the user's own command says, which forbids new snapshots.
 * J5 A host whose memory has grown past `RSS_BYTES_MAX` asks to be replaced: files leak into a process that runs many.
 */
import { existsSync, realpathSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { relative, resolve } from 'node:path';
import type { Failure, TestUnit } from '@holdfast/model';
import type { HostEvent } from '../host-protocol.ts';
import { JEST_MAJOR_MIN } from '../jest-adapter.ts';
import { failureOf, failureOfThrown } from './failure-text.ts';
import { type HostRunner, type OpenRequest, serveHost } from './host-channel.ts';
import type { AggregatedResult, GlobalConfig, ProjectConfig, Test, TestContext } from './jest-api.ts';
import { type Jest, loadJest } from './jest-load.ts';
import { casesOfJest, errorsOfJest } from './jest-report.ts';
import { portable } from './paths.ts';

enableCompileCache?.();
serveHost(openJest);

interface Running {
  readonly jest: Jest;
  readonly cwd: string;
  readonly slot: number;
  readonly global: GlobalConfig;
  /** By the name that units carry; the only project of a suite has none. */
  readonly contexts: ReadonlyMap<string, TestContext>;
  /** Global setups that have run. */
  readonly setUp: Map<string, ProjectConfig>;
  /** Why no unit can run any more (J3). */
  broken: Failure | undefined;
}

async function openJest({ cwd, suite, slot }: OpenRequest): Promise<HostRunner> {
  process.chdir(cwd);
  process.env['NODE_ENV'] ??= 'test';
  const jest = loadJest(cwd, JEST_MAJOR_MIN);
  const argv = await jest.buildArgv(suite.args);
  const { globalConfig, configs } = await jest.config.readConfigs(argv, argv.projects ?? [realpathSync(cwd)]);
  const chosen = configs.filter((config) => isChosen(nameOf(config), argv.selectProjects, argv.ignoreProjects));
  const global = ownGlobal(globalConfig);
  const contexts = new Map<string, TestContext>();
  for (const [index, config] of chosen.entries()) {
    const name = configs.length === 1 && nameOf(config) === undefined ? '' : projectName(config, cwd, contexts, index);
    contexts.set(name, await contextOf(jest, config, global));
  }
  const running: Running = { jest, cwd, slot, global, contexts, setUp: new Map(), broken: undefined };
  return {
    runner: 'jest',
    version: jest.version,
    list: async () => ({
      units: await unitsOf(running),
      notes: notesOf(globalConfig),
      passWithNoTests: globalConfig.passWithNoTests,
      ...((await jest.config.readInitialOptions?.(argv.config))?.config.maxWorkers === 1 ? { serial: true } : {}),
    }),
    run: (request, emit) => runUnit(running, request, emit),
    close: () => tearDown(running),
  };
}

/** What the owner of the run decides, whatever the project's own config says. */
function ownGlobal(config: GlobalConfig): GlobalConfig {
  const own = {
    bail: 0,
    collectCoverage: false,
    coverageThreshold: undefined,
    detectOpenHandles: false,
    forceExit: false,
    maxWorkers: 1,
    notify: false,
    onlyFailures: false,
    passWithNoTests: true,
    reporters: [],
    shard: undefined,
    testResultsProcessor: undefined,
    // What tests print comes as they print it.
    verbose: true,
    watch: false,
    watchAll: false,
    // Would start processes of jest's own.
    workerIdleMemoryLimit: undefined,
  };
  return Object.freeze({ ...config, ...own });
}

function notesOf(config: GlobalConfig): string[] {
  return [
    ...(config.bail ? [`bail: ${config.bail} of jest's config is left out; use --fail-fast`] : []),
    ...(config.collectCoverage ? ["coverage of jest's config is left out: it is not collected from several processes yet"] : []),
  ];
}

const nameOf = ({ displayName }: ProjectConfig): string | undefined => (typeof displayName === 'string' ? displayName : displayName?.name);

const isChosen = (name: string | undefined, select: readonly string[] = [], ignore: readonly string[] = []): boolean =>
  (select.length === 0 || (name !== undefined && select.includes(name))) && (name === undefined || !ignore.includes(name));

/** Projects without a name of their own are told apart by their folder, and those of one folder by their place. */
function projectName(config: ProjectConfig, cwd: string, taken: ReadonlyMap<string, unknown>, index: number): string {
  const name = nameOf(config) ?? (portable(relative(realpathSync(cwd), config.rootDir)) || '.');
  return taken.has(name) ? `${name} (${index + 1})` : name;
}

async function contextOf(jest: Jest, config: ProjectConfig, global: GlobalConfig): Promise<TestContext> {
  const own = Object.freeze({ ...config, testLocationInResults: true, collectCoverage: false });
  const options = { console, maxWorkers: 1, watch: false, watchman: global.watchman !== false };
  return jest.runtime.createContext(own, options);
}

async function unitsOf({ jest, cwd, global, contexts }: Running): Promise<TestUnit[]> {
  const units: TestUnit[] = [];
  const changed = global.onlyChanged ? await changedFiles(jest, global, contexts) : undefined;
  const filter = await filterOf(jest, global);
  for (const [project, context] of contexts) {
    const source = new jest.core.SearchSource(context);
    const found =
      source.getTestPaths.length < 4
        ? await source.getTestPaths(global, changed as ProjectConfig, filter)
        : await source.getTestPaths(global, context.config, changed, filter);
    for (const { path } of found.tests) {
      units.push({ file: portable(relative(cwd, path)), ...(project === '' ? {} : { project }) });
    }
  }
  return units.sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

const keyOf = ({ project = '', file }: TestUnit): string => `${project}\0${file}`;

function changedFiles(jest: Jest, global: GlobalConfig, contexts: ReadonlyMap<string, TestContext>): Promise<unknown> {
  const roots = new Set([...contexts.values()].flatMap(({ config }) => config.roots ?? []));
  const { changedSince, lastCommit, changedFilesWithAncestor: withAncestor } = global;
  return jest.changed().getChangedFilesForRoots([...roots], { changedSince, lastCommit, withAncestor });
}

/** The module of `--filter`: it takes files out of the list. */
async function filterOf(jest: Jest, { filter }: GlobalConfig): Promise<unknown> {
  if (!filter) return undefined;
  const raw = jest.require(filter) as { setup?: () => Promise<void> };
  await raw.setup?.();
  return raw;
}

async function runUnit(
  running: Running,
  { id, unit }: { readonly id: number; readonly unit: TestUnit },
  emit: (event: HostEvent) => void,
): Promise<void> {
  const started = performance.now();
  const errors: Failure[] = [];
  let results: AggregatedResult | undefined;
  let cases = 0;
  const exitCode = process.exitCode;
  process.exitCode = undefined;
  try {
    const test = testOf(running, unit);
    if (typeof test === 'string') errors.push(failureOf(test));
    else {
      if (!running.broken) await setUp(running, test.context.config);
      if (running.broken) errors.push(running.broken);
      else results = await schedule(running, test, (title) => emit({ t: 'at', id, test: title }));
    }
  } catch (error) {
    errors.push(failureOfThrown(error, 'jest did not run: '));
  }
  const left = process.exitCode;
  process.exitCode = exitCode;
  for (const file of results?.testResults ?? []) {
    for (const result of casesOfJest(file, running.cwd, unit.project)) {
      cases += 1;
      emit({ t: 'case', id, result });
    }
  }
  if (results) errors.push(...errorsOfJest(results, running.cwd));
  const ok = results?.success === true && errors.length === 0 && !left;
  if (!ok && errors.length === 0 && !results?.numFailedTests) errors.push(failureOf('jest calls the run failed and names no test'));
  emit({
    t: 'end',
    id,
    ok,
    cases,
    errors,
    durationMs: performance.now() - started,
    ...(running.broken ? { broken: true } : {}),
    ...(process.memoryUsage.rss() > RSS_BYTES_MAX ? { recycle: true } : {}),
  });
}

function testOf({ contexts, cwd }: Running, unit: TestUnit): Test | string {
  const context = contexts.get(unit.project ?? '');
  if (!context) return `there is no project ${JSON.stringify(unit.project ?? '')}; jest has ${[...contexts.keys()].join(', ')}`;
  const path = resolve(cwd, unit.file);
  return existsSync(path) ? { context, path: realpathSync(path), duration: undefined } : `the file ${unit.file} does not exist`;
}

async function schedule(running: Running, test: Test, at: (title: string) => void): Promise<AggregatedResult> {
  const { jest, global, slot } = running;
  const scheduler = await jest.core.createTestScheduler(global, { startRun: () => undefined, firstRun: true, previousSuccess: true });
  scheduler.addReporter({
    // Jest sets it to 1 when the run begins; what tests see is copied after this.
    onTestFileStart: () => (process.env['JEST_WORKER_ID'] = String(slot + 1)),
    onTestCaseStart: (_test: unknown, info: { ancestorTitles: readonly string[]; title: string }) =>
      at([...info.ancestorTitles, info.title].join(' > ')),
    onTestFileResult: (_test: unknown, result: { console?: readonly { message: string; type: string }[] }) => {
      for (const { message, type } of result.console ?? []) (type === 'log' ? process.stdout : process.stderr).write(`${message}\n`);
    },
  } as never);
  return scheduler.scheduleTests([test], new jest.TestWatcher({ isWatchMode: false }));
}

/** Runs the global setups that a project needs and that have not run. */
async function setUp(running: Running, config: ProjectConfig): Promise<void> {
  for (const module of [running.global.globalSetup, config.globalSetup]) {
    if (!module || running.setUp.has(module)) continue;
    running.setUp.set(module, config);
    try {
      await runHook(running, module, config);
    } catch (error) {
      running.broken = failureOfThrown(error, 'the global setup failed: ');
      return;
    }
  }
}

async function tearDown(running: Running): Promise<void> {
  if (running.setUp.size === 0 && !running.global.globalTeardown) return;
  const done = new Set<string>();
  for (const config of [...running.setUp.values(), ...[...running.contexts.values()].map((context) => context.config)]) {
    for (const module of [config.globalTeardown, running.global.globalTeardown]) {
      if (!module || done.has(module)) continue;
      done.add(module);
      await runHook(running, module, config);
    }
  }
}

async function runHook({ jest, global }: Running, module: string, config: ProjectConfig): Promise<void> {
  const transformer = await jest.transform.createScriptTransformer(config);
  await transformer.requireAndTranspileModule(module, async (hook) => {
    if (typeof hook !== 'function') throw new TypeError(`${module} exports no function`);
    await (hook as (global: GlobalConfig, config: ProjectConfig) => unknown)(global, config);
  });
}

const RSS_BYTES_MAX = 1.5 * 1024 ** 3;
