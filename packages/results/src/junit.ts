/**
 * JUnit XML in the common dialect, with the retry elements of Maven Surefire.
 *
 * X1 Valid XML 1.0 whatever the tests printed: characters that XML forbids are shown as `\x1b`, never dropped silently.
 * X2 One file at a time: memory does not grow with the run.
 * X3 A reader that knows neither grades nor retries still sees the truth: lost and not proven are `error`, a flaky case passed.
 *
 * Source: testmoapp/junitxml; the schema surefire-test-report of Maven Surefire (flakyFailure, rerunFailure).
 */
import type { Failure } from '@holdfast/model';
import type { RunFold } from './fold.ts';
import type { AttemptFailure, CaseVerdict, FileVerdict } from './grade.ts';
import { stripSequences } from './plain-text.ts';

export interface JunitOptions {
  /** Name of the whole. Default `holdfast`. */
  readonly name?: string;
  /** ISO 8601, for people. Default: no timestamp. */
  readonly startedAt?: string;
  /** Milliseconds of the whole. Default: the sum of all attempts. */
  readonly wallMs?: number;
  /** Write `flakyFailure` and `rerunFailure`. Default true; readers that do not know them ignore them. */
  readonly retries?: boolean;
}

/** The report in pieces, in order: join them, or write them as they come. The fold should be closed. */
export function* junitXml(fold: Pick<RunFold, 'files' | 'totals'>, options: JunitOptions = {}): Generator<string, void, undefined> {
  const total: SuiteCounts = { tests: 0, failures: 0, errors: 0, skipped: 0 };
  for (const file of fold.files()) add(total, countSuite(file));
  const wallMs = options.wallMs ?? fold.totals().summedMs;
  yield '<?xml version="1.0" encoding="UTF-8"?>\n';
  yield `<testsuites${attributes({ name: options.name ?? 'holdfast', ...total, time: seconds(wallMs), timestamp: options.startedAt })}>\n`;
  for (const file of fold.files()) yield suite(file, options);
  yield '</testsuites>\n';
}

interface SuiteCounts {
  tests: number;
  failures: number;
  errors: number;
  skipped: number;
}

function suite(file: FileVerdict, options: JunitOptions): string {
  const head = { name: file.name, ...countSuite(file), time: seconds(file.durationMs), file: file.cases[0]?.file, hostname: file.worker };
  const facts = { grade: file.grade, attempts: file.attempts, lost: file.lost };
  const left = (file.artifacts ?? []).map((one) => ['artifact', `${one.name} ${one.digest} ${one.size}`] as const);
  const properties = [...Object.entries(facts), ...left].map(
    ([name, value]) => `      <property${attributes({ name: `holdfast.${name}`, value })}/>\n`,
  );
  const cases = file.cases.map((one) => testcase(one, options.retries ?? true));
  return [
    `  <testsuite${attributes(head)}>\n    <properties>\n${properties.join('')}    </properties>\n`,
    ...cases,
    ...ownCases(file),
    '  </testsuite>\n',
  ].join('');
}

/** What a file says beside its cases: its errors, and what is wrong or right with it as a whole. */
function ownCases(file: FileVerdict): string[] {
  const open = (name: string): string => `    <testcase${attributes({ name, classname: file.name, time: '0.000' })}`;
  const errors = file.errors.map((error) => `${open('(outside of any test)')}>\n${problem('error', 'error', error)}    </testcase>\n`);
  const own = ownGrade(file);
  if (own === undefined) return errors;
  const whole = { name: '(file)', classname: file.name, time: seconds(file.durationMs) };
  if (own === 'passed') return [...errors, `    <testcase${attributes(whole)}/>\n`];
  return [...errors, `${open('(file)')}>\n${problem('error', own, { message: file.reason ?? own })}    </testcase>\n`];
}

/** Grade of the line that stands for the whole file; undefined when its cases or errors say all. */
function ownGrade(file: FileVerdict): string | undefined {
  const grade = file.grade === 'pending' ? 'not_proven' : file.grade;
  const told = file.errors.length > 0 || file.cases.some((one) => one.grade === file.grade);
  if (grade === 'failed' || grade === 'infra_lost' || grade === 'not_proven') return told ? undefined : grade;
  return file.cases.length === 0 && file.errors.length === 0 ? 'passed' : undefined;
}

