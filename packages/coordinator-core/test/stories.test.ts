import type { CaseResult } from '@holdfast/model';
import { runId } from '@holdfast/model';
import { createHeldDigest } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { createScene, passed, readyWorker, submit } from './scene.ts';

const LEASE = { run: 1, n: 1, epoch: 1 };
const AGAIN = { run: 1, n: 1, epoch: 2 };
const HELD = (...leases: string[]): { count: number; hash: number } => {
  const digest = createHeldDigest();
  for (const lease of leases) digest.add(lease);
  return digest.value();
};

test('coordinator: a task is submitted, assigned, finished -> the run has ended', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  expect(submit(scene, 1)).toEqual({ ok: true, value: { id: 'r-k', tasks: 1, existing: false } });
  expect(worker.assigned()).toEqual([LEASE]);
  worker.say({ t: 'started', ...LEASE }, passed(LEASE));
  expect(scene.state(1)).toBe('passed');
  expect(scene.store.rows().runs[0]!.state).toBe('finished');
  scene.pass(5);
  expect(worker.committed()).toBe(3);
});

test('N2 coordinator: a claim is under way -> the assignment waits for its verdict', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1);
  const second = readyWorker(scene, 'w2');
  scene.hold();
  submit(scene, 1, {}, 'k2');
  scene.pass(1000);
  expect(second.assigned()).toEqual([]);
  scene.land();
  expect([...worker.assigned(), ...second.assigned()]).toHaveLength(2);
});

test('N2 coordinator: the outcome of a commit is in doubt -> nothing goes out but the halt', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1);
  scene.hold();
  worker.say(passed(LEASE));
  const before = { replies: scene.replies.length, committed: worker.committed() };
  scene.input({ kind: 'commitFailed', batch: 99, code: 'STORE_IN_DOUBT', message: 'no answer' });
  scene.pass(60_000);
  expect(scene.others.at(-1)).toMatchObject({ kind: 'halted', code: 'STORE_IN_DOUBT' });
  expect({ replies: scene.replies.length, committed: worker.committed() }).toEqual(before);
  expect(scene.deadline()).toBeUndefined();
});

test('N4 coordinator: the death of a worker is reported -> its task runs elsewhere at once', () => {
  const scene = createScene();
  readyWorker(scene, 'w1');
  submit(scene, 1);
  const other = readyWorker(scene, 'w2');
  scene.input({ kind: 'deathReported', worker: 'w1' as never, incarnation: 'w1#1' as never, reason: 'reaped' });
  expect(other.assigned()).toEqual([AGAIN]);
  expect(scene.store.rows().tasks[0]).toMatchObject({ lost: 1 });
});

test('N4 coordinator: the death of an earlier life is reported -> nothing changes', () => {
  const scene = createScene();
  readyWorker(scene, 'w1');
  submit(scene, 1);
  scene.input({ kind: 'deathReported', worker: 'w1' as never, incarnation: 'w1#0' as never, reason: 'reaped' });
  expect(scene.state(1)).toBe('leased');
});

test.for([
  { onDisconnect: 'replace', before: 9999, at: 10_000, lost: 1 },
  { onDisconnect: 'hedge', before: 9999, at: 10_000, lost: 0 },
  { onDisconnect: 'wait', before: 119_999, at: 120_000, lost: 1 },
] as const)('N4 coordinator: a worker falls silent under $onDisconnect -> a second attempt begins after $at ms', (row) => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1, { onDisconnect: row.onDisconnect });
  expect(worker.assigned()).toEqual([LEASE]);
  worker.hangUp();
  scene.pass(row.before);
  const other = readyWorker(scene, 'w2');
  expect(other.assigned()).toEqual([]);
  scene.pass(row.at - row.before);
  expect(other.assigned()).toEqual([AGAIN]);
  expect(scene.store.rows().tasks[0]).toMatchObject({ lost: row.lost, fence: row.lost === 1 ? 2 : 1 });
});

