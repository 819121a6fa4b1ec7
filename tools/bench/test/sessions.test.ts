import { expect, onTestFinished, test } from 'vitest';
import { cleanUp } from '../src/cleanup.ts';
import { benchSession } from '../src/session.ts';
import { sessionsFigures } from '../src/storm.ts';

const say = (): void => {};

test('session: a tiny size -> every figure of both directions, from two processes, all messages in order', async () => {
  onTestFinished(cleanUp);
  const { figures, notMeasured } = await benchSession({ repetitions: 1, size: 1500, say });
  expect(notMeasured).toEqual([]);
  expect(Object.keys(figures)).toEqual(
    expect.arrayContaining(['vs_raw_ws', 'cpu_us_per_message_up', 'cpu_us_per_message_down', 'cpu_us_per_message_up_client']),
  );
  for (const { median } of Object.values(figures)) expect(median).toBeGreaterThan(0);
}, 120_000);

test('storm: a few sessions, their server killed with messages under way, then every link cut -> all back, nothing lost', async () => {
  onTestFinished(cleanUp);
  const figures = await sessionsFigures(20, { idleMs: 10, apartMs: 10 });
  expect(figures).toMatchObject({ lost: 0, cut_lost: 0, cut_repeated: 0, cut_resumed: 20 });
  expect(figures['resumed_all_ms']).toBeGreaterThanOrEqual(0);
}, 120_000);
