/** Stories of who may say what, and of hints that must not hide work. */
import { type Fingerprint, runId } from '@holdfast/model';
import { createHeldDigest } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { createScene, passed, readyWorker, type Scene, submit, type WorkerEnd } from './scene.ts';

const LEASE = { run: 1, n: 1, epoch: 1 };
const AGAIN = { run: 1, n: 1, epoch: 2 };
const HELD = (...leases: string[]): { count: number; hash: number } => {
  const digest = createHeldDigest();
  for (const lease of leases) digest.add(lease);
  return digest.value();
};

test('G21 coordinator: a worker speaks for a lease of another -> acknowledged, refused, nothing changes', () => {
  const scene = createScene();
  readyWorker(scene, 'a');
  submit(scene, 1);
  const other = readyWorker(scene, 'b');
  const before = scene.store.rows().events.length;
  other.say(
    { t: 'started', ...LEASE },
    { t: 'checkpoint', ...LEASE, seq: 1, data: 1 as never },
    { t: 'released', ...LEASE, reason: 'not mine' },
  );
  other.say({ t: 'lost', ...LEASE, reason: 'so it says' }, passed(LEASE));
  scene.pass(5);
  expect(scene.state(1)).toBe('leased');
  expect(scene.store.rows().events).toHaveLength(before);
  expect(other.committed()).toBe(6);
});

test('G21 coordinator: a hello under another principal -> that link is closed with 4403, the worker stays', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 1);
  const thief = scene.worker('w1', 'w1#2', 1, undefined, 'eve');
  expect(thief.closed()).toBe(4403);
  expect(thief.welcome()).toBeUndefined();
  expect(worker.closed()).toBeUndefined();
  worker.say(passed(LEASE));
  expect(scene.state(1)).toBe('passed');
});

test('S3 coordinator: restarts, then a hello of a dead life comes late -> 4409 for it alone, the present life stays', () => {
  const scene = createScene();
  readyWorker(scene, 'w1');
  readyWorker(scene, 'w1', 1, 'w1#2');
  submit(scene, 1);
  scene.restart();
  const present = scene.worker('w1', 'w1#2');
  present.answerInventory([{ ...LEASE, state: 'running' }]);
  const late = scene.worker('w1', 'w1#1');
  expect(late.closed()).toBe(4409);
  expect(present.closed()).toBeUndefined();
  present.say(passed(LEASE));
  expect(scene.state(1)).toBe('passed');
});

test('P4 coordinator: only the hedge of its own task is left for a worker -> another one gets it as soon as it has room', () => {
  const scene = createScene();
  const first = readyWorker(scene, 'a', 2);
  submit(scene, 1, { onDisconnect: 'hedge' });
  const second = readyWorker(scene, 'b');
  const { session, token } = first.welcome();
  // The other is busy, so the hedge waits.
  submit(scene, 1, { onDisconnect: 'wait' }, 'k2');
  const busy = [...first.assigned(), ...second.assigned()].find(({ run }) => run === 2)!;
  expect(second.assigned()).toEqual([busy]);
  first.hangUp();
  for (let at = 0; at < 10_000; at += 2500) {
    scene.pass(2500);
    second.beat(HELD('2.1.1'), 0);
  }
  expect(scene.store.rows().ready).toHaveLength(1);
  second.say(passed(busy));
  expect(second.assigned().at(-1)).toEqual(AGAIN);
  const back = scene.worker('a', 'a#1', 2, { session, token, received: first.received.length });
  back.beat(HELD('1.1.1'), 1);
  // The second attempt dies while the first worker is back: its place comes back, for a third worker.
  scene.input({ kind: 'deathReported', worker: 'b' as never, incarnation: 'b#1' as never, reason: 'reaped' });
  scene.pass(10);
  expect(back.assigned()).toEqual([]);
  const claims = scene.commits('task.claim');
  scene.pass(1000);
  expect(scene.commits('task.claim')).toBe(claims);
  expect(readyWorker(scene, 'c').assigned()).toEqual([{ run: 1, n: 1, epoch: 3 }]);
});