test('G5 coordinator: both attempts of a hedge finish -> the first result counts, the other worker is told to stop', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1, { onDisconnect: 'hedge' });
  const { session, token } = worker.welcome();
  worker.hangUp();
  scene.pass(10_000);
  const other = readyWorker(scene, 'w2');
  expect(other.assigned()).toEqual([AGAIN]);
  other.say(passed(AGAIN));
  const back = scene.worker('w1', 'w1#1', 1, { session, token, received: worker.received.length });
  expect(back.received[0]).toEqual({ t: 'stop', ...LEASE, as: 'revoked' });
  back.say({ t: 'finished', ...LEASE, result: { outcome: 'failed', durationMs: 1, cases: [] } });
  scene.pass(5);
  expect(scene.store.rows().tasks[0]).toMatchObject({ state: 'passed', finalEpoch: 2 });
  expect(back.committed()).toBe(2);
});

test('coordinator: a worker comes back before a second attempt began -> the hedge is taken back', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1, { onDisconnect: 'hedge' });
  const { session, token } = worker.welcome();
  worker.hangUp();
  scene.pass(10_000);
  expect(scene.store.rows().ready).toHaveLength(1);
  const back = scene.worker('w1', 'w1#1', 1, { session, token, received: worker.received.length });
  back.beat(HELD('1.1.1'), 0);
  expect(scene.store.rows().ready).toHaveLength(0);
  expect(readyWorker(scene, 'w2').assigned()).toEqual([]);
});

test('S4 coordinator: restarts while a task runs -> the lease goes on, nothing is started again', () => {
  const scene = createScene();
  readyWorker(scene, 'w1');
  submit(scene, 1);
  scene.restart();
  const worker = scene.worker('w1');
  expect(worker.welcome().fresh).toBe('first');
  worker.answerInventory([{ ...LEASE, state: 'running' }]);
  expect(worker.received.at(-1)).toMatchObject({ t: 'reconciled', keep: [LEASE] });
  scene.pass(9000);
  worker.beat(HELD('1.1.1'), 0);
  scene.pass(9000);
  expect(worker.assigned()).toEqual([]);
  worker.say(passed(LEASE));
  expect(scene.state(1)).toBe('passed');
});

test('S4 coordinator: a new session of the same life names nothing -> what was on its way is granted anew, no loss is counted', () => {
  const scene = createScene();
  readyWorker(scene, 'w1').hangUp();
  submit(scene, 1);
  const first = readyWorker(scene, 'w1');
  expect(first.assigned()).toEqual([LEASE]);
  scene.restart();
  const worker = readyWorker(scene, 'w1');
  expect(worker.assigned()).toEqual([AGAIN]);
  expect(scene.store.rows().tasks[0]).toMatchObject({ lost: 0, fence: 2 });
});

test('S4 coordinator: a new life of the worker -> what the former one held is lost', () => {
  const scene = createScene();
  readyWorker(scene, 'w1');
  submit(scene, 1);
  const worker = readyWorker(scene, 'w1', 1, 'w1#2');
  expect(worker.assigned()).toEqual([AGAIN]);
  expect(scene.store.rows().tasks[0]).toMatchObject({ lost: 1 });
});

test('coordinator: a link drops and the session resumes -> no inventory, the lease goes on', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1);
  const { session, token } = worker.welcome();
  const received = worker.received.length;
  worker.hangUp();
  scene.pass(3000);
  const back = scene.worker('w1', 'w1#1', 1, { session, token, received });
  expect(back.welcome().resumed).toEqual({ received: 1 });
  back.say(passed(LEASE));
  expect(back.received).toEqual([{ t: 'forget', run: 1 }]);
  expect(scene.state(1)).toBe('passed');
});

test('G5 coordinator: a result is offered twice -> recorded once, acknowledged twice', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 2);
  worker.say(passed(LEASE));
  worker.say({ t: 'finished', ...LEASE, result: { outcome: 'failed', durationMs: 9, cases: [] } });
  scene.pass(5);
  expect(worker.committed()).toBe(3);
  expect(scene.state(1)).toBe('passed');
  expect(scene.notes).toContain('result.refused');
});

