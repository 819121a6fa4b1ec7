import { fingerprintClass } from '@holdfast/model';
import { CONSTANT_DIGEST } from '@holdfast/testkit';
import { expect, test } from 'vitest';
import { brief, createScene, ended, LEASE } from './scene.ts';

const starts = (effects: readonly { kind: string }[]): number => effects.filter((effect) => effect.kind === 'start').length;

test('worker: a lease is assigned, runs and ends -> its result is offered until it is committed', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  expect(scene.effects()).toMatchObject([{ kind: 'start', slot: 0, order: LEASE, run: { id: 'r' } }]);
  scene.attempt({ kind: 'started', lease: LEASE });
  scene.attempt(ended());
  expect(brief(scene.said)).toEqual(['started 1.1.1', 'finished 1.1.1']);
  expect(scene.leases()).toEqual(['1.1.1 finished']);
  scene.commit();
  expect(scene.leases()).toEqual([]);
});

test('W1 worker: an assignment is repeated -> one start', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.assign([{}]);
  expect(starts(scene.effects())).toBe(1);
});

test('L1 worker: more leases than slots -> they start as slots become free', () => {
  const scene = createScene(1);
  scene.open();
  scene.assign([{ n: 1 }, { n: 2 }]);
  expect(starts(scene.effects())).toBe(1);
  scene.attempt(ended());
  expect(scene.effects()).toMatchObject([{ kind: 'start', order: { n: 2 }, slot: 0 }]);
});

test('W2 worker: the link drops before a result is committed and a new session begins -> offered again, after the inventory', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(ended());
  scene.cut();
  scene.pass(5000);
  scene.open('fresh', 'later');
  scene.pass(100);
  expect(scene.said).toEqual([]);
  scene.say({ t: 'inventory', token: 7 });
  expect(scene.said).toEqual([{ t: 'inventory', token: 7, leases: [{ ...LEASE, state: 'finished' }] }]);
  scene.say({ t: 'reconciled', token: 7, keep: [{ ...LEASE }] });
  expect(brief(scene.said)).toEqual(['inventory', 'finished 1.1.1']);
});

test('W2 worker: an inventory inside a session keeps a result that is on its way -> not offered twice', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(ended());
  scene.say({ t: 'inventory', token: 8 }, { t: 'reconciled', token: 8, keep: [{ ...LEASE }] });
  expect(brief(scene.said)).toEqual(['finished 1.1.1', 'inventory']);
});

test('worker: the link drops and the session resumes -> the attempt goes on, the result is said once', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt({ kind: 'started', lease: LEASE });
  scene.cut();
  scene.attempt(ended());
  scene.pass(5000);
  scene.open('resumed');
  expect(scene.hello().resume).toMatchObject({ session: 's1' });
  expect(brief(scene.said)).toEqual(['started 1.1.1', 'finished 1.1.1']);
  expect(scene.effects().map((effect) => effect.kind)).toEqual(['start']);
});

test('S4 worker: a new session does not keep what runs -> it is stopped and its result thrown away', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.cut();
  scene.pass(5000);
  scene.open('fresh', []);
  expect(scene.effects()).toMatchObject([{ kind: 'start' }, { kind: 'stop', lease: LEASE }]);
  scene.attempt(ended());
  expect(scene.said).toEqual([]);
  expect(scene.leases()).toEqual([]);
});

test('worker: a run ended while the worker was away -> forgotten with the former session', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(ended());
  scene.commit();
  scene.cut();
  scene.pass(5000);
  scene.effects();
  scene.open();
  expect(scene.effects()).toEqual([{ kind: 'forgetRun', run: 1 }]);
});

test('L2 worker: a lease is revoked while its result is offered -> dropped', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(ended());
  scene.say({ t: 'stop', ...LEASE, as: 'cancelled' });
  expect(scene.leases()).toEqual([]);
});

