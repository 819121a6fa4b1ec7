/**
 * Given to the user's playwright with `--reporter`: says what the tests do, on descriptor 3 of the runner's process.
 *
 * A case is told once, after all its tries. A test that did not run, since one before it in a serial group failed, is skipped.
 */
import { writeSync } from 'node:fs';
import { relative } from 'node:path';
import type { CaseResult, Failure } from '@holdfast/model';
import { boundedTitle } from '../failure.ts';
import { failureOf } from './failure-text.ts';
import { portable } from './paths.ts';
import type { FullConfig, PlaywrightSaid, Suite, TestCase, TestError } from './playwright-api.ts';

const write = writeSync;

class HoldfastReporter {
  #root: Suite | undefined;
  readonly #cwd = process.cwd();

  onBegin(config: FullConfig, root: Suite): void {
    this.#root = root;
    const files = root.allTests().map((test) => ({ project: projectOf(test), file: this.#fileOf(test.location.file, test) }));
    say({
      t: 'config',
      workers: config.workers,
      webServer: config.webServer !== null && config.webServer !== undefined,
      projects: config.projects.map(({ name, outputDir, dependencies = [], teardown }) => ({
        name,
        outputDir,
        dependencies,
        ...(teardown === undefined ? {} : { teardown }),
      })),
      files: [...new Map(files.map((each) => [JSON.stringify(each), each])).values()],
    });
  }

  onTestBegin(test: TestCase): void {
    say({ t: 'at', test: titlesOf(test).join(' > ') });
  }

  onError(error: TestError): void {
    const file = error.location && portable(relative(this.#cwd, error.location.file));
    say({ t: 'error', failure: failureOfPlaywright(error), ...(file === undefined ? {} : { file }) });
  }

  onStdOut(chunk: string | Buffer): void {
    process.stdout.write(chunk);
  }

  onStdErr(chunk: string | Buffer): void {
    process.stderr.write(chunk);
  }

  onEnd({ status }: { readonly status: string }): void {
    for (const test of this.#root?.allTests() ?? []) say({ t: 'case', result: this.#caseOf(test) });
    say({ t: 'end', status });
  }

  /** Otherwise playwright would put a reporter of its own beside this one. */
  printsToStdio(): boolean {
    return true;
  }

  #caseOf(test: TestCase): CaseResult {
    const outcome = test.outcome();
    const last = test.results.findLast(({ errors }) => errors.length > 0);
    const [first] = last?.errors ?? [];
    const project = projectOf(test);
    const failed = outcome === 'unexpected';
    const grade = failed ? 'failed' : outcome === 'flaky' ? 'flaky' : outcome === 'skipped' ? 'skipped' : 'passed';
    const reason = failed && !first ? failureOf(`ended as ${test.results.at(-1)?.status ?? 'nothing'}, which was not expected`) : undefined;
    const failure = (failed || grade === 'flaky') && first ? failureOfPlaywright(first) : reason;
    return {
      path: titlesOf(test),
      file: this.#fileOf(test.location.file, test),
      ...(project === '' ? {} : { project }),
      line: test.location.line,
      grade,
      durationMs: test.results.reduce((sum, { duration }) => sum + duration, 0),
      attempts: Math.max(1, test.results.length),
      ...(failure ? { failure } : {}),
    };
  }

  /** The test file, which is not where a shared helper declared the test. */
  #fileOf(path: string, test: TestCase): string {
    const [, , title = ''] = test.titlePath();
    return portable(relative(this.#cwd, fileOfSuite(test) ?? path)) || title;
  }
}

/** The location of the suite that stands for the file. */
function fileOfSuite(test: TestCase): string | undefined {
  for (
    let at: (Suite & { readonly type?: string; readonly parent?: Suite; readonly location?: { readonly file: string } }) | undefined =
      test.parent;
    at;
    at = at.parent
  ) {
    if (at.type === 'file') return at.location?.file;
  }
  return undefined;
}

const projectOf = (test: TestCase): string => test.parent.project()?.name ?? '';

/** Root, project and file come first. */
const titlesOf = (test: TestCase): string[] => test.titlePath().slice(3).map(boundedTitle);

function failureOfPlaywright({ message, value, stack, location }: TestError): Failure {
  const text = message ?? value ?? 'no message';
  const where = location ? `    at ${location.file}:${location.line}:${location.column}` : '';
  return failureOf(text.replace(/^Error: /, ''), stack ?? (where === '' ? undefined : `${text}\n${where}`));
}

function say(event: PlaywrightSaid): void {
  const bytes = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let written = 0; written < bytes.length;) {
    try {
      written += write(3, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));

// oxlint-disable-next-line import/no-default-export -- Playwright takes the default export of a reporter's file.
export { HoldfastReporter as default };
