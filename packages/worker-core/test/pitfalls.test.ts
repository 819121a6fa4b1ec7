/** How an earlier system failed, and what this one does instead. */
import type { CoordinatorMessage } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { brief, createScene, ended, LEASE } from './scene.ts';

test('D11 worker: a running task is paused while it saves a checkpoint -> both go through, and it ends as it would', () => {
  const scene = createScene();
  scene.open();
  scene.assign([{}]);
  scene.attempt({ kind: 'started', lease: LEASE });
  scene.effects();
  scene.say({ t: 'pause', ...LEASE, paused: true });
  scene.attempt({ kind: 'checkpoint', lease: LEASE, seq: 1, data: { page: 1 } });
  scene.attempt({ kind: 'paused', lease: LEASE, paused: true });
  scene.attempt({ kind: 'checkpoint', lease: LEASE, seq: 2, data: { page: 2 } });
  expect(scene.leases()).toEqual(['1.1.1 paused']);
  scene.say({ t: 'pause', ...LEASE, paused: false });
  scene.attempt({ kind: 'paused', lease: LEASE, paused: false });
  scene.attempt(ended());
  expect(scene.effects().map(({ kind }) => kind)).toEqual(['pause', 'pause']);
  expect(brief(scene.said)).toEqual([
    'started 1.1.1',
    'checkpoint 1.1.1',
    'paused 1.1.1',
    'checkpoint 1.1.1',
    'paused 1.1.1',
    'finished 1.1.1',
  ]);
});

test('D22 worker: every type that a coordinator may send -> none is unknown; a type of the future is answered and survived', () => {
  const messages: { readonly [Type in CoordinatorMessage['t']]: Extract<CoordinatorMessage, { t: Type }> } = {
    inventory: { t: 'inventory', token: 2 },
    reconciled: { t: 'reconciled', token: 2, keep: [] },
    run: { t: 'run', run: 1, id: 'r', spec: {} },
    assign: {
      t: 'assign',
      run: 1,
      leases: [{ n: 1, epoch: 1, name: 't', body: { kind: 'noop' }, timeoutMs: 0, graceMs: 0, onDisconnect: 'hedge' }],
    },
    pause: { t: 'pause', ...LEASE, paused: true },
    stop: { t: 'stop', ...LEASE, as: 'cancelled' },
    forget: { t: 'forget', run: 1 },
    unknown: { t: 'unknown', type: 'mine' },
    drain: { t: 'drain' },
  };
  const scene = createScene();
  scene.open();
  for (const message of Object.values(messages)) scene.say(message);
  expect(scene.notes.filter((note) => note.startsWith('message.unknown '))).toEqual([]);
  scene.say({ t: 'of the future' } as never);
  expect(scene.said.at(-1)).toEqual({ t: 'unknown', type: 'of the future' });
  expect(scene.node.snapshot().connected).toBe(true);
});
