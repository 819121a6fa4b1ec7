/** Rows 32, 33 and 39 to 44 of docs/attacks.md: what a worker with a right proof may still try, at the real endpoint. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Welcome } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { withCanary } from './attacker.ts';
import { eventually, type Started, startOne } from './harness.ts';
import { type HandWorker, handWorker, type HandWorkerOptions, type Lease } from './hand-worker.ts';

interface Line {
  readonly event?: string;
  readonly reason?: string;
  readonly level?: number;
}
const logOf = ({ dataFolder }: Started): string => readFileSync(join(dataFolder, 'logs', 'coordinator.log'), 'utf8');
const lines = (started: Started, event: string): Line[] =>
  logOf(started)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.event === event);
const reasons = (started: Started, event: string): (string | undefined)[] => lines(started, event).map(({ reason }) => reason);
const noops = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `t${index + 1}`, body: { kind: 'noop' as const } }));
const welcomeOf = (worker: HandWorker): Promise<Welcome> =>
  eventually('a welcome', () => worker.frames.find((frame): frame is Welcome => frame.f === 'welcome'));
const allCommitted = (worker: HandWorker): Promise<true> =>
  eventually('the commit of all that was said', () => (worker.progress().committed === worker.progress().sent ? true : undefined));
/** A worker that may speak. */
async function joined(started: Started, name: string, options: HandWorkerOptions = {}): Promise<HandWorker> {
  const token = await started.coordinator.mintToken(['worker:register'], name);
  const worker = await handWorker(started.coordinator.url, token, { worker: name, ...options });
  await welcomeOf(worker);
  return worker;
}
const passed = { outcome: 'passed' as const, exitCode: 0, durationMs: 1, cases: [] };

test('row 32: a resume after the session expired -> gap with the exact range, then the inventory; the result is not lost', async () => {
  const started = await startOne({ options: { resumeWindowMs: 50 } });
  const token = await started.coordinator.mintToken(['worker:register'], 'w');
  const first = await handWorker(started.coordinator.url, token);
  const { id } = await started.client.submit({ name: 'r', tasks: noops(1), seal: true });
  const lease = await first.assigned(1);
  const { session, token: resumeToken } = await welcomeOf(first);
  const sent = first.messages.length;
  first.socket.terminate();
  await eventually('the end of the session', () => (lines(started, 'session.ended').length > 0 ? true : undefined));
  const resume = { session, token: resumeToken, received: 1 };
  const second = await handWorker(started.coordinator.url, token, { resume, held: [lease] });
  expect(await welcomeOf(second)).toMatchObject({ gap: { from: 2, to: sent, reason: 'session_ended' } });
  await eventually('an inventory', () => second.messages.find(({ t }) => t === 'inventory'));
  second.finish(lease);
  await eventually('the result', async () => ((await started.client.run(id)).counts.passed === 1 ? true : undefined));
  expect((await started.client.task(id, 1)).lost).toBe(0);
});

test('row 32: a resume after the coordinator restarted -> fresh, then the inventory; the result is not lost', async () => {
  const before = await startOne();
  const { token } = await before.client.mintToken('w', ['worker:register']);
  const first = await handWorker(before.coordinator.url, token);
  const { id } = await before.client.submit({ name: 'r', tasks: noops(1), seal: true });
  const lease = await first.assigned(1);
  const { session, token: resumeToken } = await welcomeOf(first);
  await before.coordinator.close();
  const after = await startOne({ dataFolder: before.dataFolder });
  const resume = { session, token: resumeToken, received: 1 };
  const second = await handWorker(after.coordinator.url, token, { resume, held: [lease] });
  expect(await welcomeOf(second)).toMatchObject({ fresh: 'unknown_session' });
  await eventually('an inventory', () => second.messages.find(({ t }) => t === 'inventory'));
  second.finish(lease);
  await eventually('the result', async () => ((await after.client.run(id)).counts.passed === 1 ? true : undefined));
});

