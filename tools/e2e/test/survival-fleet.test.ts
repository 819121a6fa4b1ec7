/** A run on a fleet survives the death of its coordinator and of its workers, and what is drained ends in order. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spooledKeys } from '@holdfast/reconnection-core/spool';
import { expect, test } from 'vitest';
import { runIs } from './sandbox/api.ts';
import { until } from './sandbox/condition.ts';
import { startFleet, stopAll } from './sandbox/fleet.ts';
import { expectEachOnce, readReport } from './sandbox/report.ts';
import { inSandbox } from './sandbox/sandbox.ts';
import { namesTo, nodeSuite } from './sandbox/suites.ts';

const NODE = ['node', '--test'];
const OUTAGES_MS = [2000, 15_000, ...(process.env['HOLDFAST_E2E_LONG'] === '1' ? [60_000] : [])];

test.for(OUTAGES_MS)('coordinator: kill -9, back after %i ms -> the run goes on and no running test is started again', async (outageMs) => {
  const names = namesTo(6);
  await inSandbox(nodeSuite(names), async (box) => {
    const fleet = await startFleet(box);
    const workers = [await fleet.work('one'), await fleet.work('two', { cwd: box.clone('other-checkout') })];
    const out = join(box.folder, 'out');
    const run = box.start(['run', ...fleet.flags, '--out', out, '--', ...NODE]);
    const [during = '', after = ''] = await box.gates.anyArrived(names, 2);
    fleet.coordinator().kill('SIGKILL');
    await run.said(/lost the coordinator/);
    // This one ends while nobody listens: its result waits at its worker.
    box.gates.open(during);
    await outage(outageMs);
    await fleet.restart();
    await runIs(fleet.api, 'with one file passed', ({ counts }) => counts.passed === 1);
    expect(box.gates.arrivals(after)).toHaveLength(1);
    box.gates.openAll();
    const { code, stderr } = await run.ended(60_000);

    expect(code, stderr).toBe(0);
    expectEachOnce(readReport(out), names);
    expect(readReport(out).totals).toMatchObject({ lostAttempts: 0 });
    for (const name of names) expect(box.gates.arrivals(name), name).toHaveLength(1);
    expect(stderr).toMatch(/reached the coordinator again/);
    await stopAll(...workers, fleet.coordinator());
  });
});

test('worker: kill -9 with a result that its coordinator was away for -> both back, recorded once, not run again', async () => {
  const names = namesTo(3);
  await inSandbox(nodeSuite(names), async (box) => {
    const fleet = await startFleet(box);
    const doomed = await fleet.work('one');
    const out = join(box.folder, 'out');
    const run = box.start(['run', ...fleet.flags, '--out', out, '--', ...NODE]);
    const [during = ''] = await box.gates.anyArrived(names, 1);
    fleet.coordinator().kill('SIGKILL');
    await run.said(/lost the coordinator/);
    box.gates.open(during);
    const spool = join(box.folder, 'one', 'spool');
    await until('the result to be spooled', () => spooledKeys(spool).length === 1, 30_000);
    doomed.kill('SIGKILL');
    await doomed.ended();
    await fleet.restart();
    const heir = await fleet.work('one');
    await runIs(fleet.api, 'with one file passed', ({ counts }) => counts.passed === 1);
    expect(box.gates.arrivals(during)).toHaveLength(1);
    box.gates.openAll();
    const { code, stderr } = await run.ended(60_000);

    expect(code, stderr).toBe(0);
    expectEachOnce(readReport(out), names);
    expect(readReport(out).totals).toMatchObject({ lostAttempts: 0 });
    for (const name of names) expect(box.gates.arrivals(name), name).toHaveLength(1);
    await until('the spool to be empty', () => spooledKeys(spool).length === 0, 30_000);
    await stopAll(heir, fleet.coordinator());
  });
});

test('worker: kill -9 with a result that is on its way to a frozen coordinator -> offered again, recorded once', async () => {
  await inSandbox(nodeSuite(['a', 'b']), async (box) => {
    const fleet = await startFleet(box);
    const doomed = await fleet.work('one');
    const out = join(box.folder, 'out');
    const run = box.start(['run', ...fleet.flags, '--out', out, '--', ...NODE]);
    const [first = ''] = await box.gates.anyArrived(['a', 'b'], 1);
    fleet.coordinator().kill('SIGSTOP');
    box.gates.open(first);
    const spool = join(box.folder, 'one', 'spool');
    await until('the result to be spooled', () => spooledKeys(spool).length === 1, 30_000);
    doomed.kill('SIGKILL');
    await doomed.ended();
    fleet.coordinator().kill('SIGCONT');
    const heir = await fleet.work('one');
    box.gates.openAll();
    const { code, stderr } = await run.ended(60_000);
    expect(code, stderr).toBe(0);
    expectEachOnce(readReport(out), ['a', 'b']);
    expect(box.gates.arrivals(first)).toHaveLength(1);
    await stopAll(heir, fleet.coordinator());
  });
});

test('worker: kill -9 while it runs two files -> its reaper ends them and tells, both run elsewhere at once', async () => {
  const names = namesTo(4);
  await inSandbox(nodeSuite(names), async (box) => {
    const fleet = await startFleet(box);
    const doomed = await fleet.work('doomed', { slots: 2 });
    const out = join(box.folder, 'out');
    const run = box.start(['run', ...fleet.flags, '--out', out, '--', ...NODE]);
    const held = await box.gates.anyArrived(names, 2);
    const heir = await fleet.work('heir', { slots: 2 });
    // Its slots are taken, so that what is lost has to be queued again.
    await box.gates.anyArrived(names, 4);
    const killed = performance.now();
    doomed.kill('SIGKILL');
    const lost = await runIs(fleet.api, 'with two lost attempts', ({ counts }) => counts.lostAttempts === 2);
    // By silence it would take the ten seconds of a lease.
    expect(performance.now() - killed).toBeLessThan(8000);
    expect(lost.counts.remaining).toBe(4);
    await until(
      'the children of the killed worker to be gone',
      () => held.every((name) => !existsSync(`/proc/${box.gates.arrivals(name)[0]}`)),
      10_000,
    );
    box.gates.openAll();
    expect(await run.ended(60_000)).toMatchObject({ code: 0 });
    expectEachOnce(readReport(out), names);
    for (const name of names) expect(box.gates.arrivals(name), name).toHaveLength(held.includes(name) ? 2 : 1);
    for (const { worker } of readReport(out).files) expect(worker).toBe('heir');
    await stopAll(heir, fleet.coordinator());
  });
});

test('worker: frozen past its lease with a file -> a second attempt starts elsewhere; awake again, one result counts', async () => {
  await inSandbox(nodeSuite(['a']), async (box) => {
    const fleet = await startFleet(box);
    const frozen = await fleet.work('frozen');
    const out = join(box.folder, 'out');
    const run = box.start(['run', ...fleet.flags, '--out', out, '--', ...NODE]);
    await box.gates.arrived('a');
    const awake = await fleet.work('awake');
    frozen.kill('SIGSTOP');
    await box.gates.arrived('a', 2);
    box.gates.openAll();
    const { code, stderr } = await run.ended();
    frozen.kill('SIGCONT');
    expect(code, stderr).toBe(0);
    expectEachOnce(readReport(out), ['a']);
    expect(readReport(out).files[0]).toMatchObject({ worker: 'awake' });
    await fleet.connected('awake', 'frozen');
    await stopAll(frozen, awake, fleet.coordinator());
  });
});

test('worker: SIGTERM -> finishes its file, takes no other, exit 0; the rest runs elsewhere', async () => {
  const names = namesTo(4);
  await inSandbox(nodeSuite(names), async (box) => {
    const fleet = await startFleet(box);
    const leaving = await fleet.work('leaving');
    const out = join(box.folder, 'out');
    const run = box.start(['run', ...fleet.flags, '--out', out, '--', ...NODE]);
    const [held = ''] = await box.gates.anyArrived(names, 1);
    leaving.kill('SIGTERM');
    await leaving.said(/SIGTERM: finishing what runs/);
    box.gates.openAll();
    expect(await leaving.ended()).toMatchObject({ code: 0 });
    const staying = await fleet.work('staying');
    expect(await run.ended(60_000)).toMatchObject({ code: 0 });
    const report = readReport(out);
    expectEachOnce(report, names);
    expect(report.totals).toMatchObject({ lostAttempts: 0 });
    for (const { name, worker } of report.files) expect(worker, name).toBe(name.includes(`/${held}.`) ? 'leaving' : 'staying');
    await stopAll(staying, fleet.coordinator());
  });
});

test('coordinator: SIGTERM -> exit 0, running tests go on; started again it carries the run to its end', async () => {
  const names = namesTo(3);
  await inSandbox(nodeSuite(names), async (box) => {
    const fleet = await startFleet(box);
    const worker = await fleet.work('one');
    const out = join(box.folder, 'out');
    const run = box.start(['run', ...fleet.flags, '--out', out, '--', ...NODE]);
    await box.gates.anyArrived(names, 1);
    fleet.coordinator().kill('SIGTERM');
    expect(await fleet.coordinator().ended()).toMatchObject({ code: 0 });
    box.gates.openAll();
    await fleet.restart();
    expect(await run.ended(60_000)).toMatchObject({ code: 0 });
    expectEachOnce(readReport(out), names);
    for (const name of names) expect(box.gates.arrivals(name), name).toHaveLength(1);
    await stopAll(worker, fleet.coordinator());
  });
});

test('Ctrl-C on a run of a fleet -> leases go back, exit 130; resume --connect runs the rest on the same workers', async () => {
  const names = namesTo(3);
  await inSandbox(nodeSuite(names), async (box) => {
    const fleet = await startFleet(box);
    const worker = await fleet.work('one');
    const run = box.start(['run', ...fleet.flags, '--', ...NODE]);
    const [first = ''] = await box.gates.anyArrived(names, 1);
    box.gates.open(first);
    await box.gates.anyArrived(names, 2);
    await runIs(fleet.api, 'with one file passed', ({ counts }) => counts.passed === 1);
    run.kill('SIGINT');
    const { code, stderr } = await run.ended();
    expect(code, stderr).toBe(130);
    const [, id = ''] = /holdfast resume (\S+) --connect/.exec(stderr) ?? [];
    await runIs(fleet.api, 'that is interrupted', ({ state }) => state === 'interrupted');
    box.gates.openAll();
    expect(await box.run(['resume', id, ...fleet.flags], { deadlineMs: 60_000 })).toMatchObject({ code: 0 });
    expect(box.gates.arrivals(first)).toHaveLength(1);
    await stopAll(worker, fleet.coordinator());
  });
});

test('module task: its worker killed after two checkpoints -> another worker goes on from the second', async () => {
  await inSandbox({ 'task.js': MODULE }, async (box) => {
    const fleet = await startFleet(box);
    const first = await fleet.work('first');
    const { id } = await fleet.api.post<{ id: string }>('/api/v1/runs', {
      name: 'long',
      spec: { cwd: '.' },
      tasks: [{ name: 'long', body: { kind: 'module', path: './task.js', input: { steps: 4 } } }],
      seal: true,
    });
    await box.gates.arrived('after-2');
    const second = await fleet.work('second');
    first.kill('SIGKILL');
    // Its child may live for a moment: the gates stay shut until the other one is there.
    await box.gates.arrived('after-3');
    box.gates.openAll();
    const { code, stderr } = await box.run(['watch', id, ...fleet.flags], { deadlineMs: 60_000 });
    expect(code, stderr).toBe(0);
    expect(readFileSync(join(box.gates.folder, 'steps'), 'utf8').trim().split('\n')).toEqual([
      '1 from nothing',
      '2 from nothing',
      '3 from 2',
      '4 from 2',
    ]);
    await stopAll(second, fleet.coordinator());
  });
});

test('pause, unpause and cancel of a task -> its processes stop, go on, and are killed after the grace when they are deaf', async () => {
  await inSandbox({ 'deaf.js': DEAF }, async (box) => {
    const fleet = await startFleet(box);
    const worker = await fleet.work('one');
    const { id } = await fleet.api.post<{ id: string }>('/api/v1/runs', {
      name: 'deaf',
      spec: { cwd: '.' },
      tasks: [{ name: 'deaf', body: { kind: 'command', argv: ['node', 'deaf.js'] }, policy: { graceMs: 300 } }],
      seal: true,
    });
    const [parent = 0] = await box.gates.arrived('deaf');
    const [child = 0] = await box.gates.arrived('child');
    const states = (): string => [parent, child].map((pid) => box.census.take().find((seen) => seen.pid === pid)?.state ?? '-').join('');
    expect(await box.run(['pause', `${id}.1`, ...fleet.flags])).toMatchObject({ code: 0 });
    await until('both processes to be stopped', () => states() === 'TT', 10_000, states);
    expect(await box.run(['unpause', `${id}.1`, ...fleet.flags])).toMatchObject({ code: 0 });
    await until('both processes to go on', () => /^[SRD]{2}$/.test(states()), 10_000, states);
    expect(await box.run(['cancel', `${id}.1`, ...fleet.flags])).toMatchObject({ code: 0 });
    await until('both processes to be gone', () => states() === '--', 10_000, states);
    const run = await runIs(fleet.api, 'that is over', ({ counts }) => counts.remaining === 0);
    expect(run.counts).toMatchObject({ cancelled: 1, failed: 0 });
    await stopAll(worker, fleet.coordinator());
  });
});

/** The fault itself: so long nobody listens on the coordinator's port. */
const outage = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const MODULE = `
import { appendFileSync } from 'node:fs';
import { pass } from './gate.js';

export default async function task(context) {
  const from = context.resumeFrom?.step ?? 0;
  for (let step = from + 1; step <= context.input.steps; step += 1) {
    appendFileSync(new URL('../gates/steps', import.meta.url), \`\${step} from \${from || 'nothing'}\\n\`);
    await context.checkpoint({ step });
    if (step > 1) await pass(\`after-\${step}\`);
  }
}
`;

const DEAF = `
import { spawn } from 'node:child_process';
import { arrive } from './gate.js';

process.on('SIGTERM', () => {});
if (process.argv[2] === undefined) spawn(process.execPath, [process.argv[1], 'child'], { stdio: 'inherit' });
arrive(process.argv[2] ?? 'deaf');
setInterval(() => {}, 1000);
`;