test('W2 coordinator: an inventory comes while a result is on its way to the store -> the worker keeps the result', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1);
  worker.beat(HELD('9.9.9'), 0);
  scene.hold();
  worker.say(passed(LEASE));
  worker.answerInventory([{ ...LEASE, state: 'finished' }]);
  expect(worker.received.at(-1)).toMatchObject({ t: 'reconciled', keep: [LEASE] });
});

const CASES = (from: number, count: number): CaseResult[] =>
  Array.from({ length: count }, (_, index) => ({
    path: [`case ${from + index}`],
    file: 'a.test.ts',
    grade: 'passed',
    durationMs: 1,
    attempts: 1,
  }));

test('coordinator: a large result comes in parts -> recorded as one', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1);
  const part = (n: number) => ({ t: 'part' as const, ...LEASE, part: n, cases: CASES(n * 10, 10) as never });
  worker.say(part(0), part(1), {
    t: 'finished',
    ...LEASE,
    parts: 2,
    result: { outcome: 'passed', durationMs: 1, cases: CASES(20, 3) as never },
  });
  expect(scene.store.rows().attempts[0]!.result!.cases.map((each) => each.path[0])).toEqual(CASES(0, 23).map((each) => each.path[0]));
});

test('coordinator: a part of a large result is missing -> the session ends and nothing is recorded', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1);
  worker.say({ t: 'finished', ...LEASE, parts: 2, result: { outcome: 'passed', durationMs: 1, cases: [] } });
  expect(worker.closed()).toBe(4400);
  expect(scene.state(1)).toBe('leased');
});

test('coordinator: drains while a commit is under way -> waits for it, tells workers, and does not spin (seed 92)', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1', 1);
  submit(scene, 3);
  scene.hold();
  worker.say(passed(LEASE));
  scene.input({ kind: 'drainAsked', reason: 'update' });
  expect(scene.deadline() ?? Infinity).toBeGreaterThan(scene.now());
  expect(scene.others.some((effect) => effect.kind === 'drained')).toBe(false);
  scene.land();
  expect(scene.others.at(-1)).toEqual({ kind: 'drained' });
  expect(worker.closed()).toBe(1012);
  // The claim behind that result was in the same transaction: its lease goes out before the link ends.
  expect(worker.assigned()).toEqual([LEASE, { run: 1, n: 2, epoch: 1 }]);
});

test('coordinator: a run is interrupted and resumed -> its lease is stopped without loss and granted anew', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1);
  scene.request({ kind: 'interruptRun', id: runId('r-k') });
  expect(worker.received.at(-1)).toEqual({ t: 'stop', ...LEASE, as: 'revoked' });
  expect(scene.state(1)).toBe('queued');
  expect(worker.assigned()).toEqual([LEASE]);
  scene.request({ kind: 'resumeRun', id: runId('r-k') });
  expect(worker.assigned()).toEqual([LEASE, AGAIN]);
  expect(scene.store.rows().tasks[0]).toMatchObject({ lost: 0 });
});

test('G14 coordinator: a cancel meets a result that is on its way -> whichever the store saw first counts', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 2, { priority: 5 });
  scene.hold();
  worker.say(passed(LEASE));
  scene.request({ kind: 'cancelTask', id: runId('r-k'), n: 1 });
  scene.land();
  expect(scene.replies.at(-1)).toMatchObject({ ok: false, status: 409, code: 'terminal' });
  expect(scene.state(1)).toBe('passed');

  const second = { run: 1, n: 2, epoch: 1 };
  expect(worker.assigned().at(-1)).toEqual(second);
  scene.hold();
  scene.request({ kind: 'cancelTask', id: runId('r-k'), n: 2 });
  worker.say(passed(second));
  scene.land();
  expect(scene.replies.at(-1)).toMatchObject({ ok: true });
  expect(scene.state(2)).toBe('cancelled');
});