test('row 33: a third life within a minute while the one before is in use -> both 4409, and a warning', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const token = await started.coordinator.mintToken(['worker:register'], 'twin');
    const lives: HandWorker[] = [];
    for (const incarnation of ['a', 'b', 'c', 'd']) {
      const life = await handWorker(started.coordinator.url, token, { worker: 'twin', incarnation });
      lives.push(life);
      if (incarnation !== 'd') await welcomeOf(life);
    }
    expect(await Promise.all(lives.map(({ closed }) => closed))).toEqual([4409, 4409, 4409, 4409]);
    expect(lines(started, 'worker.twoLives')).toHaveLength(1);
    expect(lines(started, 'worker.twoLives')[0]!.level).toBe(40);
  });
});

test('row 39: results of an unknown task, of another worker, of an epoch that is not, of a task that has ended -> nothing changes', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const { client } = started;
    const owner = await joined(started, 'owner');
    const { id } = await client.submit({ name: 'r', tasks: noops(1), seal: true });
    const lease = await owner.assigned(1);
    const thief = await joined(started, 'thief');
    const claim = (worker: HandWorker, of: Lease, outcome: 'passed' | 'failed' = 'passed'): void =>
      worker.send({ t: 'finished', ...of, result: { ...passed, outcome } });
    claim(thief, lease);
    claim(thief, { ...lease, run: 999 });
    claim(thief, { ...lease, n: 77 });
    claim(owner, { ...lease, epoch: lease.epoch + 5 });
    await allCommitted(thief);
    await allCommitted(owner);
    expect((await client.run(id)).counts.passed).toBe(0);
    owner.finish(lease);
    await allCommitted(owner);
    claim(owner, lease, 'failed');
    claim(thief, lease, 'failed');
    await allCommitted(owner);
    await allCommitted(thief);
    expect((await client.run(id)).counts).toMatchObject({ passed: 1, failed: 0 });
    const told = reasons(started, 'result.refused');
    expect(told).toHaveLength(6);
    expect(new Set(told)).toEqual(new Set(['stale_lease', 'unknown_task', 'duplicate']));
    for (const worker of [owner, thief]) expect(worker.socket.readyState).toBe(worker.socket.OPEN);
  });
});

test('row 40: exit code 0 for a task that was never given to it -> refused; the task is given to a worker and runs', async () => {
  const started = await startOne();
  const { client } = started;
  const { id } = await client.submit({ name: 'r', tasks: noops(2), seal: true });
  const worker = await joined(started, 'w', { slots: 1 });
  const lease = await worker.assigned(1);
  // Of the second task there is no lease yet; its first would be epoch 1.
  worker.send({ t: 'finished', run: lease.run, n: 2, epoch: 1, result: { ...passed } });
  worker.send({ t: 'started', run: lease.run, n: 2, epoch: 1 });
  await allCommitted(worker);
  expect((await client.run(id)).counts.passed).toBe(0);
  expect(reasons(started, 'result.refused')).toEqual(['stale_lease']);
  worker.finish(lease);
  await allCommitted(worker);
  worker.beat(1);
  expect(await worker.assigned(2)).toMatchObject({ n: 2 });
});

