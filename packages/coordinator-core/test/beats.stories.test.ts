/** A coordinator beside others: it beats in the store, and renews nothing that a peer may have taken over. */
import { expect, test } from 'vitest';
import { createScene } from './scene.ts';

const alone = { count: 0, hash: 0 };

test('beats: nothing to commit -> an empty batch every 2 s, none with a coordinator that is alone', () => {
  const scene = createScene({ beatEveryMs: 2000 });
  scene.hold();
  scene.pass(2000);
  scene.pass(10_000);
  // One is under way: the next waits for it.
  expect(scene.heldBatches()).toEqual([0]);
  scene.land();
  scene.hold();
  scene.pass(2000);
  expect(scene.heldBatches()).toEqual([0]);
  const single = createScene();
  single.hold();
  single.pass(100_000);
  expect(single.heldBatches()).toEqual([]);
});

test('beats: the last committed batch was sent half a TTL ago or longer -> heartbeats renew nothing, until one is committed', () => {
  const scene = createScene({ beatEveryMs: 2000, leaseTtlMs: 10_000 });
  const worker = scene.worker('w1');
  worker.answerInventory();
  worker.beat(alone, 1);
  expect(worker.renewed()).toBe(true);
  scene.hold();
  scene.pass(2000);
  worker.beat(alone, 1);
  expect(worker.renewed()).toBe(true);
  scene.pass(3500);
  worker.beat(alone, 1);
  expect(worker.renewed()).toBe(false);
  scene.land();
  scene.pass(100);
  worker.beat(alone, 1);
  // It was sent 3.6 s ago.
  expect(worker.renewed()).toBe(true);
});