test('M5 coordinator: nothing that concerns placement happens -> no turn is due for it', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 3);
  const claims = scene.commits('task.claim');
  for (let at = 0; at < 9000; at += 3000) {
    worker.beat(HELD('1.1.1'), 0);
    expect(scene.deadline()!).toBeGreaterThan(scene.now());
    scene.pass(3000);
  }
  expect(scene.commits('task.claim')).toBe(claims);
});

test('coordinator: interrupted runs hold more tasks than the queue may -> a new submission is taken all the same', () => {
  const scene = createScene({ queuedMax: 5 });
  expect(submit(scene, 5)).toMatchObject({ ok: true });
  expect(submit(scene, 1, {}, 'k2')).toMatchObject({ ok: false, status: 429, code: 'queue_full' });
  scene.request({ kind: 'interruptRun', id: runId('r-k') });
  expect(submit(scene, 5, {}, 'k2')).toMatchObject({ ok: true });
  expect(submit(scene, 1, {}, 'k3')).toMatchObject({ ok: false, status: 429 });
});

test('coordinator: a task fails that others wait for -> each of them is told as cancelled, with its reason', () => {
  const scene = createScene();
  const worker = readyWorker(scene, 'w1');
  submit(scene, 4, {}, 'k', { 2: [1], 3: [2], 4: [] });
  worker.say({ t: 'finished', ...LEASE, result: { outcome: 'failed', durationMs: 1, cases: [] } });
  const told = scene.published().filter((event) => event.e === 'task' && event.state === 'cancelled');
  expect(told).toEqual([
    { e: 'task', n: 2, name: '', state: 'cancelled', reason: 'task 1 did not pass' },
    { e: 'task', n: 3, name: '', state: 'cancelled', reason: 'task 2 did not pass' },
  ]);
});

const PRINT: Fingerprint = { repository: 'a/b', commit: 'c1', dirty: 'clean', lockfile: 'l1', platform: 'linux-x64', node: 'v26.10.0' };
const OTHER: Fingerprint = { ...PRINT, commit: 'c2' };
const WHY = 'no worker has this state of the repository; the nearest, old: commit: the run has c1, the worker has c2';
const NOBODY = 'no worker is connected; the run goes on when one with this state of the repository is';
const withState = (scene: Scene, id: string, print: Fingerprint): WorkerEnd => {
  const end = scene.worker(id, `${id}#1`, 1, undefined, 'w', print);
  end.answerInventory();
  return end;
};
const noticesOf = (scene: Scene): string[] => scene.published().flatMap((event) => (event.e === 'notice' ? [event.text] : []));

test('W1 coordinator: a run waits, and a worker registers with another state -> its readers learn the difference, once', () => {
  const scene = createScene();
  scene.pass(10_000);
  submit(scene, 1, {}, 'k', {}, PRINT);
  expect(noticesOf(scene)).toEqual([]);
  const old = withState(scene, 'old', OTHER);
  expect(noticesOf(scene)).toEqual([WHY]);
  withState(scene, 'older', { ...OTHER, lockfile: 'l0' });
  expect(noticesOf(scene)).toEqual([WHY]);
  // The checkout is brought up to date: the run goes on.
  const registration = { name: 'old', slots: 1, labels: {}, pid: 1, fingerprint: PRINT };
  old.say({ t: 'registered', registration });
  expect(old.assigned()).toEqual([LEASE]);
  expect(noticesOf(scene)).toEqual([WHY]);
});

test('W1 coordinator: the last worker of the state says goodbye, then the others -> told at each change; a run that any may run is not', () => {
  const scene = createScene();
  scene.pass(10_000);
  const right = withState(scene, 'right', PRINT);
  const old = withState(scene, 'old', OTHER);
  submit(scene, 2, {}, 'k', {}, PRINT);
  right.hangUp();
  expect(noticesOf(scene)).toEqual([]);
  scene.input({ kind: 'deathReported', worker: 'right' as never, incarnation: 'right#1' as never, reason: 'reaped' });
  expect(noticesOf(scene)).toEqual([WHY]);
  submit(scene, 1, {}, 'k2');
  old.say({ t: 'goodbye', reason: 'done' });
  expect(noticesOf(scene)).toEqual([WHY, NOBODY]);
});

