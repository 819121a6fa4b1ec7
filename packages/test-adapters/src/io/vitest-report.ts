/**
 * Turns vitest's reporter calls into case results and errors of the one run in progress.
 *
 * R1 Each test case of the unit is emitted once, whatever vitest calls and in which order.
 * R2 What vitest knows to be wrong and belongs to no case ends up in `errors`.
 */
import { relative } from 'node:path';
import type { CaseResult, Failure } from '@holdfast/model';
import { boundedTitle } from '../failure.ts';
import { failureOf } from './failure-text.ts';
import { portable } from './paths.ts';
import type { ConsoleLog, TestCase, TestModule, TestSuite, Vitest, VitestError } from './vitest-api.ts';

/** What one run has reported so far. */
export interface VitestReport {
  readonly cases: number;
  readonly failed: number;
  readonly errors: readonly Failure[];
  /** Files that vitest began and did not end: its process died in them. */
  readonly unended: readonly string[];
  /** The test that was last known to begin, if none has ended since. */
  readonly inFlight: string | undefined;
  /** What vitest said at the end, undefined if it never came to an end. */
  readonly reason: string | undefined;
}

export interface VitestReporter {
  /** Given to vitest as its only reporter. */
  readonly hooks: Readonly<Record<string, (...args: never[]) => void>>;
  /** Forgets the last run; `emit` gets the cases of the next. */
  begin(emit: (result: CaseResult) => void): void;
  report(): VitestReport;
}

export function createVitestReporter(cwd: string): VitestReporter {
  let vitest: Vitest | undefined;
  let emit: ((result: CaseResult) => void) | undefined;
  let seen = new Set<string>();
  let begun = new Set<string>();
  let failed = 0;
  let errors: Failure[] = [];
  let reason: string | undefined;
  let inFlight: string | undefined;

  const take = (test: TestCase): void => {
    if (!emit || seen.has(test.id)) return;
    const result = caseOf(test, cwd);
    if (!result) return;
    seen.add(test.id);
    if (result.grade === 'failed') failed += 1;
    emit(result);
    if (vitest?.config.silent === 'passed-only' && result.grade === 'failed') {
      for (const log of vitest.state.idMap.get(test.id)?.logs ?? []) writeLog(log);
    }
  };
  const endModule = (module: TestModule): void => {
    // Skipped cases and those behind a failed hook have no event of their own in every version.
    for (const test of module.children.allTests()) take(test);
    for (const error of module.errors()) errors.push(failureOfVitest(error));
    for (const suite of module.children.allSuites()) {
      for (const error of suite.errors()) errors.push(failureOfVitest(error, `in ${titles(suite).join(' > ')}: `));
    }
    begun.delete(module.moduleId);
  };

  return {
    hooks: {
      onInit: (context: Vitest) => (vitest = context),
      onTestModuleQueued: (module: TestModule) => begun.add(module.moduleId),
      onTestModuleStart: (module: TestModule) => begun.add(module.moduleId),
      onTestModuleEnd: endModule,
      onTestCaseReady: (test: TestCase) => (inFlight = titles(test).join(' > ')),
      onTestCaseResult: (test: TestCase) => {
        inFlight = undefined;
        take(test);
      },
      onTestRunEnd: (modules: readonly TestModule[], unhandled: readonly VitestError[], why: string) => {
        // Vitest 3 does not end a file that failed to load.
        for (const module of modules) if (begun.has(module.moduleId) && module.state() === 'failed') endModule(module);
        for (const error of unhandled) errors.push(failureOfVitest(error, 'unhandled: '));
        reason = why;
      },
      onUserConsoleLog: (log: ConsoleLog) => {
        if (!vitest || vitest.config.silent === true || vitest.config.silent === 'passed-only') return;
        const task = log.taskId === undefined ? undefined : vitest.state.idMap.get(log.taskId);
        const entity = task && vitest.state.getReportedEntity(task);
        if (vitest.config.onConsoleLog?.(log.content, log.type, entity) === false) return;
        writeLog(log);
      },
    },
    begin(next) {
      emit = next;
      seen = new Set();
      begun = new Set();
      failed = 0;
      errors = [];
      reason = undefined;
      inFlight = undefined;
    },
    report: () => ({ cases: seen.size, failed, errors, unended: [...begun], inFlight, reason }),
  };
}

function caseOf(test: TestCase, cwd: string): CaseResult | undefined {
  const result = test.result();
  if (result.state === 'pending') return undefined;
  const diagnostic = test.diagnostic();
  const grade = result.state === 'passed' && diagnostic?.flaky ? 'flaky' : result.state;
  const errors = result.errors ?? [];
  const first = errors[0];
  return {
    path: titles(test),
    file: portable(relative(cwd, test.module.moduleId)),
    ...(test.module.project.name === '' ? {} : { project: test.module.project.name }),
    ...(test.location ? { line: test.location.line } : {}),
    grade,
    durationMs: Math.round((diagnostic?.duration ?? 0) * 1000) / 1000,
    attempts: (diagnostic?.retryCount ?? 0) + 1,
    ...(first ? { failure: failureOfVitest(first, errors.length > 1 ? `${errors.length} errors, the first: ` : '') } : {}),
  };
}

/** Titles from the outermost suite inwards, the file left out. */
function titles(entity: TestCase | TestSuite): string[] {
  const path: string[] = [];
  for (let at: TestCase | TestSuite | TestModule = entity; at.type !== 'module'; at = at.parent) path.unshift(boundedTitle(at.name));
  return path;
}

export function failureOfVitest(error: VitestError, prefix = ''): Failure {
  if (typeof error !== 'object' || error === null) return failureOf(`${prefix}${String(error)}`);
  const name = error.name !== undefined && error.name !== 'Error' ? `${error.name}: ` : '';
  const cause = error.cause?.message === undefined ? '' : `; cause: ${error.cause.message}`;
  const message = `${prefix}${name}${error.message ?? 'no message'}${cause}`;
  // The stacks are mapped to the user's sources; the raw stack is not always.
  const frames = error.stacks?.map(
    ({ method, file, line, column }) => `    at ${method ? `${method} (` : ''}${file}:${line}:${column}${method ? ')' : ''}`,
  );
  const stack = frames && frames.length > 0 ? `${name}${error.message ?? ''}\n${frames.join('\n')}` : error.stack;
  return failureOf(message, stack, error.diff);
}

function writeLog(log: ConsoleLog): void {
  (log.type === 'stdout' ? process.stdout : process.stderr).write(log.content);
}
