import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectFolder } from '../src/run/project-folder.ts';
import { createRunFolder, latestRunFolder, readRecord, type RunRecord, writeRecord } from '../src/run/run-folder.ts';
import { newPlace } from './place.ts';

const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 2, 3, minute));
const RECORD: RunRecord = {
  version: 1,
  id: 'r_abc',
  command: ['npx', 'vitest'],
  title: 'npx vitest',
  cwd: '/project',
  spec: {},
  workers: 2,
  startedAt: at(0).toISOString(),
  tasks: [],
};

test('a new run folder: named by time, with room for logs, readable by its owner only', () => {
  const folder = createRunFolder(newPlace(), at(4));
  expect(folder.name).toMatch(/^20260102-030400-[0-9a-f]{4}$/);
  expect(statSync(folder.logs).mode & 0o777).toBe(0o700);
  expect(existsSync(folder.data)).toBe(false);
});

test('latest: the newest one, one by the beginning of its name, one by the id of its run, none', () => {
  const cache = newPlace();
  expect(latestRunFolder(cache)).toBeUndefined();
  const [first, second, third] = [createRunFolder(cache, at(1)), createRunFolder(cache, at(3)), createRunFolder(cache, at(2))];
  writeRecord(first, RECORD);
  expect(latestRunFolder(cache)).toEqual(second);
  expect(latestRunFolder(cache, third.name.slice(0, 15))).toEqual(third);
  expect(latestRunFolder(cache, 'r_abc')).toEqual(first);
  expect(latestRunFolder(cache, 'r_ab')).toBeUndefined();
  writeFileSync(join(cache, 'runs', 'zzz'), '');
  expect(latestRunFolder(cache)).toEqual(second);
});

test('R1 the record: written whole, read back, replaced; none where none was written', () => {
  const folder = createRunFolder(newPlace(), at(1));
  expect(readRecord(folder)).toBeUndefined();
  writeRecord(folder, { ...RECORD, id: '' });
  writeRecord(folder, RECORD);
  expect(readRecord(folder)).toEqual(RECORD);
  expect(readdirSync(folder.path).toSorted()).toEqual(['logs', 'run.json']);
});

test('the last ten are kept, and older ones that a living process serves', () => {
  const cache = newPlace();
  const folders = Array.from({ length: 10 }, (_, index) => createRunFolder(cache, at(index)));
  mkdirSync(folders[0]!.data);
  writeFileSync(join(folders[0]!.data, 'endpoint.json'), JSON.stringify({ url: 'http://127.0.0.1:1', pid: process.pid }));
  mkdirSync(folders[1]!.data);
  writeFileSync(join(folders[1]!.data, 'endpoint.json'), '{"url":"http://127.0.0.1:1","pid":');
  createRunFolder(cache, at(20));
  createRunFolder(cache, at(21));
  expect(folders.map((folder) => existsSync(folder.path))).toEqual([true, false, ...Array.from({ length: 8 }, () => true)]);
  rmSync(join(folders[0]!.data, 'endpoint.json'));
  createRunFolder(cache, at(22));
  expect(existsSync(folders[0]!.path)).toBe(false);
});

test('the project: the nearest package.json upwards, never beyond the repository, else the folder itself', () => {
  const place = newPlace({ 'package.json': '{}', 'a/b/x': '', 'inner/.git/HEAD': '', 'inner/c/x': '', 'own/package.json': '{}' });
  expect(projectFolder(join(place, 'a/b'))).toBe(place);
  expect(projectFolder(join(place, 'own'))).toBe(join(place, 'own'));
  expect(projectFolder(join(place, 'inner/c'))).toBe(join(place, 'inner/c'));
  const alone = newPlace();
  expect(projectFolder(alone)).toBe(alone);
});
