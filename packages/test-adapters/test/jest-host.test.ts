import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { describeExit, listUnits } from '../src/io/host.ts';
import { copyFixture, grades, openSession, pathsBelow, plainEnvironment } from './support/host-session.ts';

// Real processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

test('trap 9, jest host: retries, skips, to-dos and snapshots in one warm host -> each case once, with its tries; global setup once', async () => {
  using fixture = copyFixture('jest-basic');
  await using session = await openSession('jest', fixture.cwd, { slot: 2 });
  expect(session.ready).toMatchObject({ runner: 'jest', version: '30.5.2' });
  const first = await session.run('test/a.test.js');
  expect(grades(first.cases)).toEqual([
    'arithmetic > adds: passed',
    'arithmetic > differs: failed',
    'arithmetic > is skipped: skipped',
    'arithmetic > is to do: skipped',
    'with retries > passes at the second try: flaky',
    'with retries > fails at each try: failed',
  ]);
  const [adds, differs, , , flaky, never] = first.cases;
  expect(adds).toMatchObject({ file: 'test/a.test.js', line: 3, attempts: 1 });
  expect(differs?.failure).toMatchObject({
    message: expect.stringContaining('expect(received).toEqual(expected)'),
    stack: expect.stringContaining(`${fixture.cwd}/test/a.test.js:8:`),
  });
  expect([flaky?.attempts, never?.attempts, never?.failure?.message]).toEqual([2, 3, 'TypeError: never works']);
  expect(first.end).toMatchObject({ ok: false, cases: 6, errors: [] });
  const slot = await session.run('test/slot.test.js');
  expect(slot.end).toMatchObject({ ok: true, cases: 1 });
  const again = await session.run('test/a.test.js');
  expect(grades(again.cases)).toEqual(grades(first.cases));
  expect(await session.close()).toMatchObject({ code: 0 });
  expect(session.output().match(/global (setup|teardown)/g)).toEqual(['global setup', 'global teardown']);
  expect(session.output()).toContain('slot 3 yes');
});

test('traps 2 and 9, jest host: names that begin each other, a file that does not load, a failing hook, mocks of time and fs -> exact, and told', async () => {
  using fixture = copyFixture('jest-basic');
  await using session = await openSession('jest', fixture.cwd);
  expect(await session.list()).toContainEqual({ file: 'test/a.test.jsx' });
  const namesake = await session.run('test/a.test.jsx');
  expect(grades(namesake.cases)).toEqual(['the namesake: passed']);
  const broken = await session.run('test/broken.test.js');
  expect(broken.end).toMatchObject({ ok: false, cases: 0, errors: [{ message: expect.stringContaining('does-not-exist') }] });
  const hooks = await session.run('test/hooks.test.js');
  expect(grades(hooks.cases)).toEqual(['with a failing hook > hidden behind it: failed', 'beside it: passed']);
  expect((await session.run('test/mocks.test.js')).end).toMatchObject({ ok: true, cases: 1 });
  const gone = await session.run('test/gone.test.js');
  expect(gone.end).toMatchObject({ ok: false, errors: [{ message: 'the file test/gone.test.js does not exist' }] });
});

test('trap 9, jest host: --ci is what the user says -> snapshots are written without it, failed with it', async () => {
  using fixture = copyFixture('jest-basic');
  const file = join(fixture.cwd, 'test/__snapshots__/snapshot.test.js.snap');
  {
    await using session = await openSession('jest', fixture.cwd, { args: ['--ci'] });
    const { end } = await session.run('test/snapshot.test.js');
    expect([end.ok, existsSync(file)]).toEqual([false, false]);
  }
  await using session = await openSession('jest', fixture.cwd);
  const { end } = await session.run('test/snapshot.test.js');
  expect([end.ok, readFileSync(file, 'utf8').includes('kept')]).toEqual([true, true]);
});

test('trap 9, jest host: a test kills its process -> the host is gone, and its last event names the test', async () => {
  using fixture = copyFixture('jest-basic');
  const session = await openSession('jest', fixture.cwd);
  await expect(session.run('test/killed.test.js')).rejects.toThrow('SIGKILL');
  expect(session.at()).toBe('is killed');
  expect(describeExit(await session.host.exited)).toContain('was killed by SIGKILL');
});

