/** The parts of mocha's programming interface that its host uses, by shape. */
export interface Mocha {
  files: string[];
  readonly options: Record<string, unknown> & { readonly file?: readonly string[] };
  readonly suite: Suite;
  readonly constructor: new (options: Record<string, unknown>) => Mocha;
  loadFilesAsync(): Promise<void>;
  cleanReferencesAfterRun(clean: boolean): Mocha;
  dispose(): void;
  /** Mocha 8.2 and later. */
  hasGlobalSetupFixtures?(): boolean;
  hasGlobalTeardownFixtures?(): boolean;
  runGlobalSetup(context: object): Promise<object>;
  runGlobalTeardown(context: object, options: { context: object }): Promise<object>;
  run(done: (failures: number) => void): Runner;
}

export interface Runner {
  on(event: string, listener: (test: Test, error: unknown) => void): void;
  readonly _grep: RegExp;
  readonly _invert?: boolean;
  /** Takes its listeners away, those on the process as well. Without it they go at the end of the run. */
  dispose?(): void;
}

export interface Suite {
  readonly root: boolean;
  readonly title: string;
  readonly tests: readonly Test[];
  readonly suites: readonly Suite[];
  readonly parent?: Suite;
}

/** A test, or a hook (`type` is `hook`). */
export interface Test {
  readonly title: string;
  readonly type: string;
  readonly duration?: number;
  readonly parent?: Suite;
  titlePath(): string[];
  fullTitle(): string;
  currentRetry(): number;
}
