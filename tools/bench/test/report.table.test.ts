import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { describeReport, figureOf, percentileOf, quantile } from '../src/report.ts';
import { BENCHED } from '../src/runners.ts';
import { planFiles, writeSuite } from '../src/suite.ts';

test('figure: samples in any order -> median, extremes and count; no sample is an error', () => {
  expect(figureOf([3, 1, 2], 'ms')).toEqual({ median: 2, min: 1, max: 3, n: 3, unit: 'ms' });
  expect(figureOf([1, 2], 'ms').median).toBe(1.5);
  expect(() => figureOf([], 'ms')).toThrow('no sample');
});

test('percentile: the percentile stands in `median`, the extremes are those of all samples', () => {
  expect(percentileOf([1, 2, 3, 4, 5], 0.75, 'ms')).toEqual({ median: 4, min: 1, max: 5, n: 5, unit: 'ms' });
});

test('quantile: between two samples -> in proportion', () => {
  expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9);
  expect(quantile([7], 0.5)).toBe(7);
});

test('table: figures and what was not measured -> one line each', () => {
  const figures = { rss_mb: figureOf([120], 'MB') };
  const text = describeReport({ name: 'queued', conditions: { cores: 2 }, figures, notMeasured: ['cpu: no /proc'] });
  expect(text).toContain('cores: 2');
  expect(text).toMatch(/^rss_mb +120 +120 \.\. 120 +1 +MB$/m);
  expect(text).toContain('not measured: cpu: no /proc');
});

test('suite: as many tests in its files as it says, of uneven length', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-suite-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const suite = writeSuite(join(folder, 'suite'), 10);
  const texts = readdirSync(join(suite.folder, 'test')).map((name) => readFileSync(join(suite.folder, 'test', name), 'utf8'));
  expect(texts).toHaveLength(suite.files);
  expect(texts.flatMap((text) => text.match(/ test\('/g) ?? [])).toHaveLength(suite.tests);
  const waits = texts.map((text) => [...text.matchAll(/wait\((\d+)\)/g)].reduce((sum, match) => sum + Number(match[1]), 0));
  expect(Math.max(...waits)).toBeGreaterThan(3 * Math.min(...waits));
});

test.each(Object.entries(BENCHED))('suite for %s: every planned test stands in its file', (_name, runner) => {
  const [file] = planFiles(4);
  const text = runner.text(file!);
  expect(text.match(/^(test|it)\('case \d+'|^def test_\d+/gm)).toHaveLength(file!.tests.length);
  expect(runner.path(file!)).toMatch(/^test\/.*(\.test\.js|^test_.*\.py|\.py)$/);
});
