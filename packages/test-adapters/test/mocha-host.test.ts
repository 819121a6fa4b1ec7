import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { describeExit, listUnits } from '../src/io/host.ts';
import { copyFixture, grades, openSession, pathsBelow, plainEnvironment } from './support/host-session.ts';

// Real processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

test('trap 10, mocha host: a spec in the config, a broken file -> all files are listed, a unit runs its own alone', async () => {
  using fixture = copyFixture('mocha-basic');
  await using session = await openSession('mocha', fixture.cwd);
  expect(session.ready).toMatchObject({ runner: 'mocha', version: '12.0.3' });
  expect((await session.list()).map(({ file }) => file)).toEqual(
    ['a.js', 'a.js.js', 'broken.js', 'hooks.js', 'killed.js', 'late.js', 'mocks.js'].map((name) => `test/${name}`),
  );
  const namesake = await session.run('test/a.js.js');
  expect(grades(namesake.cases)).toEqual(['the namesake: passed']);
  const broken = await session.run('test/broken.js');
  expect(broken.end).toMatchObject({ ok: false, cases: 0, errors: [{ message: expect.stringContaining('does-not-exist') }] });
});

test('trap 10, mocha host: retries, skips, root hooks and shared files, one file twice -> all that the report needs; global fixtures once a process', async () => {
  using fixture = copyFixture('mocha-basic');
  await using session = await openSession('mocha', fixture.cwd);
  const first = await session.run('test/a.js');
  expect(grades(first.cases)).toEqual([
    'arithmetic > adds: passed',
    'arithmetic > differs: failed',
    'arithmetic > is skipped: skipped',
    'arithmetic > is to do: skipped',
    'with retries > passes at the second try: flaky',
    'with retries > fails at each try: failed',
  ]);
  const [, differs, , , flaky, never] = first.cases;
  expect(differs?.failure).toMatchObject({
    message: expect.stringContaining('AssertionError'),
    stack: expect.stringContaining(`${fixture.cwd}/test/a.js:8:`),
    diff: '- { a: 2 }\n+ { a: 1 }',
  });
  expect([flaky?.attempts, never?.attempts, never?.failure?.message]).toEqual([2, 2, 'TypeError: never works']);
  expect(first.end).toMatchObject({ ok: false, cases: 6, errors: [] });
  await session.run('test/a.js.js');
  expect(session.output().match(/global \w+/g)).toEqual(['global setup']);
  expect(grades((await session.run('test/a.js')).cases)).toEqual(grades(first.cases));
  expect(await session.close()).toMatchObject({ code: 0 });
  expect(session.output()).toContain('global setup --no-deprecation');
  // The second run of a file had a process of its own.
  expect(session.output().match(/global \w+/g)).toEqual(['global setup', 'global teardown', 'global setup', 'global teardown']);
});

test('trap 10, mocha host: failing hooks -> what they hide failed by them, what they hide not is an error of the file', async () => {
  using fixture = copyFixture('mocha-basic');
  await using session = await openSession('mocha', fixture.cwd);
  const { cases, end } = await session.run('test/hooks.js');
  expect(cases.map(({ path, grade, failure }) => [path.join(' > '), grade, failure?.message])).toEqual([
    ['with a failing end > passes before it', 'passed', undefined],
    ['with a failing hook > hidden behind it', 'failed', expect.stringMatching(/^"before all" hook.* failed: no database$/)],
    ['with a failing hook > nested > hidden, too', 'failed', expect.stringMatching(/failed: no database$/)],
  ]);
  expect(end.errors.map(({ message }) => message)).toEqual([expect.stringMatching(/^"after all" hook.* failed: cannot close$/)]);
});

test('trap 10, mocha host: time and fs are mocked for good, something is thrown late -> results still come, and nothing is green', async () => {
  using fixture = copyFixture('mocha-basic');
  await using session = await openSession('mocha', fixture.cwd);
  const mocks = await session.run('test/mocks.js');
  expect([mocks.end.ok, mocks.cases.map(({ grade }) => grade)]).toEqual([true, ['passed']]);
  expect((await session.run('test/a.js.js')).end).toMatchObject({ ok: true, cases: 1 });
  await session.close();
  {
    await using late = await openSession('mocha', fixture.cwd);
    const first = await late.run('test/late.js');
    const second = first.end.ok ? await late.run('test/a.js.js') : undefined;
    expect(JSON.stringify([first, second, (await late.close()).stderrTail])).toContain('too late');
  }
});

