import { digestOf } from '@holdfast/model';
import fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { expect, test } from 'vitest';
import { jsonReport, type JsonReport, junitXml, verdict } from '../src/index.ts';
import { casesOf, ended, finished, folded, listed, lost } from './events.ts';

const xmlOf = (fold: Parameters<typeof junitXml>[0], options = {}): string => [...junitXml(fold, options)].join('');
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  isArray: (name) => ['testsuite', 'testcase', 'flakyFailure', 'rerunFailure'].includes(name),
});
interface Suites {
  readonly testsuite: readonly { readonly testcase: readonly object[] }[];
}
const suitesOf = (xml: string): Suites => (parser.parse(xml) as { testsuites: Suites }).testsuites;

test('junit: every grade -> read back by another parser, counts agree', () => {
  const fold = folded(
    [
      listed(1),
      finished(1, 1, 'a+ b- c-', { final: false }),
      finished(1, 2, 'a+ b+ c- d0', { worker: 'w2' }),
      listed(2),
      lost(2, 1),
      listed(3),
      listed(4),
      finished(4, 1, '', { outcome: 'errored', errors: [{ message: 'did not load', stack: 'at x' }] }),
      listed(5),
      finished(5, 1, 'known-'),
      listed(6, { kind: 'command', name: 'make lint' }),
      finished(6, 1, ''),
      ended(6),
    ],
    { isQuarantined: ({ path }) => path[0] === 'known' },
  );
  const xml = xmlOf(fold, { name: 'shop', wallMs: 1500, startedAt: '2026-11-21T09:00:00Z' });
  expect(XMLValidator.validate(xml)).toBe(true);
  const suites = suitesOf(xml);
  expect(suites).toMatchObject({
    name: 'shop',
    tests: '9',
    failures: '1',
    errors: '3',
    skipped: '2',
    time: '1.500',
    timestamp: '2026-11-21T09:00:00Z',
  });
  const [one, two, three, four, five, six] = suites.testsuite;
  expect(one).toMatchObject({ name: 'test/1.test.ts', tests: '4', failures: '1', hostname: 'w2', file: 'test/1.test.ts' });
  expect(one!.testcase).toMatchObject([
    { name: 'a', classname: 'test/1.test.ts', file: 'test/1.test.ts', line: '3', time: '0.005' },
    { name: 'b', flakyFailure: [{ message: 'b broke', stackTrace: 'b broke' }] },
    { name: 'c', failure: { message: 'c broke' }, rerunFailure: [{ message: 'c broke', stackTrace: 'c broke' }] },
    { name: 'd', skipped: '' },
  ]);
  expect(one!.testcase[1]).not.toHaveProperty('failure');
  expect(two!.testcase).toMatchObject([{ name: '(file)', error: { type: 'infra_lost' } }]);
  expect(three!.testcase).toMatchObject([{ name: '(file)', error: { type: 'not_proven', message: 'never started' } }]);
  expect(four!.testcase).toMatchObject([{ name: '(outside of any test)', error: { message: 'did not load' } }]);
  expect(five!.testcase).toMatchObject([{ name: 'known', skipped: { message: 'quarantined: known broke' } }]);
  expect(six).toMatchObject({ name: 'make lint', tests: '1', errors: '0' });
});

test('artifacts: of the attempt that decided -> in the JSON report as recorded, in JUnit as properties', () => {
  const artifacts = [{ name: 'r/<a>.txt', digest: digestOf('ab'.repeat(32)), size: 12 }];
  const fold = folded([listed(1), finished(1, 1, 'a+', { artifacts }), listed(2), finished(2, 1, 'b+'), ended(2)]);
  const xml = xmlOf(fold);
  expect(XMLValidator.validate(xml)).toBe(true);
  expect(xml).toContain(`<property name="holdfast.artifact" value="r/&lt;a&gt;.txt sha256-${'ab'.repeat(32)} 12"/>`);
  const report = JSON.parse([...jsonReport(fold, { run: {}, verdict: verdict(fold), wallMs: 1 })].join('')) as JsonReport;
  expect(report.files.map((file) => file.artifacts)).toEqual([artifacts, undefined]);
});

test('junit: without retries -> no element of Surefire', () => {
  const fold = folded([finished(1, 1, 'a- b-', { final: false }), finished(1, 2, 'a+ b-'), ended(1)]);
  expect(xmlOf(fold)).toMatch(/flakyFailure[^]*rerunFailure/);
  expect(xmlOf(fold, { retries: false })).not.toMatch(/flakyFailure|rerunFailure/);
});

test('X1 junit: any text in any field -> valid XML without a forbidden character, counts kept', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(']]>', '<a&"\'>', '\u0000\u0008\u001b[31mred', '\ud800', '\ufffe\uffff', '-->', 'a\nb\tc\rd'),
  );
  fc.assert(
    fc.property(hostile, hostile, hostile, (title, message, name) => {
      const cases = [{ ...casesOf('a-')[0]!, path: [title, 'x'], file: name, failure: { message, stack: message, diff: title } }];
      const result = { outcome: 'failed', durationMs: 1, reason: message, cases } as const;
      const xml = xmlOf(folded([listed(1, { name }), { e: 'finished', n: 1, epoch: 1, worker: title, final: true, result }, ended(1)]));
      expect(XMLValidator.validate(xml)).toBe(true);
      // oxlint-disable-next-line no-control-regex
      expect(xml).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffe\uffff]/);
      expect(xml.isWellFormed()).toBe(true);
      expect(suitesOf(xml)).toMatchObject({ tests: '1', failures: '1' });
    }),
    { numRuns: 200 },
  );
});

test('junit: colours vanish, other controls are shown, line feeds survive in attributes', () => {
  const fold = folded([
    {
      ...finished(1, 1, ''),
      result: { outcome: 'errored', durationMs: 0, cases: [], errors: [{ message: '\u001b[31mred\u001b[39m\u0007', stack: 'a\nb' }] },
    } as never,
    ended(1),
  ]);
  expect(xmlOf(fold)).toContain('<error message="red\\x07" type="error">red\\x07\na\nb</error>');
  expect(xmlOf(folded([listed(1, { name: 'a\n"b"' }), ended(1)]))).toContain('name="a&#10;&quot;b&quot;"');
});

test('json report: one object, format 1, read back', () => {
  const fold = folded([listed(1), finished(1, 1, 'a+ b-'), listed(2), finished(2, 1, 'a+'), ended(2)]);
  const text = [...jsonReport(fold, { run: { id: 'r1', command: ['npx', 'vitest'] }, verdict: verdict(fold), wallMs: 50 })].join('');
  const report = JSON.parse(text) as JsonReport;
  expect(report).toMatchObject({
    format: 'holdfast.report',
    version: 1,
    run: { id: 'r1' },
    verdict: { exitCode: 1 },
    wallMs: 50,
    speedUp: 4,
  });
  expect(report.files.map(({ grade }) => grade)).toEqual(['failed', 'passed']);
  expect(report.files).toEqual([...fold.files()]);
  expect(report.totals).toEqual(fold.totals());
});

test('json report: an empty run -> still one object', () => {
  const fold = folded([ended(0)]);
  expect(JSON.parse([...jsonReport(fold, { run: {}, verdict: verdict(fold), wallMs: 0 })].join(''))).toMatchObject({
    files: [],
    verdict: { exitCode: 5 },
  });
});
