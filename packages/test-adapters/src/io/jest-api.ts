/**
 * The parts of jest's programming interface that the host uses, by shape.
 *
 * Jest is the user's, of whatever version they have: no type of ours may stand for it, and none is imported.
 */

/** `@jest/core`. */
export interface JestCore {
  createTestScheduler(config: GlobalConfig, context: Record<string, unknown>): Promise<TestScheduler>;
  readonly SearchSource: new (context: TestContext) => SearchSource;
}

/** `jest-cli`. Versions before 29.5 keep `buildArgv` to themselves, in `build/cli`. */
export interface JestCli {
  readonly buildArgv?: (argv: readonly string[]) => Promise<Argv> | Argv;
}

export interface Argv {
  readonly selectProjects?: readonly string[];
  readonly ignoreProjects?: readonly string[];
  readonly projects?: readonly string[];
  readonly config?: string;
}

/** `jest-config`. */
export interface JestConfig {
  /** What the config file itself says. Absent before jest 29. */
  readInitialOptions?(config: string | undefined): Promise<{ readonly config: { readonly maxWorkers?: number | string } }>;
  readConfigs(argv: Argv, projects: readonly string[]): Promise<{ globalConfig: GlobalConfig; configs: readonly ProjectConfig[] }>;
}

/** What the host reads or sets of the configuration of all projects. */
export interface GlobalConfig {
  readonly bail: number;
  readonly collectCoverage: boolean;
  readonly coverageThreshold?: unknown;
  readonly filter?: string;
  readonly findRelatedTests?: boolean;
  readonly globalSetup?: string | null;
  readonly globalTeardown?: string | null;
  readonly maxWorkers: number;
  readonly onlyChanged?: boolean;
  readonly changedSince?: string;
  readonly lastCommit?: boolean;
  readonly changedFilesWithAncestor?: boolean;
  readonly passWithNoTests: boolean;
  readonly reporters?: unknown;
  readonly rootDir: string;
  readonly silent?: boolean;
  readonly watchman?: boolean;
}

export interface ProjectConfig {
  readonly displayName?: { readonly name: string } | string;
  readonly globalSetup?: string | null;
  readonly globalTeardown?: string | null;
  readonly rootDir: string;
  readonly roots?: readonly string[];
}

export interface TestContext {
  readonly config: ProjectConfig;
}

export interface Test {
  readonly context: TestContext;
  readonly path: string;
  readonly duration: undefined;
}

export interface SearchSource {
  getTestPaths(
    globalConfig: GlobalConfig,
    /** Jest 29.4 and later; before, what follows came here. */
    projectConfig: ProjectConfig,
    changedFiles?: unknown,
    filter?: unknown,
  ): Promise<{ readonly tests: readonly Test[] }>;
}

export interface TestScheduler {
  addReporter(reporter: Record<string, (...args: never[]) => unknown>): void;
  scheduleTests(tests: readonly Test[], watcher: unknown): Promise<AggregatedResult>;
}

export interface AggregatedResult {
  readonly success: boolean;
  readonly numFailedTests: number;
  readonly snapshot: { readonly failure: boolean; readonly unchecked: number; readonly filesRemovedList?: readonly string[] };
  readonly runExecError?: { readonly message: string; readonly stack?: string };
  readonly testResults: readonly FileResult[];
}

export interface FileResult {
  readonly testFilePath: string;
  readonly failureMessage?: string | null;
  readonly testExecError?: { readonly message?: string; readonly stack?: string } | null;
  readonly console?: readonly { readonly message: string; readonly type: string }[];
  readonly testResults: readonly AssertionResult[];
}

export interface AssertionResult {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled' | 'focused';
  readonly duration?: number | null;
  readonly failureMessages: readonly string[];
  /** How often it ran; absent in older versions. */
  readonly invocations?: number;
  readonly location?: { readonly line: number } | null;
}

/** `@jest/transform`. */
export interface JestTransform {
  createScriptTransformer(config: ProjectConfig): Promise<{
    requireAndTranspileModule(path: string, use: (module: unknown) => Promise<void>): Promise<unknown>;
  }>;
}

/** `jest-runtime`. */
export interface JestRuntime {
  createContext(config: ProjectConfig, options: Record<string, unknown>): Promise<TestContext>;
}

/** `jest-changed-files`. */
export interface JestChangedFiles {
  getChangedFilesForRoots(roots: readonly string[], options: Record<string, unknown>): Promise<unknown>;
}