test.for([0, 1, 2, 3, 4, 5, 6])(
  'M4 mocha host: something is thrown %i turns after a test -> heard, whoever listens in that turn',
  async (turns) => {
    using fixture = copyFixture('mocha-basic');
    const later = `${'setImmediate(() => '.repeat(turns)}setImmediate(() => { throw new Error('too late'); })${')'.repeat(turns)}`;
    writeFileSync(join(fixture.cwd, 'test/later.js'), `it('is over', () => { ${later}; });`);
    await using session = await openSession('mocha', fixture.cwd, { args: ['--no-config', 'test/later.js', 'test/a.js.js'] });
    const first = await session.run('test/later.js');
    const second = first.end.ok ? await session.run('test/a.js.js') : undefined;
    const told = JSON.stringify([first, second, second && (await session.close()).stderrTail]);
    expect(told).toContain('too late');
  },
);

test('mocha host: a test kills its process -> the host dies alike, and its last event names the test', async () => {
  using fixture = copyFixture('mocha-basic');
  const session = await openSession('mocha', fixture.cwd);
  await expect(session.run('test/killed.js')).rejects.toThrow('SIGKILL');
  expect(session.at()).toBe('is killed');
  expect(describeExit(await session.host.exited)).toContain('was killed by SIGKILL');
});

test('mocha host: modules, a slot, a filter -> run, told apart, what is left out is no case', async () => {
  using fixture = copyFixture('mocha-basic');
  const args = ['--no-config', '--grep', 'module|adds', 'test/module.mjs', 'test/a.js.js'];
  await using session = await openSession('mocha', fixture.cwd, { args, slot: 3 });
  expect(await session.list()).toEqual([{ file: 'test/a.js.js' }, { file: 'test/module.mjs' }]);
  expect((await session.run('test/a.js.js')).end).toMatchObject({ ok: true, cases: 0 });
  for (let again = 0; again < 2; again += 1) expect(grades((await session.run('test/module.mjs')).cases)).toEqual(['is a module: passed']);
});

test('mocha host: its global setup throws, its config does not load, it is not installed -> said, and no unit runs', async () => {
  using fixture = copyFixture('mocha-basic');
  const list = (): Promise<unknown> => listUnits({ suite: { adapter: 'mocha', args: [] }, cwd: fixture.cwd, env: plainEnvironment() });
  writeFileSync(join(fixture.cwd, 'setup/hooks.js'), "exports.mochaGlobalSetup = () => { throw new Error('no database'); };\n");
  {
    await using session = await openSession('mocha', fixture.cwd);
    for (const file of ['test/a.js', 'test/a.js.js']) {
      const { cases, end } = await session.run(file);
      expect([cases.length, end.ok, end.broken, end.errors[0]?.message]).toEqual([0, false, true, 'the global setup failed: no database']);
    }
  }
  writeFileSync(join(fixture.cwd, 'setup/hooks.js'), "throw new Error('half a setup');\n");
  await expect(list()).rejects.toMatchObject({ code: 'ADAPTER_UNUSABLE', message: expect.stringContaining('half a setup') });
  writeFileSync(join(fixture.cwd, '.mocharc.json'), '{ no json');
  await expect(list()).rejects.toMatchObject({ code: 'ADAPTER_UNUSABLE', message: expect.stringContaining('.mocharc.json') });
  rmSync(join(fixture.cwd, 'node_modules'));
  await expect(list()).rejects.toMatchObject({ code: 'ADAPTER_UNUSABLE', message: expect.stringContaining('mocha is not installed') });
});

test('mocha host: the files that mocha can run as one -> the same totals, and nothing written', async () => {
  using fixture = copyFixture('mocha-basic');
  for (const name of ['killed', 'late', 'broken', 'mocks', 'hooks']) rmSync(join(fixture.cwd, `test/${name}.js`));
  const before = pathsBelow(fixture.cwd);
  const program = join(fixture.cwd, 'node_modules/mocha/bin/mocha.js');
  const report = `${fixture.cwd}.json`;
  const args = [program, '--reporter', 'json', '--reporter-option', `output=${report}`, '--no-parallel', '--no-bail'];
  spawnSync(process.execPath, args, { cwd: fixture.cwd, env: plainEnvironment(), stdio: 'ignore' });
  const { stats } = JSON.parse(readFileSync(report, 'utf8')) as { stats: Record<string, number> };
  rmSync(report);
  await using session = await openSession('mocha', fixture.cwd);
  const count = { passed: 0, failed: 0, flaky: 0, skipped: 0 };
  for (const unit of await session.list()) for (const { grade } of (await session.run(unit)).cases) count[grade] += 1;
  expect([count.passed + count.flaky, count.failed, count.skipped]).toEqual([stats['passes'], stats['failures'], stats['pending']]);
  expect(stats['tests']).toBe(7);
  expect(pathsBelow(fixture.cwd)).toEqual(before);
});
