import { expect, test } from 'vitest';
import { api, exchange, rawRequest, startOne, statusOf } from './harness.ts';

const task = { name: 'a', body: { kind: 'noop' as const } };
const submit = (more: object): string => JSON.stringify({ name: 'r', ...more });
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

test('http: hosts that are not on the list -> 421 before routing, on loopback too', async () => {
  const { port } = await startOne();
  for (const host of ['evil.example', 'localhost.evil.com', 'localhost@evil.example', '127.0.0.1.evil.example']) {
    expect(statusOf(await exchange(port, rawRequest('GET', '/livez', { host }))), host).toBe(421);
  }
  expect(statusOf(await exchange(port, rawRequest('GET', '/livez', {})))).toBe(421);
  expect(statusOf(await exchange(port, rawRequest('GET', 'http://evil.example/livez', { host: '127.0.0.1' })))).toBe(421);
  for (const host of [`127.0.0.1:${port}`, 'LOCALHOST', '[::1]:80', '10.1.2.3']) {
    expect(statusOf(await exchange(port, rawRequest('GET', '/livez', { host }))), host).toBe(200);
  }
});

test('http: foreign origins -> 403 before routing, its own and listed ones pass', async () => {
  const { port } = await startOne({ allowedOrigins: ['https://dash.example'] });
  const host = `localhost:${port}`;
  const ask = async (origin: string): Promise<number> => statusOf(await exchange(port, rawRequest('GET', '/livez', { host, origin })));
  for (const origin of ['https://evil', 'null', 'http://localhost.evil', `https://${host}`, 'https://dash.example.evil']) {
    expect(await ask(origin), origin).toBe(403);
  }
  expect(await ask(`http://${host}`)).toBe(200);
  expect(await ask('https://dash.example')).toBe(200);
});

test('http: methods and paths that are not there -> 405 and 404', async () => {
  const started = await startOne();
  const headers = { host: '127.0.0.1' };
  expect(statusOf(await exchange(started.port, rawRequest('TRACE', '/livez', headers)))).toBe(405);
  expect(statusOf(await exchange(started.port, rawRequest('HEAD', '/livez', headers)))).toBe(405);
  expect(statusOf(await exchange(started.port, rawRequest('CONNECT', 'evil.example:443', headers)))).toBe(405);
  expect(statusOf(await exchange(started.port, rawRequest('OPTIONS', '*', headers)))).toBe(400);
  expect((await api(started, 'DELETE', '/api/v1/runs')).status).toBe(405);
  expect((await api(started, 'POST', '/api/v1/status')).status).toBe(405);
  expect((await api(started, 'GET', '/debug/heap')).status).toBe(404);
  expect((await api(started, 'GET', '/api/v1/runs/aaaa')).status).toBe(404);
  expect((await api(started, 'GET', '/api/v1/runs/..%2f..%2fetc')).status).toBe(404);
});

test('http: odd targets and ports -> 400, 401 or 404, never 500', async () => {
  const { port, coordinator } = await startOne();
  const headers = { host: `127.0.0.1:${port}`, authorization: `Bearer ${coordinator.adminToken}` };
  for (const target of [
    '//',
    '//evil/x',
    '/%',
    '/api/v1/runs/%zz',
    '/api/v1/runs/%00',
    '/api/v1/runs/%ff%fe',
    '/api/v1/runs/a%2fb/tasks',
    '/?%',
    '/api/v1/runs?before=%27',
  ]) {
    expect([200, 400, 404], target).toContain(statusOf(await exchange(port, rawRequest('GET', target, headers))));
  }
  for (const host of ['127.0.0.1:99999', '127.0.0.1:0', '[::1', 'localhost:', '127.0.0.1/x', '%31']) {
    expect([200, 400, 421], host).toContain(statusOf(await exchange(port, rawRequest('GET', '/livez', { host }))));
  }
});

