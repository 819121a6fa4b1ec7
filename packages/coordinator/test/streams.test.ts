import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createClient } from '@holdfast/client';
import type { RunEvent } from '@holdfast/results';
import { expect, test } from 'vitest';
import { eventually, newFolder, rawRequest, startOne } from './harness.ts';
import { handWorker } from './hand-worker.ts';

const tasks = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `t${index + 1}`, body: { kind: 'noop' as const } }));
const ends = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.e === 'finished' || event.e === 'lost' ? [`${event.e} ${event.n}.${event.epoch}`] : []));

test('watch: a run from submit to end -> run, tasks, results, ended, in that order', async () => {
  const { client, coordinator } = await startOne();
  const { id } = await client.submit({ name: 'r', tasks: tasks(2), seal: true });
  const events: RunEvent[] = [];
  const ended = client.watchRun(id, { onEvent: (event) => events.push(event) });
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  worker.finish(await worker.assigned(1));
  worker.finish(await worker.assigned(2), 'failed');
  expect(await ended).toMatchObject({ e: 'ended', state: 'finished', counts: { passed: 1, failed: 1, total: 2 } });
  expect(events[0]).toMatchObject({ e: 'run' });
  const names = events.flatMap((event) => (event.e === 'task' ? [event.name] : []));
  expect([...new Set(names)]).toEqual(['t1', 't2']);
  expect(ends(events)).toEqual(['finished 1.1', 'finished 2.1']);
  expect(events.at(-1)).toMatchObject({ e: 'ended' });
});

test('watch: a run that is over already -> everything from the pages of results, more than one page of them', async () => {
  const { client, coordinator } = await startOne();
  const { id } = await client.submit({ name: 'r', tasks: tasks(600), seal: true });
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'), { slots: 600 });
  for (let n = 1; n <= 600; n += 1) worker.finish(await worker.assigned(n));
  await eventually('the end of the run', async () => ((await client.run(id)).state === 'finished' ? true : undefined));
  const events: RunEvent[] = [];
  await client.watchRun(id, { onEvent: (event) => events.push(event) });
  expect(ends(events).length).toBe(600);
  expect(new Set(ends(events)).size).toBe(600);
  expect(events.filter((event) => event.e === 'task').length).toBe(600);
});

