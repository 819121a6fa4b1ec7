/** What a worker leaves to its next life, and how it works while its coordinator is away (W7). */
import type { RunId } from '@holdfast/model';
import { expect, test } from 'vitest';
import type { Spooled } from '../src/index.ts';
import { brief, createScene, ended, LEASE } from './scene.ts';

const started = { kind: 'started', lease: LEASE } as const;
const checkpoint = (seq: number) => ({ kind: 'checkpoint', lease: LEASE, seq, data: { page: seq } }) as const;
const event = (notes: readonly string[], name: string): string[] => notes.filter((note) => note.startsWith(`${name} `));

test('W7 D13 D23 spool: a result -> spooled before it is sent, given up when the coordinator has committed it, not when it has received it', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(started);
  scene.attempt(ended());
  expect([...scene.spool.keys()]).toEqual(['1.1.1']);
  expect(scene.spool.get('1.1.1')).toMatchObject({ run: 'r', lease: LEASE, messages: [{ t: 'finished' }] });
  scene.pass(3000);
  scene.renew();
  expect([...scene.spool.keys()]).toEqual(['1.1.1']);
  scene.commit();
  expect([...scene.spool.keys()]).toEqual([]);
});

test('W7 D21 spool: checkpoints -> only the last is kept, and none beside a result', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(started);
  scene.attempt(checkpoint(1));
  scene.attempt(checkpoint(2));
  expect([...scene.spool.keys()]).toEqual(['1.1.1/2']);
  scene.attempt(ended());
  expect([...scene.spool.keys()]).toEqual(['1.1.1']);
});

test('W7 spool: the coordinator stops a lease -> its checkpoint is given up', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(started);
  scene.attempt(checkpoint(1));
  scene.say({ t: 'stop', ...LEASE, as: 'cancelled' });
  expect([...scene.spool.keys()]).toEqual([]);
});

const left = (...messages: Spooled['messages']): Spooled => ({ run: 'r' as RunId, lease: LEASE, messages });
const finished: Spooled['messages'][number] = { t: 'finished', ...LEASE, result: { outcome: 'passed', durationMs: 1, cases: [] } };
const saved = (seq: number) => ({ t: 'checkpoint', ...LEASE, seq, data: { page: seq } }) as const;

test('S4 W7 recovered: a result of an earlier life -> named with its run, offered only once it is wanted, then forgotten', () => {
  const scene = createScene(2, [left(finished)]);
  scene.open('fresh', 'later');
  scene.say({ t: 'inventory', token: 7 });
  expect(scene.said).toEqual([{ t: 'inventory', token: 7, leases: [{ ...LEASE, state: 'finished', id: 'r' }] }]);
  scene.say({ t: 'reconciled', token: 7, keep: [LEASE] });
  expect(brief(scene.said)).toEqual(['inventory', 'finished 1.1.1']);
  expect(scene.beats().at(-1)?.held.count).toBe(0);
  scene.commit();
  expect(scene.leases()).toEqual([]);
  expect(scene.effects()).toEqual([]);
});

test('W7 recovered: a result that is not wanted (recorded before, or of another store) -> given up, never offered', () => {
  const scene = createScene(2, [left(finished)]);
  scene.spool.set('1.1.1', left(finished));
  scene.open('fresh', []);
  expect(scene.said).toEqual([]);
  expect([...scene.spool.keys()]).toEqual([]);
  expect(scene.leases()).toEqual([]);
});

test('W7 D21 recovered: only a checkpoint -> it is offered, and then that the lease is lost', () => {
  const scene = createScene(2, [left(saved(3)), left(saved(4))]);
  scene.open('fresh', 'later');
  scene.say({ t: 'inventory', token: 1 }, { t: 'reconciled', token: 1, keep: [LEASE] });
  expect(brief(scene.said)).toEqual(['inventory', 'checkpoint 1.1.1', 'lost 1.1.1']);
  expect(scene.said[1]).toMatchObject({ seq: 4 });
});

test('W1 recovered: its lease is assigned again -> nothing is started', () => {
  const scene = createScene(2, [left(finished)]);
  scene.open('fresh', [LEASE]);
  scene.assign([{}]);
  expect(scene.effects()).toEqual([]);
});

test('W7 recovered: what no schema knows -> left out and told, the rest is taken', () => {
  const scene = createScene(2, [left({ t: 'future' } as never), { nonsense: 1, messages: [] } as never, left(finished)]);
  expect(event(scene.notes, 'spool.unreadable')).toEqual(['spool.unreadable {"records":2}']);
  expect(scene.leases()).toEqual(['1.1.1 finished']);
});