test('L3 worker: a lease is revoked while it runs -> its slot is free only when its process has ended', () => {
  const scene = createScene(1);
  scene.open();
  scene.assign([{ n: 1 }]);
  scene.say({ t: 'stop', ...LEASE, as: 'cancelled' });
  scene.assign([{ n: 2 }]);
  expect(scene.effects().map((effect) => effect.kind)).toEqual(['start', 'stop']);
  scene.attempt(ended());
  expect(scene.effects()).toMatchObject([{ kind: 'start', order: { n: 2 } }]);
});

test('worker: a result of many cases -> parts before it, nothing lost', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  const names = Array.from({ length: 3000 }, (_, index) => `case ${index} ${'x'.repeat(200)}`);
  scene.attempt(ended(LEASE, names));
  const parts = scene.said.filter((message) => message.t === 'part');
  const last = scene.said.at(-1)!;
  expect(last).toMatchObject({ t: 'finished', parts: parts.length });
  expect(parts.length).toBeGreaterThan(1);
  const cases = [...parts.flatMap((part) => part.cases), ...(last.t === 'finished' ? last.result.cases : [])];
  expect(cases.map((each) => each.path[0])).toEqual(names);
});

test('worker: drains -> finishes what runs, gives back what waits, takes nothing, says goodbye', () => {
  const scene = createScene(1);
  scene.open();
  scene.assign([{ n: 1 }, { n: 2 }]);
  scene.input({ kind: 'drainAsked', reason: 'update' });
  expect(brief(scene.said)).toEqual(['released 1.2.1']);
  scene.assign([{ n: 3 }]);
  scene.attempt(ended());
  expect(brief(scene.said)).toEqual(['released 1.2.1', 'released 1.3.1', 'finished 1.1.1']);
  scene.commit();
  expect(brief(scene.said).at(-1)).toBe('goodbye');
  scene.commit();
  expect(scene.effects().at(-1)).toMatchObject({ kind: 'ended', code: 0 });
});

test('worker: stops -> ends what runs, gives it back, says goodbye', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.input({ kind: 'stopAsked', reason: 'signal' });
  expect(scene.effects().map((effect) => effect.kind)).toEqual(['start', 'stop']);
  scene.attempt(ended());
  expect(brief(scene.said)).toEqual(['released 1.1.1', 'goodbye']);
});

test('worker: stops while the coordinator is away -> ends without it', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(ended());
  scene.cut();
  scene.input({ kind: 'stopAsked', reason: 'signal' });
  expect(scene.effects().at(-1)).toMatchObject({ kind: 'ended', code: 0 });
});

test('W5 worker: stops with a result on its way, then the link drops -> ends without it', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(ended());
  scene.input({ kind: 'stopAsked', reason: 'signal' });
  expect(scene.leases()).toEqual(['1.1.1 finished']);
  scene.cut();
  expect(scene.effects().at(-1)).toMatchObject({ kind: 'ended', code: 0 });
});

test('W5 worker: stops and the coordinator commits nothing -> says goodbye 10 s after the last process ended', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{ n: 1 }, { n: 2 }]);
  scene.attempt(ended());
  scene.input({ kind: 'stopAsked', reason: 'signal' });
  const beatFor = (seconds: number): void => {
    for (let second = 0; second < seconds; second += 1) {
      scene.pass(1000);
      scene.renew();
    }
  };
  beatFor(30);
  expect(scene.leases()).toEqual(['1.1.1 finished', '1.2.1 returning']);
  scene.attempt(ended({ run: 1, n: 2, epoch: 1 }));
  beatFor(9);
  expect(scene.leases()).toEqual(['1.1.1 finished']);
  beatFor(1);
  expect(scene.leases()).toEqual([]);
  expect(brief(scene.said).at(-1)).toBe('goodbye');
});

test('W5 worker: a second stop -> ends without waiting for processes, and without a goodbye', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.input({ kind: 'stopAsked', reason: 'signal' });
  scene.input({ kind: 'stopAsked', reason: 'signal' });
  scene.pass(5000);
  expect(scene.effects().at(-1)).toMatchObject({ kind: 'ended', code: 0 });
  expect(brief(scene.said)).toEqual([]);
});

