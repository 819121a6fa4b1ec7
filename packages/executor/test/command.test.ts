import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { shellLaunch } from '../src/launch.ts';
import { createHarness, processesOf, RUN_ID, script } from './harness.ts';

test('noop: an order -> started, then passed, without a process', async () => {
  const harness = createHarness();
  const order = harness.start({ kind: 'noop' });
  expect(await harness.ended(order)).toMatchObject({ outcome: 'passed', cases: [] });
  expect(harness.events.map((event) => event.kind)).toEqual(['started', 'ended']);
});

test('X3 command: exit code 0 -> started, log, cases, ended in order, one passed case named after the task', async () => {
  const harness = createHarness();
  const order = harness.start(script('console.log("hello")'), { name: 'say hello' });
  const result = await harness.ended(order);
  expect(result).toMatchObject({ outcome: 'passed', exitCode: 0, log: { bytes: 6, droppedBytes: 0 } });
  expect(result.cases).toMatchObject([{ path: ['say hello'], file: '', grade: 'passed' }]);
  expect(harness.events.map((event) => event.kind)).toEqual(['started', 'log', 'cases', 'ended']);
  expect(harness.text(order)).toBe('hello\n');
});

test('command: its name ends in a file of the run -> the case belongs to the file', async () => {
  const harness = createHarness();
  writeFileSync(join(harness.root, 'a.test.js'), 'process.exit(3)');
  const result = await harness.run({ kind: 'command', argv: [process.execPath, 'a.test.js'] }, { name: 'node a.test.js' });
  expect(result).toMatchObject({ outcome: 'failed', reason: 'exit code 3', exitCode: 3 });
  expect(result.cases).toMatchObject([{ file: 'a.test.js', grade: 'failed', failure: { message: 'exit code 3' } }]);
});

test('command: it dies of a signal -> errored, and the signal is named', async () => {
  const result = await createHarness().run(script('process.kill(process.pid, "SIGSEGV")'));
  expect(result).toMatchObject({ outcome: 'errored', reason: 'killed by SIGSEGV', signal: 'SIGSEGV', cases: [] });
});

test('command: the program does not exist -> errored, and the reason names it', async () => {
  const harness = createHarness();
  expect(await harness.run({ kind: 'command', argv: ['no-such-program-here'] })).toMatchObject({
    outcome: 'errored',
    reason: 'command not found: no-such-program-here',
  });
  writeFileSync(join(harness.root, 'plain.txt'), '', { mode: 0o644 });
  expect(await harness.run({ kind: 'command', argv: ['./plain.txt'] })).toMatchObject({ reason: 'permission denied: ./plain.txt' });
});

test('command: shell metacharacters in arguments -> they arrive as they are', async () => {
  const harness = createHarness();
  const args = ['; rm -rf /', '$(id)', '`id`', 'a\nb', '-e', '*', '"\''];
  const order = harness.start(script('console.log(JSON.stringify(process.argv.slice(1)))', '--', ...args));
  await harness.ended(order);
  expect(JSON.parse(harness.text(order))).toEqual(args);
});

test('command: its environment -> the names that are let through, the given ones, and its identity; no others', async () => {
  const harness = createHarness({
    env: { PATH: process.env['PATH'], HOLDFAST_TOKEN: 'x', AWS_KEY: 'y', MINE_A: '1', OTHER: '2' },
    policy: { environment: ['MINE_*'] },
  });
  const body = { kind: 'command', argv: [process.execPath, '-p', 'JSON.stringify(process.env)'], env: { B: 'task' } } as const;
  const order = harness.start(body, {}, { env: { A: 'run', B: 'run' } }, 3);
  await harness.ended(order);
  expect(JSON.parse(harness.text(order))).toEqual({
    HOLDFAST_ARTIFACTS_DIR: expect.stringContaining(`${harness.marker(order)}/artifacts`),
    HOLDFAST_CHECKPOINT_DIR: expect.stringContaining(`${harness.marker(order)}/checkpoints`),
    PATH: process.env['PATH'],
    MINE_A: '1',
    A: 'run',
    B: 'task',
    HOLDFAST_RUN: RUN_ID,
    HOLDFAST_TASK: `${RUN_ID}.1`,
    HOLDFAST_ATTEMPT: `${RUN_ID}.1.1`,
    HOLDFAST_FENCING_TOKEN: `${RUN_ID}.1:1`,
    HOLDFAST_SLOT: '3',
  });
});

