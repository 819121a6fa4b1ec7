import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { listUnits } from '../src/io/host.ts';
import { copyFixture, grades, openSession, plainEnvironment, workspace } from './support/host-session.ts';

// Real processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** Every file below a folder with its content; links, so node_modules, are left out. */
function tree(folder: string): Record<string, string> {
  return Object.assign(
    {},
    ...readdirSync(folder, { withFileTypes: true }).map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return tree(path);
      return entry.isFile() ? { [path]: readFileSync(path, 'utf8') } : {};
    }),
  ) as Record<string, string>;
}

test('trap 1, vitest host: files are listed and one is run -> nothing of the project is written or overwritten', async () => {
  using fixture = copyFixture('vitest-basic');
  const before = tree(fixture.cwd);
  await using session = await openSession('vitest', fixture.cwd, { args: ['--json', 'test/a.test.ts'] });
  await session.list();
  await session.run('test/a.test.ts');
  await session.close();
  expect(tree(fixture.cwd)).toEqual(before);
});

test('trap 2, vitest host: a file whose name begins another -> filters list both, a unit runs one', async () => {
  using fixture = copyFixture('vitest-basic');
  await using session = await openSession('vitest', fixture.cwd, { args: ['test/a.test.ts'] });
  expect(await session.list()).toEqual([{ file: 'test/a.test.ts' }, { file: 'test/a.test.tsx' }]);
  const { cases, end } = await session.run('test/a.test.tsx');
  expect(grades(cases)).toEqual(['the namesake: passed']);
  expect(end).toMatchObject({ ok: true, cases: 1, errors: [] });
});

test('trap 3, vitest host: one file in two projects and a type check -> three units, each with its own results', async () => {
  using fixture = copyFixture('vitest-projects');
  await using session = await openSession('vitest', fixture.cwd);
  expect(await session.list()).toEqual([
    { file: 'test/shared.test.ts', project: 'one' },
    { file: '.', project: 'two', pool: 'typescript' },
    { file: 'test/shared.test.ts', project: 'two' },
  ]);
  for (const project of ['one', 'two']) {
    const { cases, end } = await session.run({ file: 'test/shared.test.ts', project });
    expect(cases).toMatchObject([{ path: ['knows its project'], project, grade: 'passed' }]);
    expect(end.ok).toBe(true);
  }
  const types = await session.run({ file: '.', project: 'two', pool: 'typescript' });
  expect(types.end.ok).toBe(false);
  expect(types.cases.find(({ grade }) => grade === 'failed')).toMatchObject({
    path: ['a sum is no text'],
    file: 'types/sum.test-d.ts',
    line: 6,
  });
  const unknown = await session.run({ file: 'test/shared.test.ts', project: 'three' });
  expect(unknown.end).toMatchObject({ ok: false, errors: [{ message: expect.stringContaining('vitest has "one", "two"') }] });
});

test('traps 4 and 5, vitest host: one file run twice in a warm host -> all that the report needs, and nothing of the first run in the second', async () => {
  using fixture = copyFixture('vitest-basic');
  await using session = await openSession('vitest', fixture.cwd);
  expect(session.ready).toMatchObject({ runner: 'vitest', version: '5.1.1' });
  const first = await session.run('test/a.test.ts');
  expect(grades(first.cases)).toEqual([
    'arithmetic > adds: passed',
    'arithmetic > nested > differs: failed',
    'arithmetic > is skipped: skipped',
    'arithmetic > is to do: skipped',
    'passes at the second try: flaky',
    'fails at each try: failed',
  ]);
  const [adds, differs, , , flaky, never] = first.cases;
  expect(adds).toMatchObject({ file: 'test/a.test.ts', line: 8, attempts: 1 });
  expect(differs?.failure).toMatchObject({
    message: 'AssertionError: expected { a: 1 } to deeply equal { a: 2 }',
    stack: expect.stringContaining(`${fixture.cwd}/test/a.test.ts:15:`),
    diff: expect.stringContaining('"a": 2'),
  });
  expect(flaky).toMatchObject({ attempts: 2, failure: { message: expect.stringContaining('expected 1 to be 2') } });
  expect(never).toMatchObject({ attempts: 2, failure: { message: '2 errors, the first: TypeError: never works' } });
  expect(first.end).toMatchObject({ ok: false, cases: 6, errors: [] });
  await session.run('test/a.test.tsx');
  const second = await session.run('test/a.test.ts');
  expect(grades(second.cases)).toEqual(grades(first.cases));
  expect(session.output()).toContain('said by a test');
  expect(await session.close()).toMatchObject({ code: 0 });
});

