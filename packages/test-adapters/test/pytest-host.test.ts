import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { describeExit, listUnits } from '../src/io/host.ts';
import { copyFixture, grades, openSession, pathsBelow, plainEnvironment, type Session } from './support/host-session.ts';

// Real processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** Every Python here that has pytest: the one on PATH and the system's may have different versions. */
const pythons = ['python3', '/usr/bin/python3'].filter((python) => spawnSync(python, ['-c', 'import pytest']).status === 0);
if (pythons.length === 0 && process.env['CI']) throw new Error('no Python with pytest: apt-get install python3-pytest');

const environment = { PYTHONDONTWRITEBYTECODE: '1' };
const open = (cwd: string, python: string, args: readonly string[] = [], slot = 0): Promise<Session> =>
  openSession('pytest', cwd, { args, slot, env: environment, options: { command: [python, '-m', 'pytest'] } });

/** Other plugins of the machine may make folders of their own, natively as well. */
const files = (folder: string): string[] => pathsBelow(folder).filter((path) => !path.startsWith('.benchmarks'));

test.for(pythons)(
  'trap 12, pytest host, %s: addopts stop at the first failure, a module is broken -> every file runs, once, and nothing is written',
  async (python) => {
    using fixture = copyFixture('pytest-basic');
    const before = files(fixture.cwd);
    await using session = await open(fixture.cwd, python, [], 3);
    expect(session.ready.runner).toBe('pytest');
    expect((await session.list()).map(({ file }) => file)).toEqual(
      ['pkg/test_b.py', 'test_a.py', 'test_broken.py', 'test_killed.py', 'test_skipped.py'].map((name) => `tests/${name}`),
    );
    const { cases, end } = await session.run('tests/test_a.py');
    expect(grades(cases)).toEqual([
      'TestArithmetic > test_adds: passed',
      'TestArithmetic > test_differs: failed',
      'TestArithmetic > test_skipped: skipped',
      'test_parameters[a::b]: passed',
      'test_parameters[c]: passed',
      'test_expected: skipped',
      'test_slot: passed',
      'test_setup_fails: failed',
    ]);
    expect(cases[1]).toMatchObject({ file: 'tests/test_a.py', line: 17, attempts: 1 });
    expect(cases[1]?.failure).toMatchObject({
      message: expect.stringMatching(/^(AssertionError: )?assert/),
      stack: expect.stringContaining(`${fixture.cwd}/tests/test_a.py:19:`),
    });
    expect(cases[7]?.failure?.message).toBe('setup failed: RuntimeError: no database');
    expect(end).toMatchObject({ ok: false, cases: 8, errors: [] });
    const broken = await session.run('tests/test_broken.py');
    expect(broken.end).toMatchObject({
      ok: false,
      cases: 0,
      errors: [{ message: expect.stringContaining("No module named 'does_not_exist'") }],
    });
    expect(grades((await session.run('tests/test_skipped.py')).cases)).toEqual(['tests/test_skipped.py: skipped']);
    const mocks = await session.run('tests/pkg/test_b.py');
    expect([mocks.end.ok, mocks.cases.length]).toEqual([true, 2]);
    expect(grades((await session.run('tests/test_a.py')).cases)).toEqual(grades(cases));
    expect(await session.close()).toMatchObject({ code: 0 });
    expect(session.output()).toContain('said by a test');
    expect(files(fixture.cwd)).toEqual(before);
  },
);

test.for(pythons)(
  'P3 pytest host, %s: several files in one process -> session fixtures once, module fixtures end with their file',
  async (python) => {
    using fixture = copyFixture('pytest-basic');
    rmSync(join(fixture.cwd, 'tests/test_broken.py'));
    await using session = await open(fixture.cwd, python, ['-s']);
    for (const file of ['tests/test_a.py', 'tests/pkg/test_b.py', 'tests/test_a.py']) await session.run(file);
    await session.close();
    const said = session.output().match(/(session|module) (setup|teardown)/g);
    expect(said).toEqual(['session setup', 'module setup', 'module teardown', 'module setup', 'module teardown', 'session teardown']);
  },
);