test.for(['LD_PRELOAD', 'NODE_OPTIONS', 'BASH_ENV', 'PATH', 'GIT_SSH_COMMAND', 'npm_config_registry', 'HOLDFAST_SLOT', 'A=B', 'A\0B', ''])(
  'command: a task sets %j -> refused',
  async (name) => {
    const harness = createHarness();
    const result = await harness.run({ kind: 'command', argv: ['true'], env: { [name]: 'x' } });
    expect(result).toMatchObject({ outcome: 'errored', reason: expect.stringMatching(/^policy_denied: .*variable/) });
  },
);

test('command: the policy names a variable that changes loading -> a task may set it', async () => {
  const harness = createHarness({ policy: { environment: ['NODE_OPTIONS'] } });
  const body = {
    kind: 'command',
    argv: [process.execPath, '-p', 'process.execArgv.length + process.env.NODE_OPTIONS'],
    env: { NODE_OPTIONS: '--no-warnings' },
  } as const;
  const order = harness.start(body);
  expect(await harness.ended(order)).toMatchObject({ outcome: 'passed' });
  expect(harness.text(order)).toContain('--no-warnings');
});

test.for(['../../etc', '/etc', '/proc/self/root/etc', 'a\0b', 'link'])('command: its folder is %j -> refused', async (cwd) => {
  const harness = createHarness();
  symlinkSync('/etc', join(harness.root, 'link'));
  const result = await harness.run({ kind: 'command', argv: ['true'], cwd });
  expect(result).toMatchObject({ outcome: 'errored', reason: expect.stringMatching(/^policy_denied: /) });
});

test('command: a link inside the folders, and a folder that is missing -> followed; errored without a policy', async () => {
  const harness = createHarness();
  mkdirSync(join(harness.root, 'inner'));
  symlinkSync('inner', join(harness.root, 'link'));
  const order = harness.start({ kind: 'command', argv: ['pwd'], cwd: 'link' });
  await harness.ended(order);
  expect(harness.text(order)).toBe(`${join(harness.root, 'inner')}\n`);
  expect((await harness.run({ kind: 'command', argv: ['true'], cwd: 'missing' })).reason).toMatch(/^"missing" cannot be used: ENOENT/);
});

test('command: the policy names programs -> others are refused, by path and by link too', async () => {
  const harness = createHarness({ policy: { commands: ['true'] } });
  expect(await harness.run({ kind: 'command', argv: ['true'] })).toMatchObject({ outcome: 'passed' });
  expect(await harness.run({ kind: 'command', argv: ['false'] })).toMatchObject({
    reason: 'policy_denied: this worker does not run false',
  });
  symlinkSync('/bin/false', join(harness.root, 'true'));
  expect(await harness.run({ kind: 'command', argv: ['./true'] })).toMatchObject({
    reason: 'policy_denied: this worker does not run ./true',
  });
});

test('command: the policy limits open files -> the process cannot open more', async () => {
  const harness = createHarness({ policy: { descriptorsMax: 64 } });
  const order = harness.start(
    script(
      'const fs = require("fs"); let n = 0; try { for (; n < 500; n++) fs.openSync("/dev/null") } catch (e) { console.log(e.code, n < 64) }',
    ),
  );
  expect(await harness.ended(order)).toMatchObject({ outcome: 'passed' });
  expect(harness.text(order)).toBe('EMFILE true\n');
});

test('command: the policy limits memory -> a process that wants more fails, and the arguments stay literal', async () => {
  const harness = createHarness({ policy: { memoryMax: 256 * 1024 * 1024 } });
  const order = harness.start({ kind: 'command', argv: ['sh', '-c', 'ulimit -v; echo "$1"', 'sh', '$(id); x'] });
  await harness.ended(order);
  expect(harness.text(order)).toBe('262144\n$(id); x\n');
});

test('launch: without prlimit -> the shell sets the limits and never reads an argument', () => {
  const { file, args } = shellLaunch({ descriptorsMax: 77, memoryMax: 2 ** 30 }, '/bin/sh', [
    '-c',
    'ulimit -n; ulimit -v; echo "$1"',
    'sh',
    '$(id) "; x',
  ]);
  expect(execFileSync(file, args, { encoding: 'utf8' })).toBe('77\n1048576\n$(id) "; x\n');
});