test('coordinator: a worker says goodbye while a claim is under way -> the grant goes elsewhere, the next life is not forgotten (seed 143)', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  scene.hold();
  submit(scene, 1);
  scene.land();
  scene.hold();
  submit(scene, 1, {}, 'k2');
  worker.say({ t: 'goodbye', reason: 'drained' });
  worker.hangUp();
  scene.land();
  expect(scene.store.rows().tasks.every((row) => row.lost === 0)).toBe(true);
  const next = readyWorker(scene, 'w1', 2, 'w1#2');
  expect(next.assigned()).toHaveLength(2);
  for (let at = 0; at < 140_000; at += 3000) {
    next.beat(HELD(...next.assigned().map(({ run, n, epoch }) => `${run}.${n}.${epoch}`)), 0);
    scene.pass(3000);
  }
  for (const lease of next.assigned()) next.say(passed(lease));
  expect(scene.state(1, 1)).toBe('passed');
  expect(scene.state(1, 2)).toBe('passed');
});

test('coordinator: a worker comes back after its silence was acted on -> gets nothing before its first beat (seed 100097)', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1, { onDisconnect: 'replace' });
  const { session, token } = worker.welcome();
  worker.hangUp();
  scene.pass(10_000);
  const back = scene.worker('w1', 'w1#1', 1, { session, token, received: worker.received.length });
  expect(back.assigned()).toEqual([]);
  expect(scene.store.rows().events.length).toBeLessThan(20);
  // It still holds what was taken from it: that is cleared up before anything else.
  back.beat(HELD('1.1.1'), 0);
  back.answerInventory([{ ...LEASE, state: 'running' }]);
  expect(back.received.at(-2)).toMatchObject({ t: 'reconciled', keep: [] });
  expect(back.assigned()).toEqual([AGAIN]);
});

test('coordinator: restarts while a task waits for its retry delay -> the delay starts again', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1, { retries: 1, retryDelayMs: 5000 });
  worker.say({ t: 'finished', ...LEASE, result: { outcome: 'failed', durationMs: 1, cases: [] } });
  scene.pass(4000);
  scene.restart();
  const next = readyWorker(scene, 'w1');
  scene.pass(4999);
  expect(next.assigned()).toEqual([]);
  next.beat(HELD(), 1);
  scene.pass(1);
  expect(next.assigned()).toEqual([AGAIN]);
});

test('G3 coordinator: a submission is repeated under its key -> the same run, no task twice', () => {
  const scene = createScene();
  submit(scene, 2);
  expect(submit(scene, 2)).toEqual({ ok: true, value: { id: 'r-k', tasks: 2, existing: true } });
  expect(scene.store.rows().tasks).toHaveLength(2);
});

test('coordinator: a drain was asked of a worker whose session is then lost -> asked again in the new one', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  scene.request({ kind: 'drainWorker', worker: 'w1' as never });
  expect(worker.received.at(-1)).toEqual({ t: 'drain' });
  worker.hangUp();
  const back = scene.worker('w1');
  expect(back.received.map((message) => message.t)).toEqual(['inventory', 'drain']);
});

test('coordinator: a hello of a former life comes late -> it is turned away, the present life stays (seed 60001)', () => {
  const scene = createScene();
  readyWorker(scene, 'w1');
  const present = readyWorker(scene, 'w1', 1, 'w1#2');
  submit(scene, 1);
  const late = scene.worker('w1', 'w1#1');
  expect(late.closed()).toBe(4409);
  expect(present.closed()).toBeUndefined();
  present.say(passed(LEASE));
  expect(scene.state(1)).toBe('passed');
});

test('coordinator: an overtaken hello of the same life comes late -> the link in use is closed so that it calls again', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  scene.worker('w1');
  expect(worker.closed()).toBe(1013);
});

test('coordinator: a worker returns a lease unstarted -> gets nothing before its next beat', () => {
  const scene = createScene();
  const one = readyWorker(scene, 'one');
  submit(scene, 1);
  for (let round = 0; round < 5; round += 1) {
    const lease = one.assigned().at(-1)!;
    one.say({ t: 'released', ...lease, reason: 'not started' });
  }
  expect(one.assigned()).toHaveLength(1);
  one.beat({ count: 0, hash: 0 }, 1);
  expect(one.assigned()).toHaveLength(2);
});