test('W5 worker: drains while the coordinator is gone -> keeps its result until a stop', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.cut();
  scene.input({ kind: 'drainAsked', reason: 'signal' });
  scene.attempt(ended());
  scene.pass(3_600_000);
  expect(scene.node.snapshot()).toMatchObject({ state: 'draining', unsettled: 1 });
  scene.input({ kind: 'stopAsked', reason: 'signal' });
  expect(scene.node.snapshot()).toMatchObject({ state: 'ended', unsettled: 0 });
  scene.pass(5000);
  expect(scene.effects().at(-1)).toMatchObject({ kind: 'ended', code: 0 });
});

test('S5 worker: drains with a slot that is free -> a beat at once that wants nothing more', () => {
  const scene = createScene(2);
  scene.open();
  scene.assign([{}]);
  scene.pass(1000);
  expect(scene.beats().at(-1)).toMatchObject({ held: { count: 0 }, credits: 2 });
  scene.input({ kind: 'drainAsked', reason: 'update' });
  expect(scene.beats().at(-1)).toMatchObject({ held: { count: 1 }, credits: 0 });
});

test('worker: a pause comes before there is a process -> passed when there is; taken back before that -> not', () => {
  const scene = createScene(1);
  scene.open();
  scene.assign([{ n: 1 }, { n: 2 }]);
  const second = { run: 1, n: 2, epoch: 1 };
  scene.say({ t: 'pause', ...LEASE, paused: true }, { t: 'pause', ...second, paused: true });
  scene.effects();
  scene.attempt({ kind: 'started', lease: LEASE });
  expect(scene.effects()).toEqual([{ kind: 'pause', lease: LEASE, paused: true }]);
  scene.attempt(ended());
  scene.say({ t: 'pause', ...second, paused: false });
  scene.attempt({ kind: 'started', lease: second });
  expect(scene.effects().map((effect) => effect.kind)).toEqual(['start']);
});

test.for([
  { onDisconnect: 'replace', stopsAt: 8000 },
  { onDisconnect: 'wait', stopsAt: 96_000 },
] as const)(
  'W4 worker: no renewal under $onDisconnect -> stops $stopsAt ms after the last answered beat was sent',
  ({ onDisconnect, stopsAt }) => {
    const scene = createScene();
    scene.open();
    scene.assign([{ onDisconnect }]);
    scene.pass(3000);
    const sentAt = scene.now();
    scene.pass(400);
    scene.renew();
    scene.cut();
    scene.effects();
    scene.pass(sentAt + stopsAt - scene.now() - 1);
    expect(scene.effects().filter((effect) => effect.kind === 'stop')).toEqual([]);
    scene.pass(1);
    expect(scene.effects().filter((effect) => effect.kind === 'stop')).toEqual([{ kind: 'stop', lease: LEASE }]);
  },
);

test('W4 worker: no renewal under hedge -> runs on', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{ onDisconnect: 'hedge' }]);
  scene.cut();
  scene.pass(600_000);
  expect(scene.leases()).toEqual(['1.1.1 starting']);
});

test('W4 worker: a welcome comes before the lease is over -> renews nothing', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{ onDisconnect: 'replace' }]);
  scene.cut();
  scene.pass(7000);
  scene.open('fresh', 'later');
  scene.effects();
  scene.pass(1000);
  expect(scene.effects()).toContainEqual({ kind: 'stop', lease: LEASE });
});

test('worker: a checkpoint is committed -> the attempt is told; before that a new session offers it again', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt({ kind: 'started', lease: LEASE });
  scene.attempt({ kind: 'checkpoint', lease: LEASE, seq: 1, data: { at: 1 } });
  scene.cut();
  scene.pass(5000);
  scene.open('fresh', 'later');
  scene.say({ t: 'inventory', token: 2 }, { t: 'reconciled', token: 2, keep: [{ ...LEASE }] });
  expect(brief(scene.said)).toEqual(['inventory', 'checkpoint 1.1.1', 'started 1.1.1']);
  scene.commit();
  expect(scene.effects().at(-1)).toEqual({ kind: 'checkpointSettled', lease: LEASE, seq: 1 });
});

