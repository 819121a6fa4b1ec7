/**
 * Reads what `go test -json` prints into case results.
 *
 * G1 Tests and subtests are cases, as go counts them. What printed, stands in the failure of what failed.
 * G2 A package that fails beside its tests (it does not build, it panics) is an error; a test without an end failed.
 *
 * Source: `go doc test2json`.
 */
import { bad, ok, type Result } from '@holdfast/kernel';
import type { CaseResult, Failure } from '@holdfast/model';
import { boundedFailure, boundedTitle, STACK_BYTES_MAX } from './failure.ts';
import type { ReadResults } from './read-results.ts';

interface GoEvent {
  readonly Action: string;
  readonly Package?: string;
  readonly ImportPath?: string;
  readonly Test?: string;
  readonly Elapsed?: number;
  readonly Output?: string;
}

interface Running {
  readonly path: readonly string[];
  readonly file: string;
  output: string;
}

/** The results in a stream; `file` stands for cases of no package. Bad: no event in it; the text completes "the results ...". */
export function parseGoJson(text: string, { file }: { readonly file: string }): Result<ReadResults, string> {
  const cases: CaseResult[] = [];
  const errors: Failure[] = [];
  const running = new Map<string, Running>();
  /** What packages said beside their tests. */
  const said = new Map<string, string>();
  const failedTests = new Set<string>();
  let events = 0;

  const end = (key: string, test: Running, grade: CaseResult['grade'], seconds: number, name: string): void => {
    running.delete(key);
    if (grade === 'failed') failedTests.add(name);
    const line = /\w+_test\.go:(\d+):/.exec(test.output)?.[1];
    cases.push({
      path: test.path,
      file: test.file,
      ...(line === undefined ? {} : { line: Number(line) }),
      grade,
      durationMs: Math.round(seconds * 1000),
      attempts: 1,
      ...(grade === 'failed' ? { failure: failureOf(test.output) } : {}),
    });
  };

  for (const line of text.split('\n')) {
    const event = eventOf(line);
    if (!event) continue;
    events += 1;
    const name = event.Package ?? event.ImportPath ?? '';
    if (event.Test === undefined) {
      if (event.Output !== undefined) said.set(name, ((said.get(name) ?? '') + event.Output).slice(-STACK_BYTES_MAX));
      if (event.Action === 'fail' && !failedTests.has(name)) {
        // What does not build says so under its import path, which has the tested package in brackets.
        const words = [...said].filter(([key]) => key.split(' ')[0] === name).map(([, output]) => output);
        errors.push(failureOf(words.join(''), `package ${name} failed`));
      }
      continue;
    }
    const key = `${name}\0${event.Test}`;
    const test = running.get(key) ?? { path: event.Test.split('/').map(boundedTitle), file: name || file, output: '' };
    running.set(key, test);
    if (event.Output !== undefined) test.output = (test.output + event.Output).slice(-STACK_BYTES_MAX);
    const grade = GRADES[event.Action];
    if (grade) end(key, test, grade, event.Elapsed ?? 0, name);
  }
  for (const [key, test] of running) {
    end(key, { ...test, output: `${test.output}the test did not end\n` }, 'failed', 0, key.split('\0')[0]!);
  }
  return events === 0 ? bad('hold no event of go test -json') : ok({ cases, errors });
}

function eventOf(line: string): GoEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const event = JSON.parse(line) as GoEvent;
    return typeof event.Action === 'string' ? event : undefined;
  } catch {
    /* ignored: a program's own line that looks like an object. */
    return undefined;
  }
}

/** The first line that is no heading of go's own. */
function failureOf(output: string, fallback = 'the test failed'): Failure {
  const lines = output.split('\n').map((line) => line.trim());
  const telling = lines.find((line) => line !== '' && !/^(===|---|FAIL\b|ok\b|PASS\b|exit status|#)/.test(line));
  return boundedFailure(telling ?? fallback, output);
}

const GRADES: Readonly<Record<string, CaseResult['grade']>> = { pass: 'passed', fail: 'failed', skip: 'skipped' };