test('W7 spool full -> no credit, what waits goes back, a new lease goes back; room again -> takes work', () => {
  const scene = createScene(1);
  scene.open();
  scene.assign([{}, { n: 2 }]);
  scene.attempt(started);
  scene.input({ kind: 'spoolChanged', full: true, reason: 'ENOSPC' });
  expect(brief(scene.said)).toContain('released 1.2.1');
  scene.assign([{ n: 3 }]);
  expect(brief(scene.said)).toContain('released 1.3.1');
  scene.attempt(ended());
  scene.pass(3000);
  expect(scene.beats().at(-1)).toMatchObject({ credits: 0 });
  scene.input({ kind: 'spoolChanged', full: false, reason: '' });
  scene.pass(3000);
  expect(scene.beats().at(-1)).toMatchObject({ credits: 1 });
  expect(event(scene.notes, 'worker.spoolFull')).toHaveLength(1);
  expect(event(scene.notes, 'worker.spoolHasRoom')).toHaveLength(1);
});

test('W5 W7 refused for good with a result -> it stays spooled for a life that is welcome', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(started);
  scene.attempt(ended());
  scene.cut(4401);
  expect([...scene.spool.keys()]).toEqual(['1.1.1']);
  expect(scene.effects().at(-1)).toMatchObject({ kind: 'ended', code: 4401 });
});

test('W7 local operation: the coordinator is away -> told with what goes on and until when; replace stops at 0.8 TTL, wait at 0.8 lostAfter, hedge never', () => {
  const scene = createScene(3);
  scene.open();
  scene.assign([{ onDisconnect: 'replace' }, { n: 2, onDisconnect: 'wait' }, { n: 3 }]);
  for (const n of [1, 2, 3]) scene.attempt({ kind: 'started', lease: { ...LEASE, n } });
  scene.pass(3000);
  scene.renew();
  const renewedAt = scene.now();
  scene.effects();
  scene.cut();
  expect(scene.node.snapshot()).toMatchObject({ local: true, connected: false });
  expect(event(scene.notes, 'worker.localBegan')).toHaveLength(1);
  expect(scene.notes.at(-1)).toMatch(/"replace":1,"hedge":1,"wait":1,"results":0,"firstStopInMs":(7|8)\d\d\d/);
  scene.pass(renewedAt + 7000 - scene.now());
  expect(scene.effects().filter(({ kind }) => kind === 'stop')).toEqual([]);
  scene.pass(1100);
  expect(scene.effects().filter(({ kind }) => kind === 'stop')).toMatchObject([{ lease: { n: 1 } }]);
  scene.pass(87_000);
  expect(scene.effects().filter(({ kind }) => kind === 'stop')).toEqual([]);
  scene.pass(2000);
  expect(scene.effects().filter(({ kind }) => kind === 'stop')).toMatchObject([{ lease: { n: 2 } }]);
  scene.pass(600_000);
  expect(scene.effects().filter(({ kind }) => kind === 'stop')).toEqual([]);
  expect(scene.leases()).toContain('1.3.1 running');
});

test('W7 local operation: a result while away, back in a new session -> inventory, kept, offered once; the end is told', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt(started);
  scene.cut();
  scene.attempt(ended());
  expect([...scene.spool.keys()]).toEqual(['1.1.1']);
  scene.pass(60_000);
  scene.open('fresh', 'later');
  expect(scene.node.snapshot().local).toBe(true);
  scene.say({ t: 'inventory', token: 2 }, { t: 'reconciled', token: 2, keep: [LEASE] });
  expect(brief(scene.said)).toEqual(['inventory', 'finished 1.1.1']);
  expect(scene.node.snapshot().local).toBe(false);
  expect(event(scene.notes, 'worker.localEnded')).toHaveLength(1);
});

test('W8 worker: more waits than the session lets pass -> it wants nothing; once it is told, it wants as much as before', () => {
  const scene = createScene();
  scene.input({ kind: 'started' });
  scene.open();
  const credits = (): number => scene.beats().at(-1)!.credits;
  expect(credits()).toBe(2);
  // Each is answered, and the answers are not taken.
  for (let frame = 0; frame < 2; frame += 1) scene.say(...Array.from({ length: 2800 }, () => ({ t: 'strange' }) as never));
  scene.pass(3000);
  expect(credits()).toBe(0);
  for (let turn = 0; turn < 8; turn += 1) scene.commit();
  scene.pass(300);
  expect(credits()).toBe(2);
});
