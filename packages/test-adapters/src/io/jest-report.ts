/** Turns what jest says of one file into case results and errors. */
import { relative } from 'node:path';
import type { CaseResult, Failure } from '@holdfast/model';
import { boundedTitle } from '../failure.ts';
import { failureOf } from './failure-text.ts';
import type { AggregatedResult, AssertionResult, FileResult } from './jest-api.ts';
import { portable } from './paths.ts';

/** The cases of a file. Jest reports a case once here, however often it ran it; its events come once per try, and not at all for skipped ones. */
export function casesOfJest(result: FileResult, cwd: string, project: string | undefined): CaseResult[] {
  const file = portable(relative(cwd, result.testFilePath));
  return result.testResults.map((test) => {
    const attempts = Math.max(1, test.invocations ?? 1);
    const failed = test.status === 'failed';
    const grade = failed ? 'failed' : test.status === 'passed' ? (attempts > 1 ? 'flaky' : 'passed') : 'skipped';
    return {
      path: [...test.ancestorTitles, test.title].map(boundedTitle),
      file,
      ...(project === undefined ? {} : { project }),
      ...(test.location ? { line: test.location.line } : {}),
      grade,
      durationMs: test.duration ?? 0,
      attempts,
      ...(failed ? { failure: failureOfJest(test) } : {}),
    };
  });
}

/** Errors of a run that belong to no case: the file did not load, snapshots that no test has. */
export function errorsOfJest(results: AggregatedResult, cwd: string): Failure[] {
  const errors: Failure[] = [];
  if (results.runExecError) errors.push(failureOf(results.runExecError.message, results.runExecError.stack));
  for (const file of results.testResults) {
    if (file.testExecError) errors.push(failureOf(fileError(file), file.failureMessage ?? file.testExecError.stack));
  }
  if (errors.length > 0 || results.numFailedTests > 0 || !results.snapshot.failure) return errors;
  const { unchecked, filesRemovedList = [] } = results.snapshot;
  if (unchecked > 0) errors.push(failureOf(`${unchecked} obsolete snapshots; jest -u removes them`));
  if (filesRemovedList.length > 0) {
    errors.push(
      failureOf(
        `obsolete snapshot files: ${filesRemovedList.map((path) => portable(relative(cwd, path))).join(', ')}; jest -u removes them`,
      ),
    );
  }
  return errors;
}

function failureOfJest({ failureMessages }: AssertionResult): Failure {
  const [first = 'no message'] = failureMessages;
  const { message, stack } = splitStack(first);
  return failureOf(failureMessages.length > 1 ? `${failureMessages.length} errors, the first: ${message}` : message, stack);
}

/** Jest gives message and stack as one text. */
function splitStack(text: string): { readonly message: string; readonly stack: string } {
  const at = text.search(/\n\s+at /);
  const message = (at < 0 ? text : text.slice(0, at)).replace(/^Error: /, '');
  return { message, stack: text };
}

/** The first telling line: jest puts advice of many lines around it. */
function fileError({ testExecError, failureMessage }: FileResult): string {
  if (testExecError?.message) return testExecError.message;
  const lines = (testExecError?.stack ?? failureMessage ?? '').split('\n').map((line) => line.trim());
  return (
    lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.find((line) => line !== '' && !line.startsWith('●')) ?? 'the file did not run'
  );
}
