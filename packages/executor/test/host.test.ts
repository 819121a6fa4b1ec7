import type { AttemptOrder } from '@holdfast/model';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunSpec, TaskBody } from '@holdfast/model';
import { expect, test } from 'vitest';
import { createHarness, eventually, type Harness } from './harness.ts';

const PROGRAM = { path: join(import.meta.dirname, 'fixtures/host.mjs'), execArgv: [] };
const fakeHarness = (): Harness => createHarness({ hostProgram: () => PROGRAM });
const unit = (file: string): TaskBody => ({ kind: 'test', unit: { file } });
const specOf = (...args: string[]): RunSpec => ({ suite: { adapter: 'fake', args }, env: { MY_TOKEN: 'very-secret' } });

async function runUnit(harness: Harness, file: string, spec = specOf(), slot = 0): Promise<string> {
  const order = harness.start(unit(file), {}, spec, slot);
  const { outcome } = await harness.ended(order);
  expect(outcome).toBe('passed');
  return harness.text(order).trim();
}

test('host: units one after the other on a slot -> one warm process; another slot, suite or environment has its own', async () => {
  const harness = fakeHarness();
  const first = await runUnit(harness, 'pid');
  expect(first).toMatch(/^\d+ 0$/);
  expect(await runUnit(harness, 'pid')).toBe(first);
  expect(await runUnit(harness, 'pid', specOf(), 1)).toMatch(/^\d+ 1$/);
  expect(await runUnit(harness, 'pid', specOf('-t', 'x'))).not.toBe(first);
  expect(await runUnit(harness, 'pid')).toBe(first);
  const other: RunSpec = { ...specOf(), env: { MY_TOKEN: 'another-one' } };
  expect(await runUnit(harness, 'pid', other)).not.toBe(first);
});

test('B4 host: a third suite on a slot -> the host used longest ago is closed', async () => {
  const harness = fakeHarness();
  const pids: number[] = [];
  for (const name of ['a', 'b', 'c']) pids.push(Number.parseInt(await runUnit(harness, 'pid', specOf(name)), 10));
  await eventually('the first host to be gone', () => !existsSync(`/proc/${pids[0]}`));
  expect(pids.slice(1).map((pid) => existsSync(`/proc/${pid}`))).toEqual([true, true]);
});

test('B5 host: it asks to be replaced -> closed in order after its unit, the next unit has a new one', async () => {
  const harness = fakeHarness();
  const first = await runUnit(harness, 'worn');
  expect(await runUnit(harness, 'worn')).not.toBe(first);
  await eventually('the worn hosts to be gone', () => !hostsIn(harness.root).includes(Number(first)));
});

test('host: prewarmed before its first unit -> the unit runs on it; closed in order when its run ends', async () => {
  const harness = fakeHarness();
  const spec = specOf('slow');
  harness.executor.prewarm({ adapter: 'fake', args: ['slow'] }, { cwd: harness.root, env: spec.env ?? {} }, 0);
  await eventually('the host to start', () => hostsIn(harness.root).length === 1);
  const [warm] = hostsIn(harness.root);
  expect(await runUnit(harness, 'pid', spec)).toBe(`${warm} 0`);
  harness.executor.runEnded(2);
  expect(await runUnit(harness, 'pid', spec)).toBe(`${warm} 0`);
  harness.executor.runEnded(1);
  await eventually('the host to be gone', () => hostsIn(harness.root).length === 0);
  expect(existsSync(join(harness.root, 'closed'))).toBe(true);
});

