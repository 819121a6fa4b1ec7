import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, expect, test } from 'vitest';
import { EMPTY_HISTORY, predict, updateHistory, verdict } from '../src/index.ts';
import { cacheFolder, createReadLines, readHistory, writeHistory, writeJsonReport, writeJunit } from '../src/io/files.ts';
import { ended, finished, folded } from './events.ts';

function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-results-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const HISTORY = updateHistory(EMPTY_HISTORY, { id: 'r', units: [{ unit: 'a', grade: 'passed', durationMs: 7 }] });

test('K1 files: history written and read -> the same, no draft left', () => {
  const folder = join(newFolder(), 'made', 'on demand');
  expect(readHistory(folder)).toEqual({ history: EMPTY_HISTORY });
  writeHistory(folder, EMPTY_HISTORY);
  writeHistory(folder, HISTORY);
  expect(readHistory(folder)).toEqual({ history: HISTORY });
  expect(readdirSync(folder)).toEqual(['history.json']);
});

test('K2 files: corrupt history -> starts anew with a note, the file is kept aside, the next write works', () => {
  const folder = newFolder();
  const path = join(folder, 'history.json');
  writeFileSync(path, '{"version":1,"units":{');
  const read = readHistory(folder);
  expect(read.history).toEqual(EMPTY_HISTORY);
  expect(read.note).toBe(`the history in ${path} cannot be used (it is not JSON): durations are learnt anew, it is kept as ${path}.broken`);
  expect(readFileSync(`${path}.broken`, 'utf8')).toBe('{"version":1,"units":{');
  expect(readHistory(folder)).toEqual({ history: EMPTY_HISTORY });
  writeHistory(folder, HISTORY);
  expect(predict(readHistory(folder).history, 'a')).toBe(7);
});

test('K2 files: history that is a folder -> a note, no throw', () => {
  const folder = newFolder();
  mkdirSync(join(folder, 'history.json'));
  expect(readHistory(folder)).toMatchObject({ history: EMPTY_HISTORY, note: expect.stringContaining('cannot be read') });
});

test('K1 files: a write that fails -> the old file stays, no draft left', async () => {
  const folder = newFolder();
  const path = join(folder, 'junit.xml');
  writeFileSync(path, 'old');
  const fold = folded([finished(1, 1, 'a+'), ended(1)]);
  const breaking = {
    totals: fold.totals,
    *files() {
      yield fold.file(1)!;
      throw new Error('disk gone');
    },
  };
  await expect(writeJunit(path, breaking as never)).rejects.toThrow('disk gone');
  expect(readFileSync(path, 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['junit.xml']);
  await writeJunit(path, fold);
  expect(readFileSync(path, 'utf8')).toMatch(/^<\?xml[^]*<\/testsuites>\n$/);
});

test('files: JSON report of many files -> streamed, complete', async () => {
  const path = join(newFolder(), 'report.json');
  const fold = folded([...Array.from({ length: 3000 }, (_, index) => finished(index + 1, 1, 'a+ b+ c+')), ended(3000)]);
  await writeJsonReport(path, fold, { run: {}, verdict: verdict(fold), wallMs: 1 });
  const report = JSON.parse(readFileSync(path, 'utf8')) as { files: unknown[]; totals: { tests: { passed: number } } };
  expect(report.files).toHaveLength(3000);
  expect(report.totals.tests.passed).toBe(9000);
});

test('files: cache folder -> in node_modules where there is one, else by hash in the cache of the user', () => {
  const project = newFolder();
  const cache = newFolder();
  const outside = cacheFolder(project, { XDG_CACHE_HOME: cache });
  expect(outside).toMatch(/\/holdfast\/[0-9a-f]{16}$/);
  expect(outside.startsWith(cache)).toBe(true);
  expect(cacheFolder(project, { XDG_CACHE_HOME: cache })).toBe(outside);
  expect(cacheFolder(newFolder(), { XDG_CACHE_HOME: cache })).not.toBe(outside);
  expect(cacheFolder(project, { XDG_CACHE_HOME: 'relative' })).toMatch(/\.cache\/holdfast\/[0-9a-f]{16}$/);
  mkdirSync(join(project, 'node_modules'));
  expect(cacheFolder(project, { XDG_CACHE_HOME: cache })).toBe(join(project, 'node_modules/.cache/holdfast'));
});

test('files: code frames -> lines inside the project only, links resolved', () => {
  const outside = newFolder();
  const project = newFolder();
  writeFileSync(join(outside, 'secret'), 'secret');
  writeFileSync(join(project, 'a.ts'), 'one\r\ntwo\nthree');
  symlinkSync(join(outside, 'secret'), join(project, 'link'));
  const readLines = createReadLines(project);
  expect(readLines('a.ts', 2, 9)).toEqual(['two', 'three']);
  expect(readLines(join(project, 'a.ts'), 1, 1)).toEqual(['one']);
  for (const file of ['link', '../secret', join(outside, 'secret'), 'absent', '.', 'a\u0000b'])
    expect(readLines(file, 1, 9)).toBeUndefined();
});
