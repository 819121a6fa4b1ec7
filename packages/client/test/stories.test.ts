import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@holdfast/client';
import type { RunId } from '@holdfast/model';
import type { RunEvent } from '@holdfast/results';
import { expect, onTestFinished, test } from 'vitest';

async function serve(listener: RequestListener): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const problem = (code: string, message: string): string => JSON.stringify({ error: { code, message, requestId: 'x' } });
const run = 'r1' as RunId;

test('client: nobody listens -> COORDINATOR_UNREACHABLE with exit code 69, after bounded tries', async () => {
  const { url, server } = await serve(() => undefined);
  await new Promise((closed) => server.close(closed));
  const client = createClient({ url, token: 't', attemptsMax: 2 });
  await expect(client.runs()).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE', retryable: true, details: { url, exitCode: 69 } });
});

test('client: a URL that is none -> CLIENT_BAD_URL', () => {
  for (const url of ['', 'localhost:7420', 'ftp://x', 'ws://x']) {
    expect(() => createClient({ url, token: 't' })).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_URL' }));
  }
});

test('client: 401 and 403 -> AUTH_REFUSED, asked once', async () => {
  for (const status of [401, 403]) {
    let asked = 0;
    const { url } = await serve((_request, response) => {
      asked += 1;
      response.writeHead(status).end(problem('forbidden', 'no'));
    });
    await expect(createClient({ url, token: 't' }).status()).rejects.toMatchObject({ code: 'AUTH_REFUSED', details: { status } });
    await expect(createClient({ url, token: 't' }).watchRun(run, { onEvent: () => undefined })).rejects.toMatchObject({
      code: 'AUTH_REFUSED',
    });
    expect(asked).toBe(2);
  }
});

test('client: 503, then a cut connection, then an answer -> the answer, under one idempotency key', async () => {
  const keys: unknown[] = [];
  const { url } = await serve((request, response) => {
    keys.push(request.headers['idempotency-key']);
    if (keys.length === 1) response.writeHead(503).end(problem('not_ready', 'restarting'));
    else if (keys.length === 2) request.socket.destroy();
    else response.writeHead(201).end(JSON.stringify({ id: run, tasks: 0, existing: false }));
  });
  const client = createClient({ url, token: 't' });
  expect(await client.submit({ name: 'r' })).toMatchObject({ id: run });
  expect(keys.length).toBe(3);
  expect(new Set(keys).size).toBe(1);
  client.close();
});

test('client: 422 and answers that are no JSON -> API_REFUSED with status, code and path, asked once', async () => {
  let asked = 0;
  const { url } = await serve((_request, response) => {
    asked += 1;
    if (asked === 1) response.writeHead(422).end(JSON.stringify({ error: { code: 'invalid_spec', message: 'too long', path: 'name' } }));
    else response.writeHead(404, { 'content-type': 'text/html' }).end('<html>');
  });
  const client = createClient({ url, token: 't' });
  await expect(client.submit({ name: '' })).rejects.toMatchObject({
    code: 'API_REFUSED',
    details: { status: 422, code: 'invalid_spec', path: 'name' },
  });
  await expect(client.run(run)).rejects.toMatchObject({ code: 'API_REFUSED', details: { status: 404, code: 'unknown' } });
  expect(asked).toBe(2);
  client.close();
});

test('client: tasks that were added by a try whose answer was lost -> resolves', async () => {
  const { url } = await serve((_request, response) =>
    response.writeHead(409).end(problem('already_added', 'these tasks were added before')),
  );
  await createClient({ url, token: 't' }).addTasks(run, [{ name: 'a', body: { kind: 'noop' } }], 0);
});

test('R1 watch: cuts, repeats, late news and a resync between them -> each end once, ended last', async () => {
  const counts = { total: 2, remaining: 0, passed: 1, failed: 0, errored: 0, timedOut: 0, cancelled: 0, deadLetter: 1, lostAttempts: 1 };
  const result = { outcome: 'passed', durationMs: 1, cases: [] } as const;
  const lost: RunEvent = { e: 'lost', n: 1, epoch: 1, worker: 'w', reason: 'killed' };
  const one: RunEvent = { e: 'finished', n: 1, epoch: 2, worker: 'w', result, final: true };
  const two: RunEvent = { e: 'finished', n: 2, epoch: 1, worker: 'w', result, final: true };
  const running: RunEvent = { e: 'task', n: 1, epoch: 2, name: 'a', state: 'running', worker: 'w' };
  const snapshot = { e: 'snapshot', run: { state: 'sealed', counts }, running: [running] };
  const ended: RunEvent = { e: 'ended', state: 'finished', counts };
  const recorded = [lost, one, two];
  let recordedNow = 0;
  const connections: (readonly object[])[] = [
    [snapshot, lost, lost],
    [
      snapshot,
      one,
      running,
      { e: 'cases', n: 1, epoch: 2, worker: 'w', cases: [] },
      { e: 'news', of: 'a later version' },
      { e: 'resync', reason: 'slow' },
    ],
    [],
    [snapshot, { e: 'beat' }, two, ended],
  ];
  const { url } = await serve((request, response) => {
    const path = request.url ?? '';
    if (path.includes('/tasks')) return void response.end(JSON.stringify({ tasks: [] }));
    if (path.includes('/results')) {
      const after = Number(/after=(\d+)/.exec(path)?.[1]);
      return void response.end(
        JSON.stringify({ events: recorded.slice(after, recordedNow), after: Math.max(after, recordedNow), more: false }),
      );
    }
    const lines = connections.shift() ?? [];
    recordedNow = Math.min(recorded.length, recordedNow + 1);
    response.writeHead(200);
    response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), () => request.socket.destroy());
  });
  const events: RunEvent[] = [];
  const client = createClient({ url, token: 't' });
  expect(await client.watchRun(run, { onEvent: (event) => events.push(event) })).toEqual(ended);
  const told = events.flatMap((event) => (event.e === 'finished' || event.e === 'lost' ? [`${event.e} ${event.n}.${event.epoch}`] : []));
  expect(told).toEqual(['lost 1.1', 'finished 1.2', 'finished 2.1']);
  expect(events.at(-1)).toEqual(ended);
  const afterEnd = events.slice(events.indexOf(events.find((event) => event.e === 'finished' && event.n === 1)!));
  expect(afterEnd.filter((event) => (event.e === 'task' || event.e === 'cases') && event.n === 1)).toEqual([]);
  client.close();
});