test('http: smuggled, malformed and oversized heads -> 400 or 431, connection closed', async () => {
  const { port } = await startOne();
  const host = 'host: 127.0.0.1\r\n';
  const both = `POST /api/v1/runs HTTP/1.1\r\n${host}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`;
  const twice = `POST /api/v1/runs HTTP/1.1\r\n${host}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd`;
  const folded = `GET /livez HTTP/1.1\r\n${host}x: a\r\n b\r\nx y: z\r\n\r\n`;
  const bare = `GET /livez HTTP/1.1\n${host.replace('\r', '')}\n`;
  for (const text of [both, twice, folded, bare]) expect(statusOf(await exchange(port, text)), text).toBe(400);
  expect(statusOf(await exchange(port, rawRequest('GET', '/livez', { host: '127.0.0.1', x: 'y'.repeat(20_480) })))).toBe(431);
  expect([414, 431]).toContain(statusOf(await exchange(port, rawRequest('GET', `/${'y'.repeat(9216)}`, { host: '127.0.0.1' }))));
  const many = Object.fromEntries(Array.from({ length: 2500 }, (_, index) => [`h${index}`, '1']));
  expect([400, 431]).toContain(statusOf(await exchange(port, rawRequest('GET', '/livez', { host: '127.0.0.1', ...many }))));
});

test('http: slow heads -> 408 and close', async () => {
  const { port } = await startOne({ limits: { headersWithinMs: 200 } });
  expect(statusOf(await exchange(port, 'GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nx'))).toBe(408);
});

test('http: a slow body -> 408 and close', async () => {
  const { coordinator, port } = await startOne({ limits: { headersWithinMs: 200, requestWithinMs: 300 } });
  const headers = { host: '127.0.0.1', authorization: `Bearer ${coordinator.adminToken}`, 'content-type': 'application/json' };
  expect(statusOf(await exchange(port, rawRequest('POST', '/api/v1/runs', { ...headers, 'content-length': '100' }, '{')))).toBe(408);
});

test('http: bodies that are not JSON within limits -> 415, 413, 400', async () => {
  const started = await startOne({ limits: { bodyBytesMax: 200_000 } });
  const post = async (body: string, headers: Record<string, string> = {}): Promise<readonly [number, string | undefined]> => {
    const answer = await api(started, 'POST', '/api/v1/runs', { body, headers });
    return [answer.status, answer.body.error?.code];
  };
  expect(await post(submit({ tasks: [task] }), { 'content-type': 'text/plain' })).toEqual([415, 'unsupported_media_type']);
  expect(await post('{')).toEqual([400, 'bad_request']);
  expect(await post(nested(100_000))).toEqual([400, 'bad_request']);
  expect(await post(submit({ client: JSON.parse(nested(33)) }))).toEqual([400, 'bad_request']);
  expect(await post('{"name":"r","client":1e400}')).toEqual([400, 'bad_request']);
  expect(await post('{"name":"r","client":"\\ud800"}')).toEqual([400, 'bad_request']);
  expect(await post('{"name":"r","client":"a\\u0000b"}')).toEqual([400, 'bad_request']);
  expect(await post('{"name":"r","client":{"__proto__":{"polluted":1}}}')).toEqual([400, 'bad_request']);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect(await post(submit({ client: 'x'.repeat(200_000) }))).toEqual([413, 'too_large']);
  expect(await started.client.runs()).toEqual([]);
});

test('http: a body that declares more than it may -> 413 without being read', async () => {
  const { coordinator, port } = await startOne();
  const headers = { host: '127.0.0.1', authorization: `Bearer ${coordinator.adminToken}`, 'content-type': 'application/json' };
  const answer = await exchange(port, rawRequest('POST', '/api/v1/runs', { ...headers, 'content-length': '999999999' }, '{'));
  expect(statusOf(answer)).toBe(413);
});

