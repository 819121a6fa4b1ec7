/** What a suite's own arrangements mean for a run: global setup and teardown, empty lists, snapshots that are written. */
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { newPlace } from './place.ts';

// Real runs of real processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const MAIN = join(import.meta.dirname, '../src/main.ts');
const MODULES = join(import.meta.dirname, '../../../node_modules');

function newSuite(files: Readonly<Record<string, string>> = {}): string {
  const place = newPlace({
    'package.json': '{ "type": "module" }',
    'vitest.config.js': "export default { test: { globalSetup: ['./global.js'] } };",
    'global.js': 'export const setup = () => {};',
    'a.test.js': "import { test } from 'vitest';\ntest('a', () => {});",
    'b.test.js': "import { test } from 'vitest';\ntest('b', () => {});",
    'node_modules/.keep': '',
    ...files,
  });
  symlinkSync(join(MODULES, 'vitest'), join(place, 'node_modules/vitest'));
  return place;
}

function run(cwd: string, ...args: readonly string[]): { readonly code: number | null; readonly out: string; readonly err: string } {
  const outside = Object.entries(process.env).filter(([name]) => !/^(VITEST.*|TEST|NODE_ENV|HOLDFAST_.*|NODE_OPTIONS)$/.test(name));
  const ended = spawnSync(process.execPath, ['--conditions=@holdfast/source', MAIN, 'run', ...args], {
    cwd,
    env: { ...Object.fromEntries(outside), CI: '1', NO_COLOR: '1' },
    encoding: 'utf8',
  });
  return { code: ended.status, out: ended.stdout, err: ended.stderr };
}

test('run: all tests pass and a global teardown throws -> failed, told once, the report says so', () => {
  const cwd = newSuite({ 'global.js': "export const setup = () => () => { throw new Error('cannot drop the database'); };" });
  const { code, out, err } = run(cwd, '--json', '--workers', '2', '--', 'vitest', 'run');
  expect([code, err.match(/global teardown failed: /g)?.length]).toEqual([1, 1]);
  expect(err).toContain('cannot drop the database');
  expect(JSON.parse(out)).toMatchObject({
    verdict: { exitCode: 1, headline: "no test failed, but the suite's global teardown did" },
    totals: { tests: { passed: 2, total: 2 } },
  });
});

test('run: a global setup that fails once -> a retry gets a new host and passes', () => {
  const cwd = newSuite({
    'global.js': `import { existsSync, writeFileSync } from 'node:fs';
      export const setup = () => { if (!existsSync('mended')) { writeFileSync('mended', ''); throw new Error('no database'); } };`,
  });
  const { code, err } = run(cwd, '--workers', '1', '--retries', '1', '--', 'vitest', 'run');
  expect([code, err.match(/attempt 1 failed/g)?.length]).toEqual([0, 1]);
});

test('run: nothing matches -> 5; 0 if the command or its config allows it, and the run says so', () => {
  const cwd = newSuite();
  expect(run(cwd, '--', 'vitest', 'run', 'no-such').code).toBe(5);
  const allowed = run(cwd, '--', 'vitest', 'run', '--passWithNoTests', 'no-such');
  expect([allowed.code, allowed.err]).toEqual([0, expect.stringContaining('finds no test files, and says that this is fine')]);
  const config = newSuite({ 'vitest.config.js': 'export default { test: { passWithNoTests: true, bail: 1 } };' });
  const told = run(config, '--', 'vitest', 'run', 'no-such');
  expect([told.code, told.err]).toEqual([0, expect.stringContaining("bail: 1 of vitest's config is left out; use --fail-fast")]);
});

test('run: snapshots are to be written -> here as asked, on other machines refused', () => {
  const cwd = newSuite({ 'a.test.js': "import { expect, test } from 'vitest';\ntest('a', () => expect(1).toMatchSnapshot());" });
  expect(run(cwd, '--workers', '1', '--', 'vitest', 'run', '-u', 'a.test').code).toBe(0);
  const there = run(cwd, '--connect', 'http://127.0.0.1:9', '--token', 'x', '--', 'vitest', 'run', '-u');
  expect([there.code, there.err]).toEqual([2, expect.stringContaining('leave --connect out')]);
});
