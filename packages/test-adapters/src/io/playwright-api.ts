/** The parts of playwright's reporter interface that are used, by shape. */
import type { CaseResult, Failure } from '@holdfast/model';

export interface FullConfig {
  readonly rootDir: string;
  readonly workers: number;
  readonly webServer: unknown;
  readonly projects: readonly FullProject[];
}

export interface FullProject {
  readonly name: string;
  readonly outputDir: string;
  readonly dependencies?: readonly string[];
  readonly teardown?: string;
}

export interface Suite {
  readonly suites: readonly Suite[];
  project(): FullProject | undefined;
  allTests(): readonly TestCase[];
}

export interface TestCase {
  readonly location: { readonly file: string; readonly line: number };
  readonly results: readonly TestResult[];
  readonly parent: Suite;
  titlePath(): string[];
  outcome(): 'skipped' | 'expected' | 'unexpected' | 'flaky';
}

export interface TestResult {
  readonly duration: number;
  readonly status: string;
  readonly errors: readonly TestError[];
}

export interface TestError {
  readonly message?: string;
  readonly stack?: string;
  readonly value?: string;
  readonly location?: { readonly file: string; readonly line: number; readonly column: number };
}

/** What our reporter says, one JSON line each, on descriptor 3 of the runner's process. */
export type PlaywrightSaid =
  | {
      readonly t: 'config';
      readonly workers: number;
      readonly webServer: boolean;
      readonly projects: readonly FullProject[];
      /** Files with tests, by project. */
      readonly files: readonly { readonly project: string; readonly file: string }[];
    }
  | { readonly t: 'at'; readonly test: string }
  | { readonly t: 'case'; readonly result: CaseResult }
  | { readonly t: 'error'; readonly failure: Failure; readonly file?: string }
  | { readonly t: 'end'; readonly status: string };
