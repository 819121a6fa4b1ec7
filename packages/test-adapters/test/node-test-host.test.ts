import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { copyFixture, grades, openSession, plainEnvironment } from './support/host-session.ts';

// Real processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

test('trap 13, node:test host: no list command -> the default patterns, node_modules left out, sorted', async () => {
  using fixture = copyFixture('node-basic');
  await using session = await openSession('node-test', fixture.cwd);
  const files = (await session.list()).map(({ file }) => file);
  expect(files).toEqual([
    'lib/sum-test.mjs',
    'test/a.test.js',
    'test/broken.test.js',
    'test/empty.test.js',
    'test/exit.test.js',
    'test/hooks.test.js',
    'test/killed.test.js',
    'test/late.test.js',
  ]);
});

test('node:test host: patterns and folders -> what they select; a plain name that is not there -> unusable', async () => {
  using fixture = copyFixture('node-basic');
  const list = async (...patterns: string[]): Promise<string[]> => {
    await using session = await openSession('node-test', fixture.cwd, { options: { patterns } });
    return (await session.list()).map(({ file }) => file);
  };
  expect(await list('test/{a,late}.test.js', './test/a.test.js')).toEqual(['test/a.test.js', 'test/late.test.js']);
  expect(await list('lib')).toEqual(['lib/sum-test.mjs']);
  expect(await list('test/{a,late}.test.js', '!**/a.*')).toEqual(['test/late.test.js']);
  expect(await list('nothing/*.js')).toEqual([]);
  await expect(list('nothing.js')).rejects.toThrow('no such test file: nothing.js');
});

test('trap 13, node:test host: suites, subtests, skipped and to-do tests -> cases with path, line and grade', async () => {
  using fixture = copyFixture('node-basic');
  await using session = await openSession('node-test', fixture.cwd);
  expect(session.ready).toMatchObject({ runner: 'node:test', version: process.version.slice(1) });
  const { cases, end } = await session.run('test/a.test.js');
  expect(grades(cases)).toEqual([
    'arithmetic > adds: passed',
    'arithmetic > nested > differs: failed',
    'arithmetic > is skipped: skipped',
    'arithmetic > is to do: skipped',
    'with parts > the first part: passed',
    'with parts > the second part: failed',
    'with parts: failed',
  ]);
  expect(cases[1]).toMatchObject({
    file: 'test/a.test.js',
    line: 10,
    attempts: 1,
    failure: { message: expect.stringContaining('deep-equal') },
  });
  expect(cases[1]?.failure?.stack).toContain('a.test.js:10:');
  expect(end).toMatchObject({ ok: false, cases: 7, errors: [] });
  expect(session.output()).toContain('said by a test');
});

test('traps 6 and 13, node:test host: files that do not load, die, throw late or exit badly -> never ok, errors of the file; the host lives', async () => {
  using fixture = copyFixture('node-basic');
  await using session = await openSession('node-test', fixture.cwd);
  const errors = async (file: string): Promise<unknown> => {
    const { cases, end } = await session.run(file);
    expect(end.ok).toBe(false);
    return [
      cases.map(({ grade }) => grade).join(),
      end.errors.map(({ message }) => message.split(' imported from')[0]?.replace(/'.*'/, 'it')).join(),
    ];
  };
  expect(await errors('test/broken.test.js')).toEqual([
    '',
    'the process of the test file ended with exit code 1; Error [ERR_MODULE_NOT_FOUND]: Cannot find module it',
  ]);
  expect(await errors('test/killed.test.js')).toEqual(['', 'the process of the test file was killed by SIGKILL']);
  expect(await errors('test/late.test.js')).toEqual(['passed', expect.stringContaining('ended with exit code 1; Error')]);
  expect(await errors('test/exit.test.js')).toEqual(['passed', 'the process of the test file ended with exit code 3']);
  expect(await errors('test/hooks.test.js')).toEqual([
    'failed',
    expect.stringContaining('in with a failing hook: failed running before hook'),
  ]);
  expect(await errors('test/gone.test.js')).toEqual(['', 'the file test/gone.test.js does not exist']);
  const { cases, end } = await session.run('test/empty.test.js');
  expect([end.ok, grades(cases)]).toEqual([true, ['test/empty.test.js: passed']]);
  expect(await session.close()).toMatchObject({ code: 0 });
});

test('node:test host: all files -> the same totals as node --test, but for the files that it counts as tests', async () => {
  using fixture = copyFixture('node-basic');
  const plain = spawnSync(process.execPath, ['--test', '--test-reporter=tap'], {
    cwd: fixture.cwd,
    env: plainEnvironment(),
    encoding: 'utf8',
  });
  const total = (name: string): number => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(plain.stdout)?.[1]);
  await using session = await openSession('node-test', fixture.cwd);
  const count = { passed: 0, failed: 0, flaky: 0, skipped: 0 };
  let deadFiles = 0;
  for (const unit of await session.list()) {
    const { cases, end } = await session.run(unit);
    for (const { grade } of cases) count[grade] += 1;
    deadFiles += end.errors.filter(({ message }) => message.startsWith('the process of the test file')).length;
  }
  expect({ passed: count.passed, failed: count.failed + deadFiles, skipped: count.skipped }).toEqual({
    passed: total('pass'),
    failed: total('fail') + total('cancelled'),
    skipped: total('skipped') + total('todo'),
  });
  expect([total('tests') > 10, deadFiles]).toEqual([true, 4]);
});

test('trap 8, node:test host: flags and the slot -> reach the process of the test', async () => {
  using fixture = copyFixture('node-basic');
  mkdirSync(join(fixture.cwd, 'flags'));
  writeFileSync(join(fixture.cwd, 'flags/setup.mjs'), 'globalThis.loadedFirst = true;\n');
  writeFileSync(
    join(fixture.cwd, 'flags/a.test.mjs'),
    `import { test } from 'node:test';
    test('seen', () => console.log('worker', process.env.NODE_TEST_WORKER_ID, globalThis.loadedFirst));
    test('not seen', () => console.log('wrong'));\n`,
  );
  await using session = await openSession('node-test', fixture.cwd, {
    slot: 3,
    args: ['--import', './flags/setup.mjs', '--test-name-pattern=^seen'],
  });
  const { cases, end } = await session.run('flags/a.test.mjs');
  expect([end.ok, grades(cases)]).toEqual([true, ['seen: passed']]);
  expect(session.output()).toContain('worker 4 true');
  expect(session.output()).not.toContain('wrong');
});

test("hosts: the folders of a project's programs -> in front of PATH, as under npx and scripts", async () => {
  using fixture = copyFixture('node-basic');
  const file = join(fixture.cwd, 'lib/deep/path-test.mjs');
  mkdirSync(join(fixture.cwd, 'lib/deep'));
  writeFileSync(file, 'console.log(`PATH=${process.env.PATH}`);\n');
  await using session = await openSession('node-test', fixture.cwd, { env: { PATH: '/usr/bin' } });
  await session.run('lib/deep/path-test.mjs');
  await session.close();
  expect(session.output()).toMatch(new RegExp(`^PATH=${join(fixture.cwd, 'node_modules/.bin')}:.*:/node_modules/.bin:/usr/bin$`, 'm'));
});