function countSuite(file: FileVerdict): SuiteCounts {
  const own = ownGrade(file);
  const count = (...grades: string[]): number => file.cases.filter((one) => grades.includes(one.grade)).length;
  return {
    tests: file.cases.length + file.errors.length + (own === undefined ? 0 : 1),
    failures: count('failed'),
    errors: count('infra_lost', 'not_proven') + file.errors.length + (own === undefined || own === 'passed' ? 0 : 1),
    skipped: count('skipped', 'quarantined'),
  };
}

function testcase(one: CaseVerdict, retries: boolean): string {
  const classname = one.project === undefined ? one.file : `${one.project} | ${one.file}`;
  const head = { name: one.path.join(' > '), classname, file: one.file, line: one.line, time: seconds(one.durationMs) };
  const body = caseBody(one, retries);
  return body === '' ? `    <testcase${attributes(head)}/>\n` : `    <testcase${attributes(head)}>\n${body}    </testcase>\n`;
}

function caseBody(one: CaseVerdict, retries: boolean): string {
  switch (one.grade) {
    case 'passed':
      return '';
    case 'flaky':
      return retries ? one.failures.map((failure) => rerun('flakyFailure', failure)).join('') : '';
    case 'skipped':
      return '      <skipped/>\n';
    case 'quarantined':
      return `      <skipped${attributes({ message: `quarantined: ${one.failures.at(-1)?.failure.message ?? one.reason}` })}/>\n`;
    case 'infra_lost':
    case 'not_proven':
      return problem('error', one.grade, { message: one.reason ?? one.grade });
    case 'failed': {
      const [first, ...others] = one.failures;
      return problem('failure', 'failure', first!.failure) + (retries ? others.map((other) => rerun('rerunFailure', other)).join('') : '');
    }
  }
}

function problem(element: 'failure' | 'error', type: string, failure: Failure): string {
  return `      <${element}${attributes({ message: headOf(failure), type })}>${xmlText(bodyOf(failure))}</${element}>\n`;
}

function rerun(element: 'flakyFailure' | 'rerunFailure', { failure, worker, epoch }: AttemptFailure): string {
  const told = `      <${element}${attributes({ message: headOf(failure), type: 'failure' })}>\n`;
  const stack = `        <stackTrace>${xmlText(bodyOf(failure))}</stackTrace>\n`;
  return `${told}${stack}        <system-out>${xmlText(`attempt ${epoch} on ${worker}`)}</system-out>\n      </${element}>\n`;
}

const headOf = (failure: Failure): string => failure.message.split('\n', 1)[0]!;
function bodyOf(failure: Failure): string {
  const stack =
    failure.stack !== undefined && !failure.stack.includes(failure.message)
      ? [failure.message, failure.stack]
      : [failure.stack ?? failure.message];
  return [...stack, ...(failure.diff === undefined ? [] : [failure.diff])].join('\n');
}

function add(total: SuiteCounts, one: SuiteCounts): void {
  total.tests += one.tests;
  total.failures += one.failures;
  total.errors += one.errors;
  total.skipped += one.skipped;
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .map(([name, value]) => (value === undefined ? '' : ` ${name}="${xmlAttribute(String(value))}"`))
    .join('');
}

/** Text for element content. Colours vanish; forbidden characters are shown (X1). */
export const xmlText = (text: string): string =>
  allowed(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;');

/** Text for an attribute in double quotes: line feeds and tabs survive a reader's normalisation. */
export const xmlAttribute = (text: string): string =>
  xmlText(text).replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');

function allowed(text: string): string {
  if (HARMLESS.test(text)) return text;
  return stripSequences(text)
    .toWellFormed()
    .replace(FORBIDDEN, (one) => {
      const code = one.charCodeAt(0);
      return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
    });
}

const HARMLESS = /^[\n\x20-\x7e]*$/;
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g;
