/**
 * Reads JUnit XML, the format that most runners of other worlds write, into case results.
 *
 * J1 A case is `failed` if it has a failure or an error, `flaky` if it only has flaky ones (Surefire's dialect), else as it says.
 * J2 Errors that belong to a suite and to no case are not lost: they come back as `errors`.
 *
 * Source: testmoapp/junitxml for the common format, Maven Surefire for `flakyFailure`, `rerunFailure` and their like.
 */
import { bad, ok, type Result } from '@holdfast/kernel';
import type { CaseResult, Failure } from '@holdfast/model';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { boundedFailure, boundedTitle } from './failure.ts';

export interface JunitOptions {
  /** File of the cases that name none: what the command was about. Relative to the run's folder. */
  readonly file: string;
  /** Absolute folder of the run: files below it become relative. */
  readonly cwd?: string;
  /** Characters of XML. Default 64 Mi. */
  readonly lengthMax?: number;
  /** Cases read. Default 100,000. */
  readonly casesMax?: number;
}

export interface JunitResults {
  /** In the document's order. */
  readonly cases: readonly CaseResult[];
  readonly errors: readonly Failure[];
}

/** The results in a JUnit document. Bad: no XML, no JUnit, or past a limit; the text completes "the results ...". */
export function parseJunit(xml: string, options: JunitOptions): Result<JunitResults, string> {
  const lengthMax = options.lengthMax ?? LENGTH_MAX;
  if (xml.length > lengthMax) return bad(`have ${xml.length} characters, more than ${lengthMax}`);
  let document: Element;
  try {
    // The parser takes half a document for a whole one: a runner that died while writing must not look green.
    const valid = XMLValidator.validate(xml);
    if (valid !== true) return bad(`are no XML: line ${valid.err.line}: ${valid.err.msg}`);
    document = parser().parse(xml) as Element;
  } catch (error) {
    return bad(`are no XML: ${error instanceof Error ? error.message : String(error)}`);
  }
  const roots = [...children(document, 'testsuites'), ...children(document, 'testsuite')];
  if (roots.length === 0) return bad('are no JUnit document: it has neither testsuites nor testsuite');
  const reading: Reading = { options, cases: [], errors: [], casesMax: options.casesMax ?? CASES_MAX, excess: 0 };
  for (const suites of children(document, 'testsuites')) readSuite(suites, [], undefined, reading, false);
  for (const suite of children(document, 'testsuite')) readSuite(suite, [], undefined, reading, true);
  if (reading.excess > 0) return bad(`have ${reading.cases.length + reading.excess} cases, more than ${reading.casesMax}`);
  return ok({ cases: reading.cases, errors: reading.errors });
}

/** Attributes under `@`, text under `#text`, children by name as arrays. */
interface Element {
  readonly [name: string]: unknown;
}

interface Reading {
  readonly options: JunitOptions;
  readonly cases: CaseResult[];
  readonly errors: Failure[];
  readonly casesMax: number;
  excess: number;
}

function readSuite(suite: Element, parents: readonly string[], parentFile: string | undefined, reading: Reading, named: boolean): void {
  const name = attribute(suite, 'name');
  const path = named && name ? [...parents, name] : parents;
  const file = attribute(suite, 'file') ?? parentFile;
  for (const [index, trouble] of [...children(suite, 'error'), ...children(suite, 'failure')].entries()) {
    if (index < ERRORS_MAX) reading.errors.push(failureOf(trouble));
  }
  for (const test of children(suite, 'testcase')) {
    if (reading.cases.length >= reading.casesMax) reading.excess += 1;
    else reading.cases.push(caseOf(test, path, file, reading.options));
  }
  for (const inner of children(suite, 'testsuite')) readSuite(inner, path, file, reading, true);
}

function caseOf(test: Element, suites: readonly string[], suiteFile: string | undefined, options: JunitOptions): CaseResult {
  const bad = [...children(test, 'failure'), ...children(test, 'error')];
  const flaky = [...children(test, 'flakyFailure'), ...children(test, 'flakyError')];
  const rerun = [...children(test, 'rerunFailure'), ...children(test, 'rerunError')];
  const grade = bad.length > 0 ? 'failed' : children(test, 'skipped').length > 0 ? 'skipped' : flaky.length > 0 ? 'flaky' : 'passed';
  const trouble = bad[0] ?? flaky[0];
  const line = Number(attribute(test, 'line') ?? Number.NaN);
  return {
    path: [...context(test, suites), attribute(test, 'name') || 'unnamed'].map(boundedTitle),
    file: relativeTo(options.cwd, attribute(test, 'file') ?? suiteFile ?? options.file),
    ...(Number.isSafeInteger(line) && line > 0 ? { line } : {}),
    grade,
    durationMs: milliseconds(attribute(test, 'time')),
    attempts: 1 + (grade === 'flaky' ? flaky.length : grade === 'failed' ? rerun.length : 0),
    ...(trouble && grade !== 'skipped' ? { failure: failureOf(trouble) } : {}),
  };
}

/**
 * What stands before the case's own name. Nested suites tell it. A flat suite is often named after the tool,
 * and the class name then tells more; node:test writes the same class name everywhere.
 */
function context(test: Element, suites: readonly string[]): readonly string[] {
  const className = attribute(test, 'classname');
  return suites.length > 1 || !className || className === 'test' ? suites : [className];
}

function failureOf(trouble: Element): Failure {
  const text = typeof trouble['#text'] === 'string' ? trouble['#text'].trim() : '';
  const trace = children(trouble, 'stackTrace')[0]?.['#text'];
  const stack = typeof trace === 'string' && trace.trim() !== '' ? trace.trim() : text;
  const message = attribute(trouble, 'message') || stack.split('\n', 1)[0] || attribute(trouble, 'type') || 'no message';
  return boundedFailure(message, stack);
}

function children(element: Element, name: string): readonly Element[] {
  const found = element[name];
  if (!Array.isArray(found)) return [];
  // An element without attributes and children is parsed to its text alone.
  return found.map((child) => (typeof child === 'object' && child !== null ? (child as Element) : { '#text': String(child) }));
}

function attribute(element: Element, name: string): string | undefined {
  const value = (element['@'] as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}

/** `time` is in seconds, sometimes with separators of thousands. */
function milliseconds(time: string | undefined): number {
  const seconds = Number((time ?? '0').replaceAll(',', ''));
  return Number.isFinite(seconds) && seconds > 0 ? Math.round(seconds * 1e6) / 1e3 : 0;
}

function relativeTo(cwd: string | undefined, file: string): string {
  const path = file.replaceAll('\\', '/');
  const folder = cwd === undefined ? undefined : `${cwd.replaceAll('\\', '/').replace(/\/+$/, '')}/`;
  return folder !== undefined && path.startsWith(folder) ? path.slice(folder.length) : path.replace(/^\.\//, '');
}

const parser = (): XMLParser =>
  new XMLParser({
    ignoreAttributes: false,
    attributesGroupName: '@',
    attributeNamePrefix: '',
    parseAttributeValue: false,
    parseTagValue: false,
    trimValues: false,
    htmlEntities: true,
    isArray: (name) => ELEMENTS.has(name),
  });

const ELEMENTS: ReadonlySet<string> = new Set([
  'testsuites',
  'testsuite',
  'testcase',
  'failure',
  'error',
  'skipped',
  'flakyFailure',
  'flakyError',
  'rerunFailure',
  'rerunError',
  'stackTrace',
]);
const LENGTH_MAX = 64 * 1024 * 1024;
const CASES_MAX = 100_000;
const ERRORS_MAX = 100;
