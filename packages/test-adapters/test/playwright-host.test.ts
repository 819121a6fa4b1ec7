import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { listUnits } from '../src/io/host.ts';
import { copyFixture, grades, openSession, plainEnvironment } from './support/host-session.ts';

// Real browsers on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
if (CHROMIUM === undefined && process.env['CI']) throw new Error('no Chromium: apt-get install chromium');
const env = { CHROMIUM };

test.skipIf(CHROMIUM === undefined)(
  'trap 11, playwright host: a file that does not load, projects that depend on others, a real page -> each unit is exact and has its own results',
  async () => {
    using fixture = copyFixture('playwright-basic');
    await using session = await openSession('playwright', fixture.cwd, { env, slot: 1 });
    expect(session.ready).toMatchObject({ runner: 'playwright', version: '1.65.1' });
    expect(await session.list()).toEqual([
      { file: 'tests/broken.spec.js' },
      { file: 'tests/a.spec.js', project: 'one' },
      { file: 'tests/a.spec.ts', project: 'one' },
      { file: 'tests/aa.spec.js', project: 'one' },
      { file: 'tests/killed.spec.js', project: 'one' },
      { file: 'tests/set-up.js', project: 'set up' },
      { file: 'tests/a.spec.js', project: 'two' },
    ]);
    const first = await session.run({ file: 'tests/a.spec.js', project: 'one' });
    expect(grades(first.cases)).toEqual([
      'a page > is real: passed',
      'a page > is skipped: skipped',
      'fails at each try: failed',
      'passes at the second try: flaky',
      'is expected to fail: passed',
    ]);
    const [real, , never, flaky] = first.cases;
    expect(real).toMatchObject({ file: 'tests/a.spec.js', project: 'one', line: 3, attempts: 1 });
    expect(never).toMatchObject({ attempts: 2, failure: { stack: expect.stringContaining(`${fixture.cwd}/tests/a.spec.js:12:`) } });
    expect(flaky).toMatchObject({ attempts: 2 });
    expect(first.end).toMatchObject({ ok: false, cases: 5, errors: [] });
    const broken = await session.run('tests/broken.spec.js');
    expect(broken.end).toMatchObject({ ok: false, cases: 0, errors: [{ message: expect.stringContaining('does-not-exist') }] });
    const killed = await session.run({ file: 'tests/killed.spec.js', project: 'one' });
    expect([killed.end.ok, grades(killed.cases)]).toEqual([false, ['is killed: failed', 'beside it: passed']]);
    const namesake = await session.run({ file: 'tests/a.spec.ts', project: 'one' });
    expect([namesake.end.ok, grades(namesake.cases)]).toEqual([true, ['another: passed']]);
    await session.close();
    // What project one depends on ran once for all its files.
    expect(session.output().match(/^set up$/gm)).toEqual(['set up']);
    expect(session.output()).toContain('said by a test');
    expect(existsSync(join(fixture.cwd, 'must-not-appear'))).toBe(false);
    expect(existsSync(join(fixture.cwd, 'test-results/slot-2'))).toBe(true);
  },
);

test('playwright host: a config that throws, a web server, a project that fails before others, no playwright -> said', async () => {
  using fixture = copyFixture('playwright-basic');
  const list = () => listUnits({ suite: { adapter: 'playwright', args: [] }, cwd: fixture.cwd, env: plainEnvironment() });
  rmSync(join(fixture.cwd, 'tests/broken.spec.js'));
  writeFileSync(
    join(fixture.cwd, 'tests/set-up.js'),
    "require('@playwright/test').test('signs in', () => { throw new Error('no account'); });\n",
  );
  await using session = await openSession('playwright', fixture.cwd);
  const { cases, end } = await session.run({ file: 'tests/aa.spec.js', project: 'one' });
  expect([cases.length, end.errors[0]?.message]).toEqual([0, 'the project set up, which one depends on, failed: no account']);
  const config = join(fixture.cwd, 'playwright.config.js');
  writeFileSync(config, "module.exports = { webServer: { command: 'true', port: 1 } };\n");
  expect(await list()).toMatchObject({ serial: true, notes: [expect.stringContaining('web server')] });
  writeFileSync(config, "throw new Error('half a config');\n");
  await expect(list()).rejects.toMatchObject({ code: 'ADAPTER_UNUSABLE', message: expect.stringContaining('half a config') });
  rmSync(join(fixture.cwd, 'node_modules'));
  await expect(list()).rejects.toMatchObject({
    code: 'ADAPTER_UNUSABLE',
    message: expect.stringContaining('@playwright/test is not installed'),
  });
});