test.for([
  { file: 'red', outcome: 'failed', cases: 2 },
  { file: 'miscount', outcome: 'errored', reason: 'the test runner counts 2 cases but 1 arrived', cases: 1 },
  { file: 'stale', outcome: 'passed', cases: 1 },
  { file: 'nothing', outcome: 'errored', reason: 'no test ran', cases: 0 },
  { file: 'nothing-ok', outcome: 'passed', cases: 0 },
  { file: 'not-ok', outcome: 'errored', reason: 'the test runner failed although no test case did', cases: 1 },
  { file: 'no-load', outcome: 'errored', reason: 'the file did not load: SyntaxError: x', cases: 0 },
  { file: 'unhandled', outcome: 'failed', reason: 'late', cases: 1 },
])('host: a unit that is $file -> $outcome', async ({ file, outcome, reason, cases }) => {
  const result = await fakeHarness().run(unit(file), {}, specOf());
  expect(result).toMatchObject({ outcome, ...(reason === undefined ? {} : { reason }) });
  expect(result.cases).toHaveLength(cases);
});

test('host: a failure that shows a secret -> masked', async () => {
  const { cases } = await fakeHarness().run(unit('red'), {}, specOf());
  expect(cases[1]?.failure?.message).toBe('***');
});

test('host: it says that no unit can run in it -> first attempts end with it at once, a retry gets a new host, which serves all', async () => {
  const harness = fakeHarness();
  const outcomeOf = async (epoch: number): Promise<string> =>
    (await harness.ended(harness.start(unit('broken-once'), { epoch }, specOf()))).outcome;
  const first = await outcomeOf(1);
  const [host] = hostsIn(harness.root);
  expect([first, await outcomeOf(1), hostsIn(harness.root)]).toEqual(['errored', 'errored', [host]]);
  expect([await outcomeOf(2), await outcomeOf(1)]).toEqual(['passed', 'passed']);
  await eventually('the broken host to be gone', () => !hostsIn(harness.root).includes(host!));
});

test('host: closed in order, it ends badly -> told once, masked, before close resolves; one that ends well or is killed tells nothing', async () => {
  const told: string[] = [];
  const harness = createHarness({ hostProgram: () => PROGRAM, teardownFailed: (reason) => told.push(reason) });
  await runUnit(harness, 'pid');
  await runUnit(harness, 'pid', specOf('bad-teardown'));
  const hanging = harness.start(unit('hang'), {}, specOf('bad-teardown', 'x'), 1);
  await harness.until('the unit to hang', (event) => event.kind === 'log' && event.lease.n === hanging.n);
  await harness.executor.close();
  expect(told).toEqual(['the host ended with exit code 1; its last words:\nteardown ***']);
});

test('H2 host: it dies once in a unit -> the unit runs again alone in a new host, and only that try counts', async () => {
  const harness = fakeHarness();
  const result = await harness.run(unit('crash-once'), {}, specOf());
  expect(result).toMatchObject({ outcome: 'passed' });
  expect(result.cases).toHaveLength(2);
  expect(harness.events.filter((event) => event.kind === 'started')).toHaveLength(1);
});

test.for([
  { file: 'crash', reason: /^running crash ended the test runner twice: the host was killed by SIGKILL/ },
  {
    file: 'crash-at',
    reason: /^running crash-at, in or after the test "a > b", ended the test runner twice: the host was killed by SIGKILL/,
  },
  { file: 'exit', reason: /^running exit ended the test runner twice: the host ended with exit code 9/ },
  { file: 'nonsense', reason: /^running nonsense ended the test runner twice: the host said something that is no event/ },
])('H2 host: it always dies in $file -> errored, and the next unit has a fresh host', async ({ file, reason }) => {
  const harness = fakeHarness();
  expect(await harness.run(unit(file), {}, specOf())).toMatchObject({ outcome: 'errored', reason: expect.stringMatching(reason) });
  await runUnit(harness, 'pid');
});

test('host: the runner cannot work, or ends before it is ready -> errored at once with its own words', async () => {
  const harness = fakeHarness();
  expect(await harness.run(unit('pid'), {}, specOf('unusable'))).toMatchObject({ outcome: 'errored', reason: 'vitest is not installed' });
  expect((await harness.run(unit('pid'), {}, specOf('dies'))).reason).toBe(
    'the test runner did not start: the host ended with exit code 5',
  );
});