test('trap 6, vitest host: a test kills its process, another throws when it is over -> never ok, errors say so, the host lives', async () => {
  using fixture = copyFixture('vitest-basic');
  await using session = await openSession('vitest', fixture.cwd);
  const killed = await session.run('test/killed.test.ts');
  expect(killed.end.ok).toBe(false);
  expect(killed.end.errors.map(({ message }) => message)).toContain('the process that ran test/killed.test.ts died before the file ended');
  const late = await session.run('test/late.test.ts');
  expect(late.cases.map(({ grade }) => grade)).toEqual(['passed', 'passed']);
  expect(late.end).toMatchObject({ ok: false, errors: [{ message: 'unhandled: too late' }] });
  const after = await session.run('test/a.test.tsx');
  expect(after.end).toMatchObject({ ok: true, cases: 1, errors: [] });
});

test('trap 6, vitest host: a file that does not load, a hook that fails, a file that is gone -> failed with their errors, not lost', async () => {
  using fixture = copyFixture('vitest-basic');
  await using session = await openSession('vitest', fixture.cwd);
  const broken = await session.run('test/broken.test.ts');
  expect(broken.end).toMatchObject({ ok: false, cases: 0, errors: [{ message: expect.stringContaining('does-not-exist') }] });
  const hooks = await session.run('test/hooks.test.ts');
  expect(hooks.end).toMatchObject({ ok: false, errors: [{ message: 'in with a failing hook: no database' }] });
  expect(grades(hooks.cases)).toEqual(['with a failing hook > hidden behind it: skipped', 'a skipped suite > inside: skipped']);
  const gone = await session.run('test/gone.test.ts');
  expect(gone.end).toMatchObject({ ok: false, cases: 0, errors: [{ message: 'the file test/gone.test.ts does not exist' }] });
});

test('trap 8, vitest host: two slots, also without isolation -> other pool ids from the first setup file on; global setup once', async () => {
  using fixture = copyFixture('vitest-shared');
  const printed = await Promise.all(
    [0, 4].map(async (slot) => {
      await using session = await openSession('vitest', fixture.cwd, { slot });
      expect((await session.run('test/a.test.js')).end.ok).toBe(true);
      expect((await session.run('test/b.test.js')).end.ok).toBe(true);
      await session.close();
      return session.output();
    }),
  );
  expect(printed).toEqual([0, 4].map((slot) => `global setup\n${`slot ${slot + 1} ${slot + 1} ${slot + 1}\n`.repeat(2)}global teardown\n`));
});

test('vitest host: snapshots -> written on a machine of a person, failed in CI, as vitest does', async () => {
  using fixture = copyFixture('vitest-basic');
  const file = join(fixture.cwd, 'test/__snapshots__/snapshot.test.ts.snap');
  {
    await using session = await openSession('vitest', fixture.cwd, { env: { CI: 'true' } });
    const { end, cases } = await session.run('test/snapshot.test.ts');
    expect([end.ok, cases[0]?.grade, existsSync(file)]).toEqual([false, 'failed', false]);
  }
  await using session = await openSession('vitest', fixture.cwd);
  const { end } = await session.run('test/snapshot.test.ts');
  expect([end.ok, readFileSync(file, 'utf8').includes('is kept')]).toEqual([true, true]);
});