test('X1 close: an order comes after it -> ended as cancelled', async () => {
  const harness = createHarness();
  await harness.executor.close();
  expect(await harness.run({ kind: 'noop' })).toMatchObject({ outcome: 'cancelled', reason: 'the worker is closing' });
});

test('X1 command: the same order twice -> one attempt', async () => {
  const harness = createHarness();
  const order = harness.start(script(''));
  harness.executor.start(order, { id: RUN_ID, spec: {} }, 0);
  await harness.ended(order);
  await harness.run({ kind: 'noop' });
  expect(harness.events.filter((event) => event.kind === 'ended' && event.lease.n === order.n)).toHaveLength(1);
});

const junit = (cases: string): string => `<testsuites><testsuite name="s">${cases}</testsuite></testsuites>`;
const GREEN = junit('<testcase name="a" time="0.5"/>');
const RED = junit('<testcase name="a"/><testcase name="b"><failure message="no"/></testcase>');
test.for([
  { name: 'green, exit 0', xml: GREEN, code: 0, outcome: 'passed', cases: 1 },
  { name: 'red, exit 1', xml: RED, code: 1, outcome: 'failed', cases: 2 },
  { name: 'red, exit 0', xml: RED, code: 0, outcome: 'failed', cases: 2 },
  { name: 'green, exit 1', xml: GREEN, code: 1, outcome: 'errored', cases: 1 },
  { name: 'empty, exit 0', xml: junit(''), code: 0, outcome: 'errored', cases: 0 },
  { name: 'half, exit 0', xml: GREEN.slice(0, 40), code: 0, outcome: 'errored', cases: 0 },
  { name: 'absent, exit 0', xml: undefined, code: 0, outcome: 'errored', cases: 0 },
])('command: a JUnit file that is $name -> $outcome', async ({ xml, code, outcome, cases }) => {
  const harness = createHarness();
  // A file of an earlier attempt never counts.
  writeFileSync(join(harness.root, 'r.xml'), GREEN);
  const write = xml === undefined ? '' : `require("fs").writeFileSync("r.xml", ${JSON.stringify(xml)});`;
  const argv = [process.execPath, '-e', `${write} process.exitCode = ${code}`];
  const result = await harness.run({ kind: 'command', argv, results: { format: 'junit', path: 'r.xml' } });
  expect(result).toMatchObject({ outcome, exitCode: code });
  expect(result.cases).toHaveLength(cases);
});

test.for([
  { name: 'green TAP, exit 0', format: 'tap', out: 'ok 1 - a\n1..1\n', code: 0, outcome: 'passed', cases: 1 },
  { name: 'red TAP, exit 0', format: 'tap', out: 'not ok 1 - a\n1..1\n', code: 0, outcome: 'failed', cases: 1 },
  { name: 'green TAP, exit 1', format: 'tap', out: 'ok 1 - a\n1..1\n', code: 1, outcome: 'errored', cases: 1 },
  { name: 'half TAP, exit 0', format: 'tap', out: 'ok 1 - a\n1..2\n', code: 0, outcome: 'failed', cases: 1 },
  { name: 'no TAP, exit 0', format: 'tap', out: 'hello\n', code: 0, outcome: 'errored', cases: 0 },
  {
    name: 'green go',
    format: 'go-json',
    out: '{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1}\n',
    code: 0,
    outcome: 'passed',
    cases: 1,
  },
] as const)('command: prints $name -> $outcome, and its log keeps what it printed', async ({ format, out, code, outcome, cases }) => {
  const harness = createHarness();
  const argv = [process.execPath, '-e', `process.stdout.write(${JSON.stringify(out)}); process.exitCode = ${code}`];
  const order = harness.start({ kind: 'command', argv, results: { format } });
  const result = await harness.ended(order);
  expect(result).toMatchObject({ outcome, exitCode: code });
  expect(result.cases).toHaveLength(cases);
  expect(harness.text(order)).toBe(out);
});

test('X2 command: it leaves children in its group -> none is left when it has ended', async () => {
  const harness = createHarness();
  const order = harness.start({ kind: 'command', argv: ['sh', '-c', 'sleep 1000 & sleep 1000 & exit 0'] });
  expect(await harness.ended(order)).toMatchObject({ outcome: 'passed' });
  expect(processesOf(harness.marker(order))).toEqual([]);
});