test('S5 worker: beats name what is held and how much more is wanted', () => {
  const scene = createScene(2);
  scene.open();
  scene.assign([{}]);
  scene.pass(3000);
  expect(scene.beats().at(-1)).toMatchObject({ held: { count: 1 }, credits: 1 });
  scene.renew();
  scene.attempt(ended());
  scene.pass(3000);
  expect(scene.beats().at(-1)).toMatchObject({ held: { count: 0 }, credits: 2 });
});

test('worker: slots become fewer while more run -> those that end are not filled again', () => {
  const scene = createScene(2);
  scene.open();
  scene.assign([{ n: 1 }, { n: 2 }]);
  scene.input({ kind: 'registrationChanged', registration: { name: 'w', slots: 1, labels: {}, pid: 1 } });
  scene.effects();
  scene.assign([{ n: 3 }]);
  scene.attempt(ended({ run: 1, n: 2, epoch: 1 }));
  expect(starts(scene.effects())).toBe(0);
  scene.attempt(ended());
  expect(scene.effects()).toMatchObject([{ kind: 'start', order: { n: 3 }, slot: 0 }]);
});

const at = (commit: string) => ({ repository: 'r', commit, dirty: 'clean', lockfile: 'none', platform: 'linux-x64', node: 'v26' });
const registered = (commit?: string) => ({
  kind: 'registrationChanged' as const,
  registration: { name: 'w', slots: 2, labels: {}, pid: 1, ...(commit === undefined ? {} : { fingerprint: at(commit) }) },
});

test('W6 worker: the checkout changes -> tells its state, then gives back what is of the former one; the rest goes on', () => {
  const scene = createScene(2);
  scene.input(registered('a'));
  scene.open();
  scene.assign([{ n: 1 }, { n: 2 }], 1, fingerprintClass(at('a')));
  scene.assign([{ n: 3 }], 2);
  scene.attempt(ended());
  expect(starts(scene.effects())).toBe(3);
  scene.assign([{ n: 4 }], 1, fingerprintClass(at('a')));
  scene.said.length = 0;
  scene.input(registered('b'));
  expect(brief(scene.said)).toEqual(['registered', 'released 1.4.1']);
  expect(scene.effects()).toEqual([{ kind: 'stop', lease: { run: 1, n: 2, epoch: 1 } }]);
  expect(scene.leases()).toEqual(['1.1.1 finished', '1.2.1 returning', '2.3.1 starting']);
});

test.for(['b', undefined])('W6 worker: an assignment of another state than %s -> given back unstarted', (commit) => {
  const scene = createScene();
  scene.input(registered(commit));
  scene.open();
  scene.assign([{}], 1, fingerprintClass(at('a')));
  expect(brief(scene.said)).toEqual(['released 1.1.1']);
  expect(starts(scene.effects())).toBe(0);
});

test('W6 worker: the checkout changes while a hello is on its way -> told as soon as the session is open', () => {
  const scene = createScene();
  scene.input({ kind: 'linkOpened', link: 1 });
  scene.input({ kind: 'frameReceived', link: 1, frame: { f: 'challenge', protocol: 2, nonce: CONSTANT_DIGEST } });
  scene.input(registered('b'));
  const coordinator = { id: 'c', epoch: 1 };
  const times = { heartbeatEveryMs: 3000, leaseTtlMs: 10_000, lostAfterMs: 120_000 };
  scene.input({
    kind: 'frameReceived',
    link: 1,
    frame: { f: 'welcome', protocol: 2, proof: CONSTANT_DIGEST, session: 's', token: 't', ...times, coordinator, fresh: 'first' },
  });
  expect(scene.said).toMatchObject([{ t: 'registered', registration: { fingerprint: { commit: 'b' } } }]);
});