test('W2 coordinator: restarts, and the right worker comes back last -> nothing is told', () => {
  const scene = createScene();
  withState(scene, 'right', PRINT);
  submit(scene, 2, {}, 'k', {}, PRINT);
  scene.restart();
  withState(scene, 'old', OTHER);
  scene.pass(9000);
  const right = scene.worker('right', 'right#1', 1, undefined, 'w', PRINT);
  right.answerInventory([{ ...LEASE, state: 'running' }]);
  scene.pass(1000);
  expect(noticesOf(scene)).toEqual([]);
});

test('coordinator: nobody here has the state of a submission -> refused with the nearest; somebody out of reach for a moment has -> taken', () => {
  const scene = createScene();
  withState(scene, 'old', OTHER);
  expect(submit(scene, 1, {}, 'k', {}, PRINT)).toMatchObject({ status: 409, code: 'fingerprint_mismatch', message: WHY });
  withState(scene, 'right', PRINT).hangUp();
  expect(submit(scene, 1, {}, 'k', {}, PRINT)).toMatchObject({ ok: true });
});

test('G21 coordinator: a death is reported by another principal -> nothing changes, after a restart too; by its own -> believed', () => {
  const scene = createScene();
  readyWorker(scene, 'w1');
  submit(scene, 1);
  const death = { kind: 'deathReported', worker: 'w1' as never, incarnation: 'w1#1' as never, reason: 'reaped' } as const;
  scene.input({ ...death, principal: 'eve' });
  expect(scene.state(1)).toBe('leased');
  scene.restart();
  scene.input({ ...death, principal: 'eve' });
  expect(scene.state(1)).toBe('leased');
  scene.input({ ...death, principal: 'w' });
  expect(scene.state(1)).toBe('queued');
});

test('E3 coordinator: the first hello of a dead life comes after that of the next one -> the present life stays (seed 20295)', () => {
  const scene = createScene();
  const present = readyWorker(scene, 'w1', 1, 'w1#2');
  submit(scene, 1);
  const registration = { name: 'w1', slots: 1, labels: {}, pid: 1 };
  const hello = { f: 'hello' as const, protocol: [2], worker: 'w1', incarnation: 'w1#1', registration };
  scene.input({ kind: 'linkOpened', link: 0, principal: 'w', session: 's0', token: 't0', hello, proof: 'p' });
  expect(scene.notes).toContain('hello.refused');
  expect(present.closed()).toBeUndefined();
  present.say(passed(LEASE));
  expect(scene.state(1)).toBe('passed');
});

test('E5 coordinator: two lives take turns under one id -> both refused with 4409 at the third turn, an alert; a restart that found no live link is no turn', () => {
  const scene = createScene();
  const calm = createScene();
  const ends = ['w1#1', 'w1#2', 'w1#3', 'w1#4'].map((life) => scene.worker('w1', life));
  expect(ends.map((end) => end.closed())).toEqual([4409, 4409, 4409, 4409]);
  expect(ends[3]!.welcome()).toBeUndefined();
  expect(scene.notes).toContain('worker.twoLives');
  for (const life of ['w1#1', 'w1#2', 'w1#3', 'w1#4', 'w1#5']) {
    const end = calm.worker('w1', life);
    expect(end.closed()).toBeUndefined();
    end.hangUp();
  }
  expect(calm.notes).not.toContain('worker.twoLives');
});

test('P5 coordinator: a restart with several workers -> each is told its own time to call again', () => {
  const scene = createScene();
  for (const id of ['w1', 'w2', 'w3']) readyWorker(scene, id);
  scene.input({ kind: 'drainAsked', reason: 'update' });
  scene.pass(1000);
  const slots = scene.goaways();
  expect(slots).toHaveLength(3);
  expect(new Set(slots).size).toBe(3);
});
