/**
 * The parts of vitest's programming interface that the host uses, by shape.
 *
 * Vitest is the user's, of whatever version they have: no type of ours may stand for it, and none is imported.
 */
export interface VitestNode {
  readonly version: string;
  createVitest(mode: 'test', options: Record<string, unknown>): Promise<Vitest>;
  parseCLI(argv: string[]): { filter: string[]; options: Record<string, unknown> };
}

export interface Vitest {
  readonly projects: readonly Project[];
  readonly config: TakenOver & {
    readonly silent?: boolean | 'passed-only';
    readonly onConsoleLog?: (content: string, type: 'stdout' | 'stderr', entity: unknown) => boolean | void;
  };
  readonly state: { readonly idMap: Map<string, { readonly logs?: readonly ConsoleLog[] }>; getReportedEntity(task: unknown): unknown };
  standalone?(): Promise<void>;
  init?(): Promise<void>;
  getRelevantTestSpecifications(filters: readonly string[]): Promise<readonly Specification[]>;
  globTestSpecifications(filters?: readonly string[]): Promise<readonly Specification[]>;
  runTestSpecifications(specifications: readonly Specification[], allTestsRun?: boolean): Promise<{ unhandledErrors: readonly unknown[] }>;
  close(): Promise<void>;
}

/** What the owner of a run decides, whatever the project's config says. */
export interface TakenOver {
  bail?: number;
  passWithNoTests?: boolean;
  readonly fileParallelism?: boolean;
  readonly coverage?: { enabled?: boolean };
}

export interface Project {
  readonly name: string;
  readonly config: TakenOver & { readonly root: string; readonly setupFiles: string[] };
  readonly vite: { readonly config: { readonly server: { readonly fs: { readonly allow: string[] } } } };
  createSpecification(moduleId: string, locations?: undefined, pool?: string): Specification;
  isBrowserEnabled(): boolean;
}

export interface Specification {
  readonly project: Project;
  readonly moduleId: string;
  readonly pool: string;
}

export interface VitestError {
  readonly name?: string;
  readonly message?: string;
  readonly stack?: string;
  readonly diff?: string;
  readonly cause?: VitestError;
  readonly stacks?: readonly { readonly method: string; readonly file: string; readonly line: number; readonly column: number }[];
}

export interface TestCase {
  readonly type: 'test';
  readonly id: string;
  readonly name: string;
  readonly parent: TestSuite | TestModule;
  readonly module: TestModule;
  readonly location?: { readonly line: number; readonly column: number };
  result(): { readonly state: 'passed' | 'failed' | 'skipped' | 'pending'; readonly errors?: readonly VitestError[] };
  diagnostic(): { readonly duration: number; readonly retryCount: number; readonly flaky: boolean } | undefined;
}

export interface TestSuite {
  readonly type: 'suite';
  readonly name: string;
  readonly fullName: string;
  readonly parent: TestSuite | TestModule;
  errors(): readonly VitestError[];
}

export interface TestModule {
  readonly type: 'module';
  readonly moduleId: string;
  readonly project: Project;
  readonly children: { allTests(): Iterable<TestCase>; allSuites(): Iterable<TestSuite> };
  errors(): readonly VitestError[];
  state(): string;
}

export interface ConsoleLog {
  readonly content: string;
  readonly type: 'stdout' | 'stderr';
  readonly taskId?: string;
}
