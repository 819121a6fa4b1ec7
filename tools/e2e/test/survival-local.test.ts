/** A run on local workers survives what kills its parts, and can be gone on with. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { localApi, runFolders, runIs } from './sandbox/api.ts';
import { inSandbox, nothingLeft, type Sandbox } from './sandbox/sandbox.ts';
import type { StartedCommand } from './sandbox/command.ts';
import { expectEachOnce, readReport } from './sandbox/report.ts';
import { namesTo, nodeSuite, nodeTest, vitestSuite } from './sandbox/suites.ts';

const NODE = ['node', '--test'];

test.for([
  ['node:test', nodeSuite, NODE],
  ['vitest', vitestSuite, ['npx', 'vitest', 'run']],
] as const)(
  'local worker of %s: killed while two files run -> its file runs again elsewhere, the rest only once',
  async ([, suite, command]) => {
    const names = namesTo(6);
    await inSandbox(suite(names), async (box) => {
      box.link('vitest', '.bin');
      const out = join(box.folder, 'out');
      const run = box.start(['run', '--workers', '2', '--out', out, '--', ...command]);
      const [first = ''] = await box.gates.anyArrived(names, 2);
      killWorkerOf(box, first);
      await box.gates.arrived(first, 2);
      box.gates.openAll();
      const { code, stderr } = await run.ended(60_000);

      expect(code, stderr).toBe(0);
      const report = readReport(out);
      expectEachOnce(report, names);
      expect(report.totals).toMatchObject({ lostAttempts: 1 });
      expect(report.files.find(({ name }) => name === `test/${first}.test.js`)).toMatchObject({ lost: 1, grade: 'passed' });
      for (const name of names) expect(box.gates.arrivals(name), name).toHaveLength(name === first ? 2 : 1);
      expect(stderr).toMatch(/lost w\d: .*1 file will run elsewhere/);
      expect(stderr).toContain('1 attempt lost with its machine, recovered');
      expect(stderr, 'no stack traces').not.toMatch(/^\s+at /m);
    });
  },
);

test('every local worker killed at once -> both are started anew, and the run ends well', async () => {
  const names = namesTo(4);
  await inSandbox(nodeSuite(names), async (box) => {
    const out = join(box.folder, 'out');
    const run = box.start(['run', '--workers', '2', '--out', out, '--', ...NODE]);
    const running = await box.gates.anyArrived(names, 2);
    for (const name of running) killWorkerOf(box, name);
    for (const name of running) await box.gates.arrived(name, 2);
    box.gates.openAll();
    expect(await run.ended()).toMatchObject({ code: 0 });
    expectEachOnce(readReport(out), names);
    expect(readReport(out).totals).toMatchObject({ lostAttempts: 2 });
  });
});

test('a test that kills its worker each time -> dead letter after three, the rest passes, exit 3', async () => {
  const poison = nodeTest(
    'poison',
    "const { arrive } = await import('../gate.js'); arrive('poison'); const { readFileSync } = await import('node:fs'); process.kill(Number(readFileSync(`/proc/${process.ppid}/stat`, 'utf8').split(' ')[3]), 'SIGKILL'); await new Promise(() => setInterval(() => {}, 1000));",
  );
  await inSandbox({ 'test/poison.test.js': poison, 'test/sound.test.js': nodeTest('sound') }, async (box) => {
    const out = join(box.folder, 'out');
    const { code, stderr } = await box.run(['run', '--workers', '2', '--out', out, '--', ...NODE], { deadlineMs: 60_000 });
    expect(code, stderr).toBe(3);
    expect(box.gates.arrivals('poison')).toHaveLength(3);
    const report = readReport(out);
    expect(report.files.find(({ name }) => name.includes('poison'))).toMatchObject({ grade: 'infra_lost', lost: 3 });
    expect(report.files.find(({ name }) => name.includes('sound'))).toMatchObject({ grade: 'passed' });
  });
});

test('local workers that die at once whenever they are started -> exit 3 with the reason and the place of their logs, no hang', async () => {
  await inSandbox({ ...nodeSuite(['a']), 'die.cjs': "if (process.argv[1]?.includes('worker-child')) process.exit(9);\n" }, async (box) => {
    const { code, stderr } = await box.run(['run', '--workers', '2', '--', ...NODE], {
      env: { NODE_OPTIONS: `--require=${join(box.project, 'die.cjs')}` },
    });
    expect(code, stderr).toBe(3);
    expect(stderr).toContain('every one died again and again, at last because its process ended with code 9');
    expect(stderr).toContain(join(box.env['XDG_CACHE_HOME']!, 'holdfast'));
  });
});

test.for([
  ['to the process', 'process'],
  ['to the whole group, as a terminal sends it', 'group'],
] as const)('Ctrl-C %s -> exit 130 and nothing left; resume runs the rest and repeats nothing', async ([, target]) => {
  const names = namesTo(5);
  await inSandbox(nodeSuite(names), async (box) => {
    const run = box.start(['run', '--workers', '2', '--', ...NODE]);
    const passed = await passTwo(box, names);
    run.kill('SIGINT', target);
    const { code, stderr } = await run.ended();
    expect(code, stderr).toBe(130);
    expect(stderr).toContain('interrupted with 3 files to go');
    const [, name = ''] = /go on with: holdfast resume (\S+)/.exec(stderr) ?? [];
    await nothingLeft(box.census);
    await resumeRest(box, names, passed, name);
  });
});

test.skipIf(!existsSync('/usr/bin/script'))('Ctrl-C typed in a terminal -> exit 130 and nothing left', async () => {
  await inSandbox(nodeSuite(['a']), async (box) => {
    const run = box.startInTerminal(['run', '--workers', '1', '--', ...NODE]);
    await box.gates.arrived('a');
    run.type('\u0003');
    const { code, stdout } = await run.ended();
    expect(code, stdout).toBe(130);
    expect(stdout).toContain('go on with: holdfast resume');
    await nothingLeft(box.census);
  });
});

test('Ctrl-C twice with a test that ignores every signal -> leaves at once, its processes follow', async () => {
  const deaf = nodeTest(
    'deaf',
    "for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {}); const { pass } = await import('../gate.js'); await pass('deaf');",
  );
  await inSandbox({ 'test/deaf.test.js': deaf }, async (box) => {
    const run = box.start(['run', '--workers', '1', '--', ...NODE]);
    await box.gates.arrived('deaf');
    run.kill('SIGINT');
    await run.said(/SIGINT: stopping/);
    run.kill('SIGINT');
    expect(await run.ended(2500)).toMatchObject({ code: 130 });
    await nothingLeft(box.census, 20_000);
  });
});

test('SIGTERM -> exit 143 and nothing left', async () => {
  await inSandbox(nodeSuite(['a']), async (box) => {
    const run = box.start(['run', '--workers', '1', '--', ...NODE]);
    await box.gates.arrived('a');
    run.kill('SIGTERM');
    expect(await run.ended()).toMatchObject({ code: 143 });
    await nothingLeft(box.census);
  });
});

test('kill -9 of the command with its coordinator -> workers and tests go by themselves; resume runs the rest', async () => {
  const names = namesTo(5);
  await inSandbox(nodeSuite(names), async (box) => {
    const run = box.start(['run', '--workers', '2', '--', ...NODE]);
    const passed = await passTwo(box, names);
    run.kill('SIGKILL');
    await run.ended();
    await nothingLeft(box.census, 20_000);
    await resumeRest(box, names, passed);
  });
});

/** Lets the first two files pass and waits until that is recorded and the next two run. */
async function passTwo(box: Sandbox, names: readonly string[]): Promise<string[]> {
  const first = await box.gates.anyArrived(names, 2);
  box.gates.open(...first);
  await box.gates.anyArrived(names, 4);
  await runIs(await localApi(box), 'with two files passed', ({ counts }) => counts.passed === 2);
  return first;
}

async function resumeRest(box: Sandbox, names: readonly string[], passed: readonly string[], name?: string): Promise<void> {
  box.gates.openAll();
  const resumed: StartedCommand = box.start(['resume', ...(name === undefined ? [] : [name])]);
  const { code, stderr } = await resumed.ended();
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('2 of 5 done, going on');
  for (const each of passed) expect(box.gates.arrivals(each), `${each} passed before`).toHaveLength(1);
  const folders = runFolders(box);
  expect(folders).toHaveLength(1);
  expectEachOnce(readReport(folders[0]!), names);
}

/** Kills the worker process above the test host that runs this file now. */
function killWorkerOf(box: Sandbox, name: string): void {
  const pid = box.gates.arrivals(name).at(-1);
  const all = new Map(box.census.take().map((seen) => [seen.pid, seen]));
  for (let at = all.get(pid!); at; at = all.get(at.parent)) {
    if (at.command.includes('worker-child')) return void process.kill(at.pid, 'SIGKILL');
  }
  throw new Error(
    `no worker above process ${pid} of ${name}\n${[...all.values()].map((seen) => `${seen.pid} < ${seen.parent} ${seen.command}`).join('\n')}`,
  );
}