test('watch: the coordinator restarts twice while results come in -> each result exactly once', async () => {
  const dataFolder = newFolder();
  const first = await startOne({ dataFolder });
  const listen = { host: '127.0.0.1', port: first.port };
  const token = await first.coordinator.mintToken(['worker:register'], 'w');
  const { id } = await first.client.submit({ name: 'r', tasks: tasks(6), seal: true });
  const watcher = createClient({ url: first.coordinator.url, token: first.coordinator.adminToken });
  const events: RunEvent[] = [];
  const notices: string[] = [];
  const ended = watcher.watchRun(id, { onEvent: (event) => events.push(event), onNotice: ({ kind }) => notices.push(kind) });

  let worker = await handWorker(first.coordinator.url, token, { incarnation: 'i1', slots: 6 });
  for (const n of [1, 2]) worker.finish(await worker.assigned(n));
  await eventually('two results', () => (ends(events).length === 2 ? true : undefined));
  await first.coordinator.close();
  expect(await worker.closed).toBe(1012);

  const second = await startOne({ dataFolder, listen });
  worker = await handWorker(second.coordinator.url, token, { incarnation: 'i2', slots: 6 });
  for (const n of [3, 4]) worker.finish(await worker.assigned(n));
  await eventually('two more', async () => ((await second.client.run(id)).counts.passed === 4 ? true : undefined));
  await second.coordinator.close();

  const third = await startOne({ dataFolder, listen });
  worker = await handWorker(third.coordinator.url, token, { incarnation: 'i3', slots: 6 });
  for (const n of [5, 6]) worker.finish(await worker.assigned(n));
  expect(await ended).toMatchObject({ state: 'finished', counts: { passed: 6 } });
  watcher.close();

  const told = ends(events);
  expect(new Set(told).size).toBe(told.length);
  expect(events.flatMap((event) => (event.e === 'finished' ? [event.n] : [])).sort()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(notices).toContain('disconnected');
  expect(events.filter((event) => event.e === 'ended').length).toBe(1);
}, 60_000);

test('events: a reader that does not read -> cut off at the bound, others go on', async () => {
  const { client, coordinator, port } = await startOne({ limits: { streamBacklogMax: 65_536 } });
  const { id } = await client.submit({ name: 'r', tasks: tasks(1), seal: true });
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  const lease = await worker.assigned(1);
  const slow = connect(port, '127.0.0.1');
  slow.pause();
  slow.write(rawRequest('GET', `/api/v1/runs/${id}/events`, { host: '127.0.0.1', authorization: `Bearer ${coordinator.adminToken}` }));
  const events: RunEvent[] = [];
  const ended = client.watchRun(id, { onEvent: (event) => events.push(event) });
  await eventually('both streams', async () => ((await client.metrics()).includes('holdfast_event_streams 2') ? true : undefined));
  const text = 'x'.repeat(60_000);
  let offset = 0;
  await eventually('the slow reader to be cut', async () => {
    for (let chunk = 0; chunk < 20; chunk += 1) {
      worker.send({ t: 'log', ...lease, offset, stream: 'out', text });
      offset += text.length;
    }
    return (await client.metrics()).includes('holdfast_event_streams 1') ? true : undefined;
  });
  worker.finish(lease);
  expect(await ended).toMatchObject({ state: 'finished' });
  slow.destroy();
}, 30_000);

test('logs: kept per task, each chunk once, both streams apart, over a restart', async () => {
  const started = await startOne();
  const { client, coordinator, dataFolder } = started;
  const { id } = await client.submit({ name: 'r', tasks: tasks(1), seal: true });
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  const lease = await worker.assigned(1);
  const following: string[] = [];
  const follow = (async () => {
    for await (const chunk of client.logs(id, { n: 1, follow: true })) following.push(chunk.text);
  })();
  await eventually('the follower', async () => ((await client.metrics()).includes('holdfast_event_streams 1') ? true : undefined));
  worker.send({ t: 'log', ...lease, offset: 0, stream: 'out', text: 'one\n' });
  worker.send({ t: 'log', ...lease, offset: 0, stream: 'out', text: 'one\n' });
  worker.send({ t: 'log', ...lease, offset: 4, stream: 'err', text: 'zwö\n' });
  worker.finish(lease);
  await follow;
  expect(following).toEqual(['one\n', 'zwö\n']);
  await coordinator.close();

  const again = await startOne({ dataFolder });
  const read = async (stream?: 'out' | 'err'): Promise<string[]> => {
    const texts: string[] = [];
    for await (const chunk of again.client.logs(id, { n: 1, ...(stream ? { stream } : {}) })) texts.push(chunk.text);
    return texts;
  };
  expect(await read()).toEqual(['one\n', 'zwö\n']);
  expect(await read('err')).toEqual(['zwö\n']);
});

test('logs: followed while nothing is printed -> beats keep the stream, which ends with the task', async () => {
  const { client, coordinator } = await startOne({ limits: { streamBeatEveryMs: 20 } });
  const { id } = await client.submit({ name: 'r', tasks: tasks(1), seal: true });
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  const lease = await worker.assigned(1);
  const { promise: beaten, resolve } = Promise.withResolvers<void>();
  const text: string[] = [];
  const asked = get(`${coordinator.url}/api/v1/runs/${id}/logs?n=1&follow=1`, {
    headers: { authorization: `Bearer ${coordinator.adminToken}` },
  });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text.push(chunk);
    if (text.join('').startsWith('\n\n')) resolve();
  });
  await beaten;
  worker.finish(lease);
  await once(response, 'end');
  expect(text.join('').trim()).toBe('');
});