test('vitest host: all files one by one -> the same totals as vitest run with its JSON reporter', async () => {
  using fixture = copyFixture('vitest-basic');
  // vitest itself says nothing of the cases of a process that was killed.
  rmSync(join(fixture.cwd, 'test/killed.test.ts'));
  const report = join(fixture.cwd, 'report.json');
  spawnSync(process.execPath, [join(workspace, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=json', `--outputFile=${report}`], {
    cwd: fixture.cwd,
    env: plainEnvironment({ CI: 'true' }),
    stdio: 'ignore',
  });
  const plain = JSON.parse(readFileSync(report, 'utf8')) as Record<string, unknown>;
  await using session = await openSession('vitest', fixture.cwd, { env: { CI: 'true' } });
  const count = { passed: 0, failed: 0, flaky: 0, skipped: 0 };
  let files = 0;
  for (const unit of await session.list()) {
    files += 1;
    for (const { grade } of (await session.run(unit)).cases) count[grade] += 1;
  }
  expect({ files, passed: count.passed + count.flaky, failed: count.failed, skipped: count.skipped }).toEqual({
    files: (plain['testResults'] as unknown[]).length,
    passed: plain['numPassedTests'],
    failed: plain['numFailedTests'],
    skipped: (plain['numPendingTests'] as number) + (plain['numTodoTests'] as number),
  });
  expect(plain['numTotalTests']).toBeGreaterThan(10);
});

test('vitest host: a name filter that leaves a file without tests -> ok, all of it skipped', async () => {
  using fixture = copyFixture('vitest-basic');
  await using session = await openSession('vitest', fixture.cwd, { args: ['-t', 'adds'] });
  expect((await session.run('test/a.test.tsx')).end).toMatchObject({ ok: true, errors: [] });
  const { cases, end } = await session.run('test/a.test.ts');
  expect(end.ok).toBe(true);
  expect(grades(cases).filter((text) => text.endsWith('passed'))).toEqual(['arithmetic > adds: passed']);
});

test('V4 vitest host: the global setup throws -> no unit runs without it, now or later', async () => {
  using fixture = copyFixture('vitest-shared');
  writeFileSync(join(fixture.cwd, 'global.js'), "export const setup = () => { throw new Error('no database'); };\n");
  await using session = await openSession('vitest', fixture.cwd);
  for (const file of ['test/a.test.js', 'test/b.test.js']) {
    const { cases, end } = await session.run(file);
    expect([cases.length, end.ok, end.errors.map(({ message }) => message)]).toEqual([0, false, ['vitest did not run: no database']]);
    expect(end.broken).toBe(true);
  }
});

test('vitest host: an environment that vite serves like a browser, the host outside the project -> its setup file loads', async () => {
  using fixture = copyFixture('vitest-shared');
  const environment = join(fixture.cwd, 'web.js');
  writeFileSync(
    environment,
    "export default { name: 'web', viteEnvironment: 'client', transformMode: 'web', setup: () => ({ teardown() {} }) };\n",
  );
  await using session = await openSession('vitest', fixture.cwd, { slot: 2, args: [`--environment=${environment}`] });
  expect((await session.run('test/a.test.js')).end).toMatchObject({ ok: true, errors: [] });
  expect(session.output()).toContain('slot 3 3 3');
});

test('vitest host: its config asks for bail, coverage and empty runs -> the list tells what is left out and what is allowed', async () => {
  using fixture = copyFixture('vitest-shared');
  writeFileSync(
    join(fixture.cwd, 'vitest.config.js'),
    'export default { test: { bail: 2, coverage: { enabled: true }, passWithNoTests: true } };\n',
  );
  {
    await using session = await openSession('vitest', fixture.cwd);
    expect((await session.run('test/a.test.js')).end.ok).toBe(true);
  }
  expect(existsSync(join(fixture.cwd, 'coverage'))).toBe(false);
  const suite = { adapter: 'vitest', args: ['no-such-file'] };
  expect(await listUnits({ suite, cwd: fixture.cwd, env: plainEnvironment() })).toMatchObject({
    units: [],
    passWithNoTests: true,
    notes: [
      "bail: 2 of vitest's config is left out; use --fail-fast",
      "coverage of vitest's config is left out: it is not collected from several processes yet",
    ],
  });
  writeFileSync(join(fixture.cwd, 'vitest.config.js'), 'export default {};\n');
  expect(await listUnits({ suite, cwd: fixture.cwd, env: plainEnvironment() })).toMatchObject({ passWithNoTests: false, notes: [] });
});

test('vitest host: output of passed tests is silenced -> only that of failed ones comes, and what bypasses the console', async () => {
  using fixture = copyFixture('vitest-shared');
  writeFileSync(
    join(fixture.cwd, 'test/loud.test.js'),
    `import { test } from 'vitest';
    test('passes', () => console.log('said in vain'));
    test('fails', () => { console.error('said for a reason'); process.stdout.write('written\\n'); throw new Error('no'); });\n`,
  );
  await using session = await openSession('vitest', fixture.cwd, { args: ['--silent=passed-only'] });
  await session.run('test/loud.test.js');
  await session.close();
  const printed = session.output();
  expect(['said in vain', 'said for a reason', 'written'].map((text) => printed.includes(text))).toEqual([false, true, true]);
});

test('vitest host: the global teardown throws -> the host ends with 1, as vitest does', async () => {
  using fixture = copyFixture('vitest-shared');
  writeFileSync(join(fixture.cwd, 'global.js'), "export const setup = () => () => { throw new Error('no goodbye'); };\n");
  await using session = await openSession('vitest', fixture.cwd);
  expect((await session.run('test/a.test.js')).end.ok).toBe(true);
  expect(await session.close()).toMatchObject({ code: 1, stderrTail: expect.stringContaining('no goodbye') });
});

test('vitest host: a config that bails -> each unit runs all the same, in the order of its owner', async () => {
  using fixture = copyFixture('vitest-basic');
  writeFileSync(join(fixture.cwd, 'vitest.config.js'), 'export default { test: { bail: 1 } };\n');
  await using session = await openSession('vitest', fixture.cwd, { args: ['./test/a.test.tsx'] });
  expect(await session.list()).toEqual([{ file: 'test/a.test.tsx' }]);
  expect((await session.run('test/a.test.ts')).cases).toHaveLength(6);
  expect((await session.run('test/a.test.tsx')).end).toMatchObject({ ok: true, cases: 1 });
});

test('vitest host: a config that throws, no vitest -> unusable with the reason', async () => {
  using fixture = copyFixture('vitest-basic');
  writeFileSync(join(fixture.cwd, 'vitest.config.js'), 'throw new Error("no config today");\n');
  await expect(openSession('vitest', fixture.cwd)).rejects.toThrow(/unusable.*no config today/s);
  rmSync(join(fixture.cwd, 'node_modules'));
  await expect(openSession('vitest', fixture.cwd)).rejects.toThrow(/unusable.*vitest is not installed in/s);
});