test('host: an unknown adapter, no suite, a busy slot -> errored; prewarm says nothing', async () => {
  const harness = createHarness();
  const suite = { adapter: 'nope', args: [] };
  harness.executor.prewarm(suite, { cwd: harness.root, env: {} }, 0);
  expect((await harness.run(unit('a'), {}, { suite })).reason).toMatch(/^failed to find the host of adapter "nope"/);
  expect((await harness.run(unit('a'), {}, {})).reason).toBe('the run names no test suite');
  const fake = fakeHarness();
  const busy = fake.start(unit('hang'), { graceMs: 100 }, specOf());
  expect((await fake.run(unit('pid'), {}, specOf())).reason).toBe('slot 0 already runs a test of this suite');
  fake.executor.stop(busy);
  await fake.ended(busy);
});

test.for(['timed_out', 'cancelled'] as const)(
  'host: a unit hangs until it is %s -> its host is gone, the slot gets a fresh one',
  async (outcome) => {
    const harness = fakeHarness();
    const before = Number.parseInt(await runUnit(harness, 'pid'), 10);
    const order: AttemptOrder = harness.start(unit('hang'), { timeoutMs: outcome === 'timed_out' ? 300 : 0, graceMs: 200 }, specOf());
    if (outcome === 'cancelled') {
      await harness.until('the unit to hang', () => harness.text(order).includes('hanging'));
      harness.executor.stop(order);
    }
    expect(await harness.ended(order)).toMatchObject({ outcome });
    expect(existsSync(`/proc/${before}`)).toBe(false);
    expect(Number.parseInt(await runUnit(harness, 'pid'), 10)).not.toBe(before);
  },
);

test('node:test host: a real suite -> cases, log, secrets masked, paused with its children', async () => {
  const harness = createHarness();
  writeFileSync(
    join(harness.root, 'a.test.mjs'),
    'import { test } from "node:test"; import assert from "node:assert";\n' +
      'test("good", () => { console.log("says", process.env.MY_TOKEN) });\ntest("bad", () => assert.equal(1, 2));\n',
  );
  writeFileSync(
    join(harness.root, 'slow.test.mjs'),
    'import { writeFileSync } from "node:fs"; import { test } from "node:test";\n' +
      'test("slow", async () => { writeFileSync("slow.pid", String(process.pid)); await new Promise((done) => setTimeout(done, 200)) });\n',
  );
  const spec: RunSpec = { suite: { adapter: 'node-test', args: [] }, env: { MY_TOKEN: 'very-secret' } };
  const order = harness.start(unit('a.test.mjs'), {}, spec);
  const result = await harness.ended(order);
  expect(result).toMatchObject({ outcome: 'failed' });
  expect(harness.text(order)).toContain('says ***');
  expect(result.cases.map(({ path, file, grade }) => [path.at(-1), file, grade])).toEqual([
    ['good', 'a.test.mjs', 'passed'],
    ['bad', 'a.test.mjs', 'failed'],
  ]);

  const slow = harness.start(unit('slow.test.mjs'), {}, spec);
  const pidFile = join(harness.root, 'slow.pid');
  await eventually('the test to run', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
  harness.executor.pause(slow, true);
  const stat = (): string => readFileSync(`/proc/${readFileSync(pidFile, 'utf8')}/stat`, 'utf8');
  await eventually('the test to stand still', () => stat().includes(') T '));
  harness.executor.pause(slow, false);
  expect(await harness.ended(slow)).toMatchObject({ outcome: 'passed', cases: [{ path: ['slow'], grade: 'passed' }] });
});

/** Ids of the fake hosts that work in a folder. */
function hostsIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return (
          readFileSync(`/proc/${name}/cmdline`, 'latin1').includes('fixtures/host.mjs') && readlinkSync(`/proc/${name}/cwd`) === folder
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}