test('row 41: checkpoints of a lower or the same number, of bytes that nobody put, of another worker -> refused, the last good one is given on; 2^53 + 1 -> 4400', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const owner = await joined(started, 'owner', { slots: 1 });
    const { id } = await started.client.submit({ name: 'r', tasks: noops(1), seal: true });
    const lease = await owner.assigned(1);
    const thief = await joined(started, 'thief', { slots: 1 });
    const keep = (worker: HandWorker, seq: number, data: unknown, more = {}): void =>
      worker.send({ t: 'checkpoint', ...lease, seq, data, ...more } as never);
    keep(owner, 2, { good: true, get: 'no getter', __proto__: { polluted: true } });
    keep(owner, 2, 'the same again');
    keep(owner, 1, 'lower');
    const digest = `sha256-${'0'.repeat(64)}`;
    keep(owner, 3, null, { blob: { digest, size: 10 * 1024 ** 3 } });
    await allCommitted(owner);
    keep(thief, 9, 'stolen');
    await allCommitted(thief);
    expect(reasons(started, 'checkpoint.refused')).toEqual(['duplicate', 'lower_seq', 'missing_blob', 'stale_lease']);
    const liar = await joined(started, 'liar');
    keep(liar, 2 ** 53 + 2, 'beyond all');
    expect(await liar.closed).toBe(4400);
    owner.send({ t: 'lost', ...lease, reason: 'its process died' });
    await allCommitted(owner);
    const again = await eventually('the next attempt', () =>
      [...owner.messages, ...thief.messages].find((message) => message.t === 'assign' && message.leases[0]!.epoch === lease.epoch + 1),
    );
    expect(again).toMatchObject({ leases: [{ resumeFrom: { seq: 2, data: { good: true } } }] });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect((await started.client.task(id, 1)).lost).toBe(1);
  });
});

test('row 43: a flood of log -> the first part is kept and the rest counted, exactly; a line beyond a message -> 4400; results are unaffected', async () => {
  const started = await startOne({ limits: { logBytesPerAttemptMax: 10_000 } });
  await withCanary(started, async () => {
    const { client } = started;
    const worker = await joined(started, 'w');
    const { id } = await client.submit({ name: 'r', tasks: noops(1), seal: true });
    const lease = await worker.assigned(1);
    const text = `${'\u0000\ufffd'.repeat(20)}${'x'.repeat(39)}\n`;
    const bytes = Buffer.byteLength(text);
    for (let count = 0; count < 2000; count += 1) worker.send({ t: 'log', ...lease, offset: count * bytes, stream: 'out', text });
    worker.finish(lease);
    await eventually('the result', async () => ((await client.run(id)).counts.passed === 1 ? true : undefined));
    const kept = Math.floor(10_000 / bytes);
    await eventually('the count of what was dropped', async () =>
      new RegExp(`^holdfast_log_chunks_dropped ${2000 - kept}$`, 'm').test(await client.metrics()) ? true : undefined,
    );
    const texts: string[] = [];
    for await (const chunk of client.logs(id, { n: 1 })) texts.push(chunk.text);
    expect(texts.slice(0, -1)).toEqual(Array.from({ length: kept }, () => text));
    expect(texts.at(-1)).toContain('cut: only 10000 bytes');
    const liar = await joined(started, 'liar');
    liar.send({ t: 'log', ...lease, offset: 0, stream: 'out', text: 'x'.repeat(65_537) });
    expect(await liar.closed).toBe(4400);
  });
});

test('row 44: names, reasons and types with line ends, escapes and turned writing -> one JSON record a line, nothing of it raw', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const evil = 'a\r\n{"level":60,"event":"forged"}\u001b]52;c;aGk=\u0007\u001b[2J\u009b31m\u202egnp.exe\u2028\u2066\u200b%s%n';
    const worker = await joined(started, 'w', { incarnation: evil.slice(0, 100) });
    worker.send({ t: evil } as never);
    worker.send({ t: 'goodbye', reason: evil });
    await allCommitted(worker);
    const text = logOf(started);
    expect(lines(started, 'forged')).toEqual([]);
    expect(lines(started, 'message.unknown')).toHaveLength(1);
    expect((lines(started, 'message.unknown')[0] as { type?: string }).type).toBe(evil.slice(0, 64));
    // eslint-disable-next-line no-control-regex -- these are what is looked for.
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069]/);
    expect(
      text
        .split('\n')
        .slice(0, -1)
        .every((line) => line.startsWith('{') && line.endsWith('}')),
    ).toBe(true);
  });
});