test('jest host: two projects share a file -> a unit for each; the global setup of one runs for it alone; its config is serial', async () => {
  using fixture = copyFixture('jest-projects');
  const listing = await listUnits({ suite: { adapter: 'jest', args: [] }, cwd: fixture.cwd, env: plainEnvironment() });
  expect(listing.units).toEqual([
    { file: 'one/one.test.js', project: 'one' },
    { file: 'shared/shared.test.js', project: 'one' },
    { file: 'shared/shared.test.js', project: 'two' },
  ]);
  expect(listing.serial).toBe(true);
  await using session = await openSession('jest', fixture.cwd, { args: ['--selectProjects', 'one', 'two'] });
  const one = await session.run({ file: 'shared/shared.test.js', project: 'one' });
  expect(one.cases).toMatchObject([{ path: ['knows its project'], project: 'one', grade: 'passed' }]);
  expect(session.output()).not.toContain('global setup');
  expect((await session.run({ file: 'shared/shared.test.js', project: 'two' })).end.ok).toBe(true);
  expect(session.output()).toContain('global setup of two');
  const unknown = await session.run({ file: 'shared/shared.test.js', project: 'three' });
  expect(unknown.end.errors[0]?.message).toContain('there is no project "three"; jest has one, two');
});

test('J3 jest host: the global setup throws -> no unit runs without it, now or later', async () => {
  using fixture = copyFixture('jest-basic');
  writeFileSync(join(fixture.cwd, 'global-setup.js'), "module.exports = () => { throw new Error('no database'); };\n");
  await using session = await openSession('jest', fixture.cwd);
  for (const file of ['test/slot.test.js', 'test/a.test.jsx']) {
    const { cases, end } = await session.run(file);
    expect([cases.length, end.ok, end.broken, end.errors[0]?.message]).toEqual([0, false, true, 'the global setup failed: no database']);
  }
});

test('jest host: a config that throws, no jest, a jest that is too old -> unusable, and says why', async () => {
  using fixture = copyFixture('jest-basic');
  const list = (): Promise<unknown> => listUnits({ suite: { adapter: 'jest', args: [] }, cwd: fixture.cwd, env: plainEnvironment() });
  writeFileSync(join(fixture.cwd, 'jest.config.js'), "throw new Error('half a config');\n");
  await expect(list()).rejects.toMatchObject({ code: 'ADAPTER_UNUSABLE', message: expect.stringContaining('half a config') });
  rmSync(join(fixture.cwd, 'node_modules'));
  await expect(list()).rejects.toMatchObject({ code: 'ADAPTER_UNUSABLE', message: expect.stringContaining('jest is not installed') });
});

test('jest host: all files one by one -> the same totals as jest itself, and nothing written', async () => {
  using fixture = copyFixture('jest-basic');
  // Jest itself says nothing of the cases of a process that was killed.
  rmSync(join(fixture.cwd, 'test/killed.test.js'));
  const before = pathsBelow(fixture.cwd);
  const plain = spawnSync(process.execPath, [join(fixture.cwd, 'node_modules/jest/bin/jest.js'), '--json', '--ci', '--bail=0'], {
    cwd: fixture.cwd,
    env: plainEnvironment(),
    encoding: 'utf8',
  });
  const report = JSON.parse(plain.stdout.slice(plain.stdout.indexOf('{'))) as Record<string, number>;
  await using session = await openSession('jest', fixture.cwd, { args: ['--ci'] });
  const count = { passed: 0, failed: 0, flaky: 0, skipped: 0 };
  let broken = 0;
  for (const unit of await session.list()) {
    const { cases, end } = await session.run(unit);
    for (const { grade } of cases) count[grade] += 1;
    if (end.errors.length > 0) broken += 1;
  }
  expect({ passed: count.passed + count.flaky, failed: count.failed, skipped: count.skipped, broken }).toEqual({
    passed: report['numPassedTests'],
    failed: report['numFailedTests'],
    skipped: report['numPendingTests']! + report['numTodoTests']!,
    broken: report['numRuntimeErrorTestSuites'],
  });
  expect(report['numTotalTests']).toBeGreaterThan(8);
  expect(pathsBelow(fixture.cwd)).toEqual(before);
});
