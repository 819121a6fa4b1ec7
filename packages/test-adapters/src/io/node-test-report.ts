/**
 * Turns the event stream of one `node:test` run of one file into case results and errors.
 *
 * N1 Whatever Node counts as a test is a case, a test with subtests included; its suites are titles only.
 * N2 Node reports a file whose process failed as a test named after the file: that is an error of the file, no case.
 */
import { relative } from 'node:path';
import type { CaseResult, Failure } from '@holdfast/model';
import { boundedTitle } from '../failure.ts';
import { failureOf } from './failure-text.ts';
import { portable } from './paths.ts';

/** One event of the stream, as far as it is read here. Older and newer versions of Node leave out or add fields. */
export interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly nesting?: number;
    readonly file?: string;
    readonly line?: number;
    readonly column?: number;
    readonly message?: string;
    readonly success?: boolean;
    readonly skip?: boolean | string;
    readonly todo?: boolean | string;
    readonly details?: { readonly duration_ms?: number; readonly type?: string; readonly error?: TestError };
  };
}

interface TestError {
  readonly message?: string;
  readonly stack?: string;
  readonly failureType?: string;
  readonly exitCode?: number | null;
  readonly signal?: string | null;
  readonly cause?: unknown;
}

export interface NodeTestReport {
  readonly cases: number;
  readonly errors: readonly Failure[];
  readonly ok: boolean;
}

export interface NodeTestReader {
  take(event: TestEvent): void;
  report(): NodeTestReport;
}

/** Reads the events of one run of `file` (absolute); `emit` gets each case as it comes. */
export function createNodeTestReader(file: string, cwd: string, emit: (result: CaseResult) => void): NodeTestReader {
  const titles: string[] = [];
  const errors: Failure[] = [];
  const diagnostics: string[] = [];
  let stderrTail = '';
  let cases = 0;
  let bad = 0;
  let success: boolean | undefined;

  const ended = (event: TestEvent): void => {
    const { data } = event;
    const error = event.type === 'test:fail' ? data.details?.error : undefined;
    const nesting = data.nesting ?? 0;
    const path = [...titles.slice(0, nesting), boundedTitle(data.name ?? '')];
    const excused = isSet(data.skip) || isSet(data.todo);
    const wholeFile = nesting === 0 && data.name === file;
    if (error && !excused) bad += 1;
    if (wholeFile && error) {
      // Failed subtests say so themselves.
      if (error.failureType !== 'subtestsFailed') errors.push(fileFailure(error, diagnostics, stderrTail));
    } else if (data.details?.type === 'suite') {
      if (error && !excused && error.failureType !== 'subtestsFailed') errors.push(failureOfTest(error, `in ${path.join(' > ')}: `));
    } else {
      cases += 1;
      emit({
        path: wholeFile ? [portable(relative(cwd, file))] : path,
        file: portable(relative(cwd, data.file ?? file)),
        ...(data.line === undefined ? {} : { line: data.line }),
        grade: excused ? 'skipped' : error ? 'failed' : 'passed',
        durationMs: Math.round((data.details?.duration_ms ?? 0) * 1000) / 1000,
        attempts: 1,
        ...(error && !excused ? { failure: failureOfTest(error) } : {}),
      });
    }
  };

  return {
    take(event) {
      const { type, data } = event;
      if (type === 'test:start') titles.splice(data.nesting ?? 0, Infinity, boundedTitle(data.name ?? ''));
      else if (type === 'test:pass' || type === 'test:fail') ended(event);
      else if (type === 'test:stdout') process.stdout.write(data.message ?? '');
      else if (type === 'test:stderr') {
        process.stderr.write(data.message ?? '');
        stderrTail = (stderrTail + (data.message ?? '')).slice(-STDERR_TAIL_CHARACTERS);
      } else if (type === 'test:diagnostic' && data.file !== undefined) {
        if (diagnostics.length < DIAGNOSTICS_MAX) diagnostics.push(data.message ?? '');
      } else if (type === 'test:summary' && data.file === undefined) success = data.success;
    },
    report: () => ({ cases, errors: errors.slice(0, ERRORS_MAX), ok: bad === 0 && errors.length === 0 && success !== false }),
  };
}

/** Node marks skipped and to-do tests by `true` or by the reason; an empty reason marks too. */
const isSet = (mark: boolean | string | undefined): boolean => mark !== undefined && mark !== false;

function failureOfTest(error: TestError, prefix = ''): Failure {
  // Node wraps what the test threw.
  const thrown = typeof error.cause === 'object' && error.cause !== null ? (error.cause as TestError & { name?: string }) : undefined;
  const outer = thrown && error.failureType === 'hookFailed' ? `${error.message ?? ''}: ` : '';
  const name = thrown?.name !== undefined && thrown.name !== 'Error' ? `${thrown.name}: ` : '';
  const message = thrown?.message ?? (typeof error.cause === 'string' ? error.cause : (error.message ?? 'no message'));
  return failureOf(`${prefix}${outer}${name}${message}`, thrown?.stack ?? error.stack);
}

function fileFailure(error: TestError, diagnostics: readonly string[], stderrTail: string): Failure {
  const how = error.signal
    ? `was killed by ${error.signal}`
    : typeof error.exitCode === 'number'
      ? `ended with exit code ${error.exitCode}`
      : `failed: ${error.message ?? 'no message'}`;
  // What ended a process is the last that it said: `SyntaxError: ...`, `Error [ERR_MODULE_NOT_FOUND]: ...`.
  const thrown = [...stderrTail.matchAll(/^(?:Uncaught )?[\w.]*Error\b.*$/gm)].at(-1)?.[0];
  const why = diagnostics[0] ?? thrown;
  return failureOf(
    `the process of the test file ${how}${why === undefined ? '' : `; ${why}`}`,
    [...diagnostics, stderrTail].filter((text) => text !== '').join('\n'),
  );
}

const STDERR_TAIL_CHARACTERS = 8192;
const ERRORS_MAX = 100;
const DIAGNOSTICS_MAX = 100;