test('watch: nobody there for as long as it may take -> COORDINATOR_UNREACHABLE; aborted -> the reason at once', async () => {
  const { url, server } = await serve(() => undefined);
  await new Promise((closed) => server.close(closed));
  const client = createClient({ url, token: 't' });
  await expect(client.watchRun(run, { onEvent: () => undefined, giveUpAfterMs: 50 })).rejects.toMatchObject({
    code: 'COORDINATOR_UNREACHABLE',
  });
  const abort = new AbortController();
  const watching = client.watchRun(run, {
    onEvent: () => undefined,
    signal: abort.signal,
    onNotice: () => abort.abort(new Error('enough')),
  });
  await expect(watching).rejects.toThrow('enough');
});

test('watch: resync again and again without a snapshot -> backs off, then COORDINATOR_UNREACHABLE', async () => {
  let asked = 0;
  const { url } = await serve((_request, response) => {
    asked += 1;
    response.end(`${JSON.stringify({ e: 'resync', reason: 'no' })}\n`);
  });
  const client = createClient({ url, token: 't' });
  await expect(client.watchRun(run, { onEvent: () => undefined, giveUpAfterMs: 300 })).rejects.toMatchObject({
    code: 'COORDINATOR_UNREACHABLE',
  });
  expect(asked).toBeLessThan(100);
  client.close();
});

test('watch: a stream that is silent -> a new connection', async () => {
  let connections = 0;
  const ended = { e: 'ended', state: 'finished', counts: {} };
  const { url } = await serve((request, response) => {
    if (!(request.url ?? '').endsWith('/events'))
      return void response.end(JSON.stringify({ tasks: [], events: [], after: 0, more: false }));
    connections += 1;
    response.writeHead(200);
    response.write(`${JSON.stringify(connections === 1 ? { e: 'beat' } : ended)}\n`);
  });
  const client = createClient({ url, token: 't' });
  await client.watchRun(run, { onEvent: () => undefined, silenceMaxMs: 50 });
  expect(connections).toBe(2);
  client.close();
});

test('client: closed while a call is tried again -> the call rejects at once, and nothing more is asked', async () => {
  let asked = 0;
  const { promise: first, resolve } = Promise.withResolvers<void>();
  const { url } = await serve((_request, response) => {
    asked += 1;
    response.writeHead(503).end(problem('not_ready', 'restarting'));
    resolve();
  });
  const client = createClient({ url, token: 't', attemptsMax: 1000 });
  const call = client.runs();
  await first;
  client.close();
  await expect(call).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE', message: expect.stringContaining('closed') });
  expect(asked).toBeLessThanOrEqual(2);
});

test('logs: silent beyond the limit of one try, with empty lines between -> read to the end', async () => {
  const { url } = await serve((_request, response) => {
    response.writeHead(200);
    let lines = 0;
    const beats = setInterval(() => {
      lines += 1;
      if (lines < 12) return void response.write('\n');
      clearInterval(beats);
      response.end(`${JSON.stringify({ n: 1, text: 'late' })}\n`);
    }, 10);
  });
  const client = createClient({ url, token: 't', silenceMaxMs: 50, attemptsMax: 1 });
  const texts: string[] = [];
  for await (const chunk of client.logs(run, { n: 1, follow: true })) texts.push(chunk.text);
  expect(texts).toEqual(['late']);
  client.close();
});

test('logs: nothing at all for too long -> STREAM_SILENT, however long one try may take', async () => {
  const { url } = await serve((_request, response) => void response.writeHead(200).flushHeaders());
  const client = createClient({ url, token: 't' });
  const reading = client.logs(run, { n: 1, follow: true, silenceMaxMs: 50 });
  await expect(reading.next()).rejects.toMatchObject({ code: 'STREAM_SILENT', retryable: true });
  client.close();
});

test('replay: an interrupted run -> its state, its tasks, what was recorded; no stream is opened', async () => {
  const paths: string[] = [];
  const { url } = await serve((request, response) => {
    paths.push((request.url ?? '').split('?', 1)[0]!);
    const finished = { e: 'finished', n: 1, epoch: 1, worker: 'w', final: true, result: { outcome: 'passed', durationMs: 1, cases: [] } };
    if (paths.length === 1) response.end(JSON.stringify({ state: 'interrupted', counts: { total: 1 } }));
    else if (paths.length === 2)
      response.end(JSON.stringify({ tasks: [{ n: 1, name: 't', state: 'passed', kind: 'noop', predictedMs: 0, reason: null }] }));
    else response.end(JSON.stringify({ events: [finished], after: 1, more: false }));
  });
  const client = createClient({ url, token: 't' });
  const events: string[] = [];
  await client.replay(run, (event) => events.push(event.e));
  expect(events).toEqual(['run', 'task', 'finished']);
  expect(paths).toEqual(['/api/v1/runs/r1', '/api/v1/runs/r1/tasks', '/api/v1/runs/r1/results']);
  client.close();
});
