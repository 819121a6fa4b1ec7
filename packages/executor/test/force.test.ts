import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskBody } from '@holdfast/model';
import { expect, test } from 'vitest';
import { createHarness, eventually, processesOf, script } from './harness.ts';

const FOREVER = 'setInterval(() => {}, 1e6); console.log("up");';
const DEAF = `process.on("SIGTERM", () => console.log("heard")); ${FOREVER}`;

test('timeout: a process that hears SIGTERM -> timed_out, with what it printed', async () => {
  const harness = createHarness();
  const order = harness.start(script(FOREVER), { timeoutMs: 400 });
  const result = await harness.ended(order);
  expect(result).toMatchObject({ outcome: 'timed_out', reason: 'took longer than 0.4 s', signal: 'SIGTERM', cases: [] });
  expect(result.durationMs).toBeGreaterThanOrEqual(400);
  expect(processesOf(harness.marker(order))).toEqual([]);
});

// A shell is up long before the time is, however busy the machine.
const trapping = (action: string): TaskBody => ({
  kind: 'command',
  argv: ['sh', '-c', `trap '${action}' TERM; echo up; while :; do sleep 0.05; done`],
});

test('timeout: a process that answers SIGTERM with exit code 0 -> timed_out all the same', async () => {
  expect(await createHarness().run(trapping('exit 0'), { timeoutMs: 800 })).toMatchObject({ outcome: 'timed_out', exitCode: 0 });
});

test('timeout: a process that ignores SIGTERM -> SIGKILL after the grace', async () => {
  const harness = createHarness();
  const order = harness.start(trapping('echo heard'), { timeoutMs: 800, graceMs: 200 });
  const result = await harness.ended(order);
  expect(result).toMatchObject({ outcome: 'timed_out', signal: 'SIGKILL' });
  expect(result.durationMs).toBeGreaterThanOrEqual(1000);
  expect(harness.text(order)).toContain('heard');
});

test('D12 stop: a running process and its deaf children -> cancelled, and none is left', async () => {
  const harness = createHarness();
  const order = harness.start(
    script(`require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(DEAF)}], { stdio: "inherit" }); ${DEAF}`),
    {
      graceMs: 100,
    },
  );
  await harness.until('both processes', () => harness.text(order).split('up').length === 3);
  harness.executor.stop(order);
  expect(await harness.ended(order)).toMatchObject({ outcome: 'cancelled', signal: 'SIGKILL' });
  expect(processesOf(harness.marker(order))).toEqual([]);
});

test('stop: right after start, or of an unknown lease -> cancelled; ignored', async () => {
  const harness = createHarness();
  const order = harness.start(script(FOREVER));
  harness.executor.stop({ run: 9, n: 9, epoch: 9 });
  harness.executor.stop(order);
  expect(await harness.ended(order)).toMatchObject({ outcome: 'cancelled' });
});

test('O1 pause: longer than the timeout -> the clock stands still, and it passes after it goes on', async () => {
  const harness = createHarness();
  const order = harness.start(script('console.log("up"); setTimeout(() => console.log("done"), 300)'), { timeoutMs: 2500 });
  await harness.until('the first line', (event) => event.kind === 'log');
  harness.executor.pause(order, true);
  await harness.until('the pause', (event) => event.kind === 'paused' && event.paused);
  const [pid = 0] = processesOf(harness.marker(order));
  await eventually('the process to stand still', () => stateOf(pid) === 'T');
  // Another attempt measures time beyond the timeout of the first.
  await harness.run(script('setTimeout(() => {}, 2700)'));
  expect(stateOf(pid)).toBe('T');
  harness.executor.pause(order, false);
  const result = await harness.ended(order);
  expect(result).toMatchObject({ outcome: 'passed' });
  expect(result.durationMs).toBeLessThan(2500);
  expect(harness.text(order)).toBe('up\ndone\n');
});

test('pause: what is paused is stopped -> it hears SIGTERM at once', async () => {
  const harness = createHarness();
  const order = harness.start(script(`process.on("SIGTERM", () => { console.log("bye"); process.exit(7) }); ${FOREVER}`));
  await harness.until('the first line', (event) => event.kind === 'log');
  harness.executor.pause(order, true);
  harness.executor.stop(order);
  expect(await harness.ended(order)).toMatchObject({ outcome: 'cancelled', exitCode: 7 });
  expect(harness.text(order)).toContain('bye');
});

// The daemon's pid goes to a file: it has left the group, the session and the output of the attempt.
const DAEMON = 'setsid sh -c "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo \\$! > daemon.pid" >/dev/null 2>&1';

test.for([
  { how: 'exits 0', tail: 'exit 0', outcome: 'passed' },
  { how: 'is timed out', tail: 'sleep 1000', outcome: 'timed_out' },
])('X2 daemon: it forked twice into its own session and the command $how -> dead before ended', async ({ tail, outcome }) => {
  const harness = createHarness();
  const result = await harness.run({ kind: 'command', argv: ['sh', '-c', `${DAEMON}; ${tail}`] }, { timeoutMs: 1500 });
  const pid = Number(readFileSync(join(harness.root, 'daemon.pid'), 'utf8'));
  expect(result.outcome).toBe(outcome);
  expect(pid).toBeGreaterThan(1);
  expect(['', 'Z', 'X']).toContain(stateOf(pid));
});

test('X2 daemon: it holds the output open and cannot be found -> ended comes, the log is kept', async () => {
  const harness = createHarness();
  // Its environment is replaced and its session its own: only a cgroup would find it. This test ends it itself.
  writeFileSync(
    join(harness.root, 'run.sh'),
    'env -i /usr/bin/setsid sh -c "echo \\$\\$ > hidden.pid; exec sleep 1000" & while [ ! -s hidden.pid ]; do sleep 0.01; done; echo done',
  );
  const order = harness.start({ kind: 'command', argv: ['sh', 'run.sh'] });
  expect(await harness.ended(order)).toMatchObject({ outcome: 'passed' });
  expect(harness.text(order)).toBe('done\n');
  process.kill(Number(readFileSync(join(harness.root, 'hidden.pid'), 'utf8')), 'SIGKILL');
});

test('close: attempts are running -> each ends as cancelled, then no process is left, the reaper neither', async () => {
  const harness = createHarness();
  const orders = [harness.start(script(FOREVER)), harness.start({ kind: 'command', argv: ['sleep', '1000'] })];
  const reaper = harness.executor.reaperPid() ?? 0;
  expect(stateOf(reaper)).not.toBe('');
  await harness.until('the first line', (event) => event.kind === 'log');
  await harness.executor.close();
  for (const order of orders) expect(await harness.ended(order)).toMatchObject({ outcome: 'cancelled' });
  expect(orders.flatMap((order) => processesOf(harness.marker(order)))).toEqual([]);
  expect(stateOf(reaper)).toBe('');
});

/** State letter of a process; empty when there is none. */
function stateOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
  } catch {
    return '';
  }
}
