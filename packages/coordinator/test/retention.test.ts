import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { api, eventually, startOne, type Started } from './harness.ts';

const noop = { name: 'a', body: { kind: 'noop' as const } };
const submit = async ({ client }: Started, name: string): Promise<string> => (await client.submit({ name, tasks: [noop], seal: true })).id;

test('retention: runs that are over beyond a number -> gone with their logs, the others stay', async () => {
  const first = await startOne();
  const open = await submit(first, 'open');
  const over: string[] = [];
  for (let index = 0; index < 5; index += 1) {
    const id = await submit(first, `over ${index}`);
    await first.client.cancel(id as never);
    mkdirSync(join(first.dataFolder, 'runs', id, 'logs'), { recursive: true });
    over.push(id);
  }
  await first.coordinator.close();
  const second = await startOne({ dataFolder: first.dataFolder, retention: { keepRuns: 2 } });
  const left = await eventually('three runs', async () => {
    const ids = (await second.client.runs({ limit: 100 })).map((run) => run.id as string);
    return ids.length === 3 ? ids : undefined;
  });
  expect(new Set(left)).toEqual(new Set([open, ...over.slice(3)]));
  await eventually('the logs to be gone', () => (existsSync(join(first.dataFolder, 'runs', over[0]!)) ? undefined : true));
  expect(existsSync(join(first.dataFolder, 'runs', over[4]!))).toBe(true);
  expect((await api(second, 'GET', `/api/v1/runs/${over[0]}`)).status).toBe(404);
});

test('queue: more than it may hold -> 429 with Retry-After, and nothing of it was written', async () => {
  const started = await startOne({ options: { queuedMax: 3 } });
  await started.client.submit({ name: 'fits', tasks: [noop, noop, noop], seal: true });
  const body = JSON.stringify({ name: 'too many', tasks: [noop] });
  const refused = await api(started, 'POST', '/api/v1/runs', { body, headers: { 'idempotency-key': 'k' } });
  expect([refused.status, refused.body.error?.code, refused.headers.get('retry-after')]).toEqual([429, 'queue_full', '1']);
  expect((await started.client.runs({ limit: 10 })).map((run) => run.name)).toEqual(['fits']);
});

test('audit: every event of a task names who did it', async () => {
  const started = await startOne();
  const id = await submit(started, 'r');
  const { token } = { token: await started.coordinator.mintToken(['cancel'], 'bob') };
  expect((await api(started, 'POST', `/api/v1/runs/${id}/tasks/1/cancel`, { token })).status).toBe(200);
  const task = (await started.client.task(id as never, 1))!;
  expect(task.events.map((event) => [event.kind, event.principal])).toEqual([
    ['tasks.added', 'local-admin'],
    ['task.cancelled', 'bob'],
  ]);
});