test('pytest host: a test kills its process -> the host dies alike, and its last event names the test', async () => {
  using fixture = copyFixture('pytest-basic');
  const session = await open(fixture.cwd, pythons[0]!);
  await expect(session.run('tests/test_killed.py')).rejects.toThrow('SIGKILL');
  expect(session.at()).toBe('tests/test_killed.py::test_is_killed');
  expect(describeExit(await session.host.exited)).toContain('was killed by SIGKILL');
});

test('trap 12, pytest host: the config does not load, a session fixture fails at its end, everything is deselected -> said', async () => {
  using fixture = copyFixture('pytest-basic');
  const options = { adapter: 'pytest', args: ['-k', 'no_such_test'], options: { command: [pythons[0]!, '-m', 'pytest'] } };
  const list = () => listUnits({ suite: options, cwd: fixture.cwd, env: plainEnvironment(environment) });
  // What does not load is deselected by no filter, and natively red as well.
  expect((await list()).units.map(({ file }) => file)).toEqual(['tests/test_broken.py', 'tests/test_skipped.py']);
  writeFileSync(
    join(fixture.cwd, 'conftest.py'),
    'import pytest\n\n@pytest.fixture(scope="session", autouse=True)\ndef server():\n    yield "up"\n    raise RuntimeError("cannot stop")\n',
  );
  const session = await open(fixture.cwd, pythons[0]!);
  await session.run('tests/pkg/test_b.py');
  const exit = await session.close();
  expect([exit.code, exit.stderrTail]).toEqual([1, expect.stringContaining('cannot stop')]);
  writeFileSync(join(fixture.cwd, 'conftest.py'), 'raise RuntimeError("half a config")\n');
  await expect(list()).rejects.toMatchObject({ code: 'ADAPTER_UNUSABLE', message: expect.stringContaining('half a config') });
  const absent = { ...options, options: { command: [join(fixture.cwd, 'no-python'), '-m', 'pytest'] } };
  await expect(listUnits({ suite: absent, cwd: fixture.cwd, env: plainEnvironment() })).rejects.toMatchObject({
    code: 'ADAPTER_UNUSABLE',
    message: expect.stringContaining('could not be started'),
  });
});

test('pytest host: what pytest can run as one -> the same totals', async () => {
  using fixture = copyFixture('pytest-basic');
  rmSync(join(fixture.cwd, 'tests/test_killed.py'));
  const report = `${fixture.cwd}.xml`;
  const args = [
    '-m',
    'pytest',
    '--maxfail=0',
    '--continue-on-collection-errors',
    '-o',
    `cache_dir=${report}.cache`,
    `--junitxml=${report}`,
  ];
  const env = plainEnvironment({ ...environment, PYTEST_XDIST_WORKER: 'gw0', HOLDFAST_SLOT: '0' });
  const plain = spawnSync(pythons[0]!, args, { cwd: fixture.cwd, env, encoding: 'utf8' });
  expect(existsSync(report)).toBe(true);
  for (const path of [report, `${report}.cache`]) rmSync(path, { recursive: true });
  const told = (word: string): number => Number(new RegExp(`(\\d+) ${word}`).exec(plain.stdout)?.[1] ?? 0);
  await using session = await open(fixture.cwd, pythons[0]!);
  const count = { passed: 0, failed: 0, flaky: 0, skipped: 0 };
  let errors = 0;
  for (const unit of await session.list()) {
    const { cases, end } = await session.run(unit);
    for (const { grade } of cases) count[grade] += 1;
    errors += end.errors.length;
  }
  expect([count.passed, count.failed + errors, count.skipped]).toEqual([
    told('passed'),
    told('failed') + told('errors?'),
    told('skipped') + told('xfailed'),
  ]);
  expect(count.passed).toBe(6);
});
