/**
 * Turns the events of one mocha run of one file into case results and errors.
 *
 * Tests behind a failed hook are never reported by mocha: they failed by that hook. What fails beside any test (a hook
 * after the last one, `done` called twice) is an error of the file.
 */
import { inspect } from 'node:util';
import type { CaseResult, Failure } from '@holdfast/model';
import { boundedTitle } from '../failure.ts';
import { failureOf } from './failure-text.ts';
import type { Runner, Suite, Test } from './mocha-api.ts';

export interface MochaReader {
  report(): { readonly cases: number; readonly failed: number; readonly errors: readonly Failure[] };
  /** The run is over: tests that mocha kept silent about. */
  close(root: Suite): void;
}

interface FailedHook {
  readonly suite: Suite | undefined;
  readonly failure: Failure;
  hid: boolean;
}

/** Listens to a runner; `emit` gets each case as it comes, `at` the name of each that begins. */
export function readMocha(runner: Runner, file: string, emit: (result: CaseResult) => void, at: (test: string) => void): MochaReader {
  const seen = new Set<Test>();
  const errors: Failure[] = [];
  const hooks: FailedHook[] = [];
  let failed = 0;

  const end = (test: Test, grade: CaseResult['grade'], failure?: Failure): void => {
    seen.add(test);
    if (grade === 'failed') failed += 1;
    const path = test.titlePath().map(boundedTitle);
    const attempts = Math.max(1, test.currentRetry() + 1);
    emit({ path, file, grade, durationMs: test.duration ?? 0, attempts, ...(failure ? { failure } : {}) });
  };
  runner.on('test', (test) => at(test.titlePath().join(' > ')));
  // Hooks around single tests come after those tests' own event.
  runner.on('hook', (hook) => {
    if (/^"(before|after) all"/.test(hook.title)) at(hook.titlePath().join(' > '));
  });
  runner.on('pass', (test) => end(test, test.currentRetry() > 0 ? 'flaky' : 'passed'));
  runner.on('pending', (test) => {
    if (!seen.has(test)) end(test, 'skipped');
  });
  runner.on('fail', (test, error) => {
    if (test.type === 'hook') {
      hooks.push({ suite: test.parent, failure: failureOfMocha(error, `${test.title} failed: `), hid: false });
    } else if (seen.has(test)) {
      errors.push(failureOfMocha(error, `after ${test.titlePath().join(' > ')}: `));
    } else end(test, 'failed', failureOfMocha(error));
  });

  const isChosen = (test: Test): boolean => runner['_grep'].test(test.fullTitle()) !== Boolean(runner['_invert']);
  const closeSuite = (suite: Suite): void => {
    for (const test of suite.tests) {
      if (seen.has(test) || !isChosen(test)) continue;
      const hook = hooks.find((each) => each.suite === undefined || isInside(suite, each.suite));
      if (hook) hook.hid = true;
      end(test, 'failed', hook?.failure ?? failureOf('mocha ended without it'));
    }
    for (const inner of suite.suites) closeSuite(inner);
  };

  return {
    close(root) {
      closeSuite(root);
      errors.push(...hooks.filter(({ hid }) => !hid).map(({ failure }) => failure));
    },
    report: () => ({ cases: seen.size, failed, errors }),
  };
}

function isInside(suite: Suite, outer: Suite): boolean {
  for (let each: Suite | undefined = suite; each; each = each.parent) if (each === outer) return true;
  return false;
}

/** The failure that a thrown value stands for; mocha shows a difference where both sides are known. */
export function failureOfMocha(error: unknown, prefix = ''): Failure {
  if (typeof error !== 'object' || error === null) return failureOf(`${prefix}${String(error)}`);
  const { name, message, stack, showDiff } = error as { name?: string; message?: unknown; stack?: string; showDiff?: boolean };
  const text = typeof message === 'string' ? message : inspect(error, { depth: 2 });
  const named = name === undefined || name === 'Error' ? '' : `${name}: `;
  return failureOf(`${prefix}${named}${text}`, stack, showDiff === false ? undefined : differenceOf(error));
}

function differenceOf(error: object): string | undefined {
  if (!('expected' in error) || !('actual' in error)) return undefined;
  return `- ${inspect(error.expected, { depth: 4 })}\n+ ${inspect(error.actual, { depth: 4 })}`;
}