test('submit: what no task may be -> 422 with the path of the field, nothing accepted', async () => {
  const started = await startOne();
  const refuse = async (body: object): Promise<string | undefined> => {
    const answer = await api(started, 'POST', '/api/v1/runs', { body: submit(body) });
    expect(answer.status, JSON.stringify(body).slice(0, 100)).toBe(422);
    return answer.body.error?.path;
  };
  const policy = (more: object) => ({ tasks: [{ ...task, policy: more }] });
  expect(await refuse({ tasks: [{ name: 'a', body: { kind: 'shell' } }] })).toBe('tasks.0.body.kind');
  expect(await refuse({ tasks: [{ name: 'a', body: { kind: 'command', argv: [] } }] })).toBe('tasks.0.body.argv');
  expect(await refuse({ tasks: [{ name: 'a', body: { kind: 'command', argv: ['x'], env: { 'A=B': '1' } } }] })).toBe('tasks.0.body.env');
  expect(await refuse(policy({ timeoutMs: 1e12 }))).toBe('tasks.0.policy.timeoutMs');
  expect(await refuse(policy({ timeoutMs: -1 }))).toBe('tasks.0.policy.timeoutMs');
  expect(await refuse(policy({ retries: 1e9 }))).toBe('tasks.0.policy.retries');
  expect(await refuse(policy({ onDisconnect: 'Hedge' }))).toBe('tasks.0.policy.onDisconnect');
  expect(await refuse({ tasks: Array.from({ length: 1001 }, () => task) })).toBe('tasks');
  expect(await refuse({ tasks: [{ ...task, after: [1] }] })).toBe('tasks.0.after');
  expect(await refuse({ tasks: [{ ...task, after: [7] }] })).toBe('tasks.0.after');
  expect(await refuse({ surprise: 1 })).toBe('');
  expect(await refuse({ spec: { env: { A: 'x'.repeat(32_769) } } })).toBe('spec.env.A');
  expect(await started.client.runs()).toEqual([]);
});

test('submit: a cycle of dependencies -> 422 that names it', async () => {
  const started = await startOne();
  const tasks = [task, { ...task, after: [1, 4] }, { ...task, after: [2] }, { ...task, after: [3] }];
  const answer = await api(started, 'POST', '/api/v1/runs', { body: submit({ tasks }) });
  expect(answer.status).toBe(422);
  expect(answer.body.error?.message).toBe('tasks wait for each other: 2 -> 4 -> 3 -> 2');
});

test('submit: a chain of a thousand dependencies -> accepted', async () => {
  const started = await startOne();
  const tasks = Array.from({ length: 1000 }, (_, index) => (index === 0 ? task : { ...task, after: [index] }));
  expect((await api(started, 'POST', '/api/v1/runs', { body: submit({ tasks }) })).status).toBe(201);
});

test('queries: cursors and limits that are none -> 400, large ones are clamped', async () => {
  const started = await startOne();
  const { id } = await started.client.submit({ name: 'r', tasks: [task], seal: true });
  const get = async (query: string): Promise<number> => (await api(started, 'GET', `/api/v1/runs/${id}/${query}`)).status;
  for (const query of [
    "tasks?after=1'--",
    'tasks?limit=-1',
    'tasks?limit=0',
    'tasks?state=gone',
    'results?after=x',
    'logs',
    'logs?n=1&stream=in',
  ]) {
    expect(await get(query), query).toBe(400);
  }
  expect(await get('tasks?limit=1000000000')).toBe(200);
  expect(await get('tasks/2')).toBe(404);
  expect(await get('logs?n=2')).toBe(404);
});

test('submit: the same key and body again -> the same run; another body -> 409; a key that is none -> 422', async () => {
  const started = await startOne();
  const body = submit({ tasks: [task], spec: { env: { A: '1', B: '2' } }, seal: true });
  const reordered = JSON.stringify({ seal: true, spec: { env: { B: '2', A: '1' } }, tasks: [task], name: 'r' });
  const post = (text: string, key: string) => api(started, 'POST', '/api/v1/runs', { body: text, headers: { 'idempotency-key': key } });
  const first = await post(body, 'k1');
  expect(first.status).toBe(201);
  const again = await post(reordered, 'k1');
  expect([again.status, again.body]).toEqual([200, { ...first.body, existing: true }]);
  const other = await post(submit({ tasks: [] }), 'k1');
  expect([other.status, other.body.error?.code]).toEqual([409, 'idempotency_mismatch']);
  expect((await post(body, 'x'.repeat(129))).status).toBe(422);
  expect((await started.client.runs()).length).toBe(1);
});