test.runIf(existsSync('/proc/self/fd'))('logs: the reader leaves in the middle -> the file is closed', async () => {
  const { client, dataFolder } = await startOne();
  const { id } = await client.submit({ name: 'r', tasks: tasks(1), seal: true });
  const path = join(dataFolder, 'runs', id, 'logs', '1.ndjson');
  mkdirSync(dirname(path), { recursive: true });
  const line = (offset: number): string => `${JSON.stringify({ n: 1, epoch: 1, stream: 'out', text: 'x'.repeat(8192), offset })}\n`;
  // More than all buffers between the two ends hold.
  writeFileSync(path, Array.from({ length: 4000 }, (_, index) => line(index * 8192)).join(''));
  const isOpen = (): boolean => readdirSync('/proc/self/fd').some((fd) => linkOf(`/proc/self/fd/${fd}`) === path);
  const reading = client.logs(id, { n: 1 });
  await reading.next();
  expect(isOpen()).toBe(true);
  await reading.return(undefined);
  await eventually('the file to be closed', () => (isOpen() ? undefined : true));
});

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

test('L2 logs: more than an attempt may keep -> the first part, and a line that says so', async () => {
  const { client, coordinator } = await startOne({ limits: { logBytesPerAttemptMax: 8 } });
  const { id } = await client.submit({ name: 'r', tasks: tasks(1), seal: true });
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  const lease = await worker.assigned(1);
  for (const [index, text] of ['1234', '5678', '9', '10'].entries())
    worker.send({ t: 'log', ...lease, offset: [0, 4, 8, 9][index]!, stream: 'out', text });
  worker.finish(lease);
  await eventually('the end', async () => ((await client.run(id)).state === 'finished' ? true : undefined));
  const texts: string[] = [];
  for await (const chunk of client.logs(id, { n: 1 })) texts.push(chunk.text);
  expect(texts).toEqual(['1234', '5678', '\n[cut: only 8 bytes of an attempt are kept]\n']);
});

test('L1 logs: a line that a crash cut short -> passed over, what follows is kept', async () => {
  const { client, coordinator, dataFolder } = await startOne();
  const { id } = await client.submit({ name: 'r', tasks: tasks(1), seal: true });
  mkdirSync(join(dataFolder, 'runs', id, 'logs'), { recursive: true });
  const kept = JSON.stringify({ n: 1, epoch: 1, stream: 'out', text: 'kept', offset: 0 });
  writeFileSync(join(dataFolder, 'runs', id, 'logs', '1.ndjson'), `${kept}\n{"n":1,"text":"{}`);
  const worker = await handWorker(coordinator.url, await coordinator.mintToken(['worker:register'], 'w'));
  const lease = await worker.assigned(1);
  worker.send({ t: 'log', ...lease, offset: 0, stream: 'out', text: 'kept' });
  worker.send({ t: 'log', ...lease, offset: 4, stream: 'out', text: ' on' });
  worker.finish(lease);
  await eventually('the end', async () => ((await client.run(id)).state === 'finished' ? true : undefined));
  const texts: string[] = [];
  for await (const chunk of client.logs(id, { n: 1 })) texts.push(chunk.text);
  expect(texts).toEqual(['kept', ' on']);
});

test('runs: sealed, added to, interrupted, resumed, cancelled over HTTP', async () => {
  const { client } = await startOne();
  const { id } = await client.submit({ name: 'r', tasks: tasks(1), client: { argv: ['vitest'] } });
  await client.addTasks(id, tasks(2), 1);
  await client.addTasks(id, tasks(2), 1);
  expect((await client.tasks(id)).map((task) => task.n)).toEqual([1, 2, 3]);
  await client.seal(id);
  await client.interrupt(id);
  expect(await client.run(id)).toMatchObject({ state: 'interrupted', client: { argv: ['vitest'] } });
  await client.resume(id);
  await client.cancelTask(id, 2);
  expect((await client.task(id, 2)).state).toBe('cancelled');
  await expect(client.pauseTask(id, 1)).rejects.toMatchObject({ details: { status: 409 } });
  await client.cancel(id);
  expect(await client.run(id)).toMatchObject({ state: 'cancelled', counts: { cancelled: 3 } });
  await expect(client.addTasks(id, tasks(1), 3)).rejects.toMatchObject({ code: 'API_REFUSED' });
  expect((await client.runs({ limit: 1 })).map((run) => run.id)).toEqual([id]);
});
