/** `holdfast run` with bad input: a clear message, the right exit code, nothing lost; and every flag does what it says. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { localApi, runIs } from './sandbox/api.ts';
import { readReport } from './sandbox/report.ts';
import { inSandbox, nothingLeft } from './sandbox/sandbox.ts';
import { nodeSuite, nodeTest, vitestSuite } from './sandbox/suites.ts';

const NODE = ['node', '--test'];

test('no test files -> exit 5 and where it looked', async () => {
  await inSandbox({}, async (box) => {
    const { code, stderr } = await box.run(['run', '--', ...NODE]);
    expect(code, stderr).toBe(5);
    expect(stderr).toContain(box.project);
  });
});

test.for([
  [['run', '--', 'frobnicate', '--all'], 2, /frobnicate.*--files/s],
  [['run', '--wrokers', '2'], 2, /--wrokers.*--workers/s],
  [['rnu'], 2, /unknown command.*run/s],
  [['run', '--workers', 'many', '--', ...NODE], 2, /workers.*many/s],
  [['run', '--timeout', 'soon', '--', ...NODE], 2, /timeout.*soon/s],
  [['run', '--reporter', 'tap', '--', ...NODE], 2, /tap.*junit/s],
  [['run', '--config', 'absent.json', '--', ...NODE], 16, /absent\.json/],
  [['run', '--results', 'tap:x', '--files', 'test/*.js', '--', 'node', '{file}'], 2, /tap:x.*junit:/s],
  [['run', '--connect', 'http://127.0.0.1:9', '--', ...NODE], 2, /token is missing.*--token-file/s],
  [['run', '--connect', 'ftp://x', '--token', 'x', '--', ...NODE], 2, /ftp:\/\/x/],
  [['resume'], 2, /no run was started/],
  [['status'], 69, /holdfast coordinator/],
] as const)('%j -> exit %i and %s', async ([args, code, words]) => {
  await inSandbox({ 'test/a.test.js': nodeTest('a') }, async (box) => {
    const ended = await box.run(args);
    expect(ended.stderr).toMatch(words);
    expect(ended.code, ended.stderr).toBe(code);
    expect(ended.stderr, 'no stack traces').not.toMatch(/^\s+at /m);
    expect(ended.stdout).toBe('');
  });
});

test('configuration with a mistyped key -> exit 16, the key and the nearest one', async () => {
  await inSandbox({ 'test/a.test.js': nodeTest('a'), 'holdfast.config.json': '{ "run": { "retires": 2 } }' }, async (box) => {
    const { code, stderr } = await box.run(['run', '--', ...NODE]);
    expect(code, stderr).toBe(16);
    expect(stderr).toMatch(/retires.*retries/s);
  });
});

test('a file that does not load, one that exits, one that passes -> each has its own verdict, exit 1', async () => {
  const files = {
    'test/broken.test.js': "import './absent.js';\n",
    'test/exits.test.js': "import test from 'node:test'; test('exits', () => process.exit(7));\n",
    'test/sound.test.js': nodeTest('sound'),
  };
  await inSandbox(files, async (box) => {
    const out = join(box.folder, 'out');
    const { code, stderr } = await box.run(['run', '--workers', '2', '--out', out, '--', ...NODE]);
    expect(code, stderr).toBe(1);
    const report = readReport(out);
    expect(Object.fromEntries(report.files.map(({ name, grade }) => [name, grade]))).toEqual({
      'test/broken.test.js': 'failed',
      'test/exits.test.js': 'failed',
      'test/sound.test.js': 'passed',
    });
    expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(/exit code 1; Error \[ERR_MODULE_NOT_FOUND\]: Cannot find module .*absent\.js/);
    expect(report.totals.lostAttempts).toBe(0);
  });
});

test('node:test fails and flakes with --retries -> failed stays failed, flaky is told, exit 1, then 0 without the failing one', async () => {
  const flaky = `const { existsSync, writeFileSync } = await import('node:fs'); if (!existsSync(process.env.FLAG)) { writeFileSync(process.env.FLAG, ''); assert.fail('not yet'); }`;
  await inSandbox(
    { 'test/flaky.test.js': nodeTest('flaky', flaky), 'test/fails.test.js': nodeTest('fails', "assert.equal(1, 2, 'no luck');") },
    async (box) => {
      const out = join(box.folder, 'out');
      const flag = join(box.folder, 'flag');
      const { code, stderr } = await box.run(['run', '--retries', '1', '--env', `FLAG=${flag}`, '--out', out, '--', ...NODE]);
      expect(code, stderr).toBe(1);
      const grades = Object.fromEntries(
        readReport(out).files.map((file) => [file.name, [file.grade, file.attempts, file.cases.map((one) => one.grade)]]),
      );
      expect(grades).toEqual({ 'test/flaky.test.js': ['flaky', 2, ['flaky']], 'test/fails.test.js': ['failed', 2, ['failed']] });
      expect(stderr).toMatch(/flaky/);
      expect(stderr).toContain('no luck');

      const again = await box.run(['run', '--last-failed', '--env', `FLAG=${flag}`, '--out', out, '--', ...NODE]);
      expect(again.code, again.stderr).toBe(1);
      expect(readReport(out).files.map(({ name }) => name)).toEqual(['test/fails.test.js']);
    },
  );
});

test('--last-failed when nothing failed -> exit 5', async () => {
  await inSandbox({ 'test/a.test.js': nodeTest('a') }, async (box) => {
    expect(await box.run(['run', '--', ...NODE])).toMatchObject({ code: 0 });
    const { code, stderr } = await box.run(['run', '--last-failed', '--', ...NODE]);
    expect(code, stderr).toBe(5);
    expect(stderr).toContain('nothing of this failed');
  });
});

test('--timeout -> the file is ended and told as timed out; a runner that ignores SIGTERM is killed', async () => {
  const deaf = "process.on('SIGTERM', () => {}); await new Promise(() => setInterval(() => {}, 1000));";
  await inSandbox({ 'test/slow.test.js': nodeTest('slow', deaf), 'test/quick.test.js': nodeTest('quick') }, async (box) => {
    const out = join(box.folder, 'out');
    const { code, stderr } = await box.run(['run', '--timeout', '2s', '--workers', '2', '--out', out, '--', ...NODE]);
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/timed out|time/i);
    const grades = Object.fromEntries(readReport(out).files.map(({ name, grade, outcome }) => [name, `${grade} ${outcome}`]));
    expect(grades).toEqual({ 'test/slow.test.js': 'failed timed_out', 'test/quick.test.js': 'passed passed' });
  });
});

test('--fail-fast -> what has not begun is not run, and not called passed', async () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  await inSandbox(
    Object.fromEntries(
      names.map((name) => [
        `test/${name}.test.js`,
        nodeTest(name, "const { arrive } = await import('../gate.js'); arrive('ran'); assert.fail('no');"),
      ]),
    ),
    async (box) => {
      const out = join(box.folder, 'out');
      const { code, stderr } = await box.run(['run', '--fail-fast', '--workers', '1', '--out', out, '--', ...NODE]);
      expect(code, stderr).toBe(1);
      expect(box.gates.arrivals('ran').length).toBeLessThan(names.length);
      expect(readReport(out).files).toHaveLength(names.length);
      expect(readReport(out).files.filter(({ grade }) => grade === 'passed')).toEqual([]);
    },
  );
});

test('--reporter json,junit and --json -> events as lines, a JUnit file, or the whole report; nothing else on standard output', async () => {
  await inSandbox({ 'test/a.test.js': nodeTest('a', "console.log('chatter');"), 'test/b.test.js': nodeTest('b <&> "]]>') }, async (box) => {
    const out = join(box.folder, 'out');
    const lines = await box.run(['run', '--reporter', 'json,junit', '--out', out, '--', ...NODE]);
    expect(lines.code, lines.stderr).toBe(0);
    const events = lines.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { e?: string });
    expect(events.filter(({ e }) => e === 'finished')).toHaveLength(2);
    const xml = readFileSync(join(out, 'junit.xml'), 'utf8');
    expect(xml.match(/<testcase /g)).toHaveLength(2);
    expect(xml).toContain('b &lt;&amp;&gt; &quot;]]&gt;');

    const whole = await box.run(['run', '--json', '--', ...NODE]);
    expect(whole.code, whole.stderr).toBe(0);
    expect(JSON.parse(whole.stdout)).toMatchObject({
      format: 'holdfast.report',
      verdict: { kind: 'passed' },
      totals: { tests: { passed: 2 } },
    });
  });
});

test('--files with {file} and --results junit -> any runner, its cases read from its files; a file that it did not write fails', async () => {
  const runner = `
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
const [folder, file] = process.argv.slice(2);
const place = folder + '/' + file + '.xml';
const bad = file.includes('bad');
mkdirSync(dirname(place), { recursive: true });
const cases = '<testcase name="one" time="0.1"/>' + (bad ? '<testcase name="two"><failure message="broke">at x</failure></testcase>' : '');
if (!file.includes('silent')) writeFileSync(place, '<testsuite name="suite">' + cases + '</testsuite>');
process.exit(bad ? 1 : 0);
`;
  const specs = { 'specs/good.spec': '', 'specs/bad.spec': '', 'specs/silent.spec': '' };
  await inSandbox({ 'runner.js': runner, ...specs }, async (box) => {
    const out = join(box.folder, 'out');
    const results = join(box.folder, 'results');
    const command = ['node', 'runner.js', results, '{file}'];
    const ended = await box.run([
      'run',
      '--files',
      'specs/*.spec',
      '--results',
      `junit:${results}/{file}.xml`,
      '--out',
      out,
      '--',
      ...command,
    ]);
    expect(ended.code, ended.stderr).toBe(1);
    const seen = Object.fromEntries(
      readReport(out).files.map((file) => [file.name, [file.grade, ...file.cases.map(({ path, grade }) => `${path.at(-1)} ${grade}`)]]),
    );
    expect(seen).toEqual({
      'specs/good.spec': ['passed', 'one passed'],
      'specs/bad.spec': ['failed', 'one passed', 'two failed'],
      'specs/silent.spec': ['failed'],
    });
    expect(ended.stderr).toMatch(/silent\.spec.*\.xml/s);
  });
});

test('--commands - -> one task a line of standard input, each with its own exit code', async () => {
  await inSandbox({}, async (box) => {
    const out = join(box.folder, 'out');
    const input = '# a comment\nnode -e "process.exit(0)"\n\nnode -e "process.exit(3)"\nabsent-program --flag\n';
    const { code, stderr } = await box.run(['run', '--commands', '-', '--out', out], { input });
    expect(code, stderr).toBe(1);
    expect(readReport(out).files.map(({ grade }) => grade)).toEqual(['passed', 'failed', 'failed']);
    expect(stderr).toMatch(/absent-program/);
  });
});

test('commands that print 100 MB, write invalid UTF-8, fork a daemon, crash at once -> each is judged, nothing hangs, nothing is left', async () => {
  const daemon = `
import { spawn } from 'node:child_process';
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
child.unref();
`;
  const flood = `
const line = 'x'.repeat(1023) + '\\n';
const chunk = line.repeat(1024);
for (let count = 0; count < 100; count += 1) if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve));
`;
  const garbage = 'process.stdout.write(Buffer.from([0x66, 0xff, 0xfe, 0x00, 0xc3, 0x28, 0x1b, 0x5b, 0x32, 0x4a, 0x0a]));\n';
  await inSandbox({ 'daemon.js': daemon, 'flood.js': flood, 'garbage.js': garbage }, async (box) => {
    const out = join(box.folder, 'out');
    const list = join(box.folder, 'commands.txt');
    writeFileSync(list, ['node flood.js', 'node garbage.js', 'node daemon.js', 'node -e "process.abort()"', 'false'].join('\n'));
    const { code, stderr } = await box.run(['run', '--commands', list, '--workers', '2', '--logs', '--out', out], { deadlineMs: 90_000 });
    expect(code, stderr.slice(-3000)).toBe(1);
    expect(readReport(out).files.map(({ grade }) => grade)).toEqual(['passed', 'passed', 'passed', 'failed', 'failed']);
    expect(stderr.slice(-4000)).toMatch(/SIGABRT/);
    expect(stderr, 'no raw escape codes').not.toContain('\u001B[2J');
  });
});

test('vitest whose configuration throws -> its error is told, exit 2, nothing left', async () => {
  await inSandbox({ 'vitest.config.js': "throw new Error('no such plugin');\n", ...vitestSuite(['a']) }, async (box) => {
    box.link('vitest', '.bin');
    const { code, stderr } = await box.run(['run', '--', 'npx', 'vitest', 'run']);
    expect(stderr).toContain('no such plugin');
    expect(code, stderr).toBe(2);
  });
});

test('Ctrl-C while the runner still lists -> ends at once, nothing left', async () => {
  const config =
    "import { arrive } from './gate.js';\narrive('listing');\nawait new Promise(() => setInterval(() => {}, 1000));\nexport default {};\n";
  await inSandbox({ 'vitest.config.js': config, ...vitestSuite(['a']) }, async (box) => {
    box.link('vitest', '.bin');
    const run = box.start(['run', '--workers', '1', '--', 'npx', 'vitest', 'run']);
    await box.gates.arrived('listing');
    run.kill('SIGINT', 'group');
    const { code, signal } = await run.ended(10_000);
    expect(code ?? signal).toBe(code === null ? 'SIGINT' : 130);
    await nothingLeft(box.census);
  });
});

test('cancel of a run -> what has no result is not proven, exit 4', async () => {
  await inSandbox(nodeSuite(['a', 'b']), async (box) => {
    const out = join(box.folder, 'out');
    const run = box.start(['run', '--workers', '1', '--out', out, '--', ...NODE]);
    const [first = ''] = await box.gates.anyArrived(['a', 'b'], 1);
    box.gates.open(first);
    await box.gates.anyArrived(['a', 'b'], 2);
    const api = await localApi(box);
    const { id } = await runIs(api, 'with one file passed', ({ counts }) => counts.passed === 1);
    expect(await box.run(['cancel', id])).toMatchObject({ code: 0 });
    const { code, stderr } = await run.ended();
    expect(code, stderr).toBe(4);
    expect(
      readReport(out)
        .files.map(({ grade }) => grade)
        .toSorted(),
    ).toEqual(['not_proven', 'passed']);
  });
});
