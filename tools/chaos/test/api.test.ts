/** The HTTP API, driven by a client that nobody here wrote, and by hand where that client says too little. */
import { createServer, connect, type AddressInfo } from 'node:net';
import { Toxiproxy } from 'toxiproxy-node-client';
import { expect, onTestFinished, test } from 'vitest';
import { type ChaosServer, serveChaos } from '../src/io/index.ts';

async function start(): Promise<ChaosServer> {
  const server = await serveChaos({ listen: '127.0.0.1:0', seed: 1 });
  onTestFinished(() => server.close());
  return server;
}

async function echoServer(): Promise<string> {
  const server = createServer((socket) => void socket.on('error', () => undefined).pipe(socket));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What comes back within a connection, and whether it was closed in between. */
function ask(address: string, text: string): Promise<string> {
  const [host = '', port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host, () => socket.write(text));
    let heard = '';
    socket.on('data', (data) => {
      heard += data;
      if (heard.length >= text.length) socket.destroy();
    });
    socket.on('error', (error) => (heard += `${heard && ' '}${(error as NodeJS.ErrnoException).code}`));
    socket.on('close', () => resolve(heard));
  });
}

test('toxiproxy-node-client: proxies and toxics created, read, changed, removed, reset -> as with Toxiproxy, and they act', async () => {
  const { url } = await start();
  const toxiproxy = new Toxiproxy(url);
  const upstream = await echoServer();
  const proxy = await toxiproxy.createProxy({ name: 'echo', listen: '127.0.0.1:0', upstream });
  expect(proxy).toMatchObject({ name: 'echo', upstream, enabled: true });
  expect(await ask(proxy.listen, 'hello')).toBe('hello');

  const toxic = await proxy.addToxic({ name: 'cut', type: 'limit_data', stream: 'downstream', toxicity: 1, attributes: { bytes: 2 } });
  expect(toxic.toJson()).toEqual({ name: 'cut', type: 'limit_data', stream: 'downstream', toxicity: 1, attributes: { bytes: 2 } });
  expect(await ask(proxy.listen, 'hello')).toBe('he');
  const updated = await toxic.update({ name: 'cut', type: 'limit_data', stream: 'downstream', toxicity: 1, attributes: { bytes: 4 } });
  expect(updated.attributes).toEqual({ bytes: 4 });
  expect(await ask(proxy.listen, 'hello')).toBe('hell');
  expect((await proxy.getToxic('cut')).attributes).toEqual({ bytes: 4 });
  await toxic.remove();
  await expect(proxy.getToxic('cut')).rejects.toThrow('404');
  expect(await ask(proxy.listen, 'hello')).toBe('hello');

  const down = await proxy.update({ enabled: false, listen: proxy.listen, upstream });
  expect(down.enabled).toBe(false);
  expect(await ask(proxy.listen, 'hello')).toBe('ECONNREFUSED');
  await proxy.addToxic({ name: 'hole', type: 'timeout', stream: 'upstream', toxicity: 1, attributes: { timeout: 1 } } as never);
  await toxiproxy.reset();
  expect(await ask(proxy.listen, 'hello')).toBe('hello');
  expect(await toxiproxy.get('echo')).toMatchObject({ enabled: true, listen: proxy.listen });

  const populated = await toxiproxy.populate([
    { name: 'echo', listen: proxy.listen, upstream },
    { name: 'second', listen: '127.0.0.1:0', upstream },
  ] as never);
  expect(Object.keys(populated)).toEqual(['echo', 'second']);
  expect(Object.keys(await toxiproxy.getAll())).toEqual(['echo', 'second']);
  expect(JSON.parse(await toxiproxy.getVersion())).toEqual({ version: expect.stringMatching(/^2\.\d+\.\d+$/) });
  await proxy.remove();
  await expect(toxiproxy.get('echo')).rejects.toThrow('404');
});

test('statuses, bodies and errors of every path -> those of Toxiproxy', async () => {
  const { url } = await start();
  const upstream = await echoServer();
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<readonly [number, unknown]> => {
    const response = await fetch(url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return [response.status, /^[{[]/.test(text) ? JSON.parse(text) : text];
  };
  const error = (status: number, text: string): readonly [number, unknown] => [status, { error: text, status }];

  expect(await call('GET', '/proxies')).toEqual([200, {}]);
  expect(await call('POST', '/proxies', { upstream })).toEqual(error(400, 'missing required field: name'));
  expect(await call('POST', '/proxies', { name: 'a' })).toEqual(error(400, 'missing required field: upstream'));
  expect((await call('POST', '/proxies', '{'))[1]).toMatchObject({ status: 400, error: expect.stringMatching(/^bad request body: /) });
  const [created, proxy] = await call('POST', '/proxies', { name: 'a', upstream, listen: '127.0.0.1:0', unknown: 1 });
  expect([created, proxy]).toEqual([
    201,
    { name: 'a', upstream, enabled: true, toxics: [], listen: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
  ]);
  expect(await call('POST', '/proxies', { name: 'a', upstream })).toEqual(error(409, 'proxy already exists'));
  const { listen } = proxy as { listen: string };
  expect((await call('POST', '/proxies', { name: 'b', upstream, listen }))[0]).toBe(500);
  expect(await call('GET', '/proxies/zzz')).toEqual(error(404, 'proxy not found'));
  expect(await call('PATCH', '/proxies/zzz', '{')).toEqual(error(404, 'proxy not found'));
  expect(await call('PATCH', '/proxies/a', { enabled: false })).toMatchObject([200, { enabled: false, listen }]);
  expect(await call('POST', '/proxies/a', { enabled: true })).toMatchObject([200, { enabled: true, listen }]);

  const toxics = '/proxies/a/toxics';
  expect(await call('POST', toxics, { type: 'rain' })).toEqual(error(400, 'invalid toxic type'));
  expect(await call('POST', toxics, { type: 'latency', stream: 'up' })).toEqual(
    error(400, 'stream was invalid, can be either upstream or downstream'),
  );
  const latency = { name: 'latency_downstream', type: 'latency', stream: 'downstream', toxicity: 1, attributes: { latency: 9, jitter: 0 } };
  expect(await call('POST', toxics, { type: 'latency', attributes: { latency: 9, other: true } })).toEqual([200, latency]);
  expect(await call('POST', toxics, { type: 'latency' })).toEqual(error(409, 'toxic already exists'));
  expect(await call('PATCH', `${toxics}/latency_downstream`, { attributes: { jitter: 3 }, toxicity: 0.5 })).toEqual([
    200,
    { ...latency, toxicity: 0.5, attributes: { latency: 9, jitter: 3 } },
  ]);
  expect(await call('GET', toxics)).toMatchObject([200, [{ name: 'latency_downstream', toxicity: 0.5 }]]);
  expect(await call('GET', `${toxics}/none`)).toEqual(error(404, 'toxic not found'));
  expect(await call('DELETE', `${toxics}/none`)).toEqual(error(404, 'toxic not found'));
  expect(await call('DELETE', `${toxics}/latency_downstream`)).toEqual([204, '']);

  expect(await call('POST', '/populate', [{ name: 'x' }])).toEqual(error(400, 'missing required field: upstream at proxy 1'));
  expect(await call('POST', '/populate', [{ name: 'x', upstream, listen: '127.0.0.1:0' }])).toMatchObject([
    201,
    { proxies: [{ name: 'x', toxics: [] }] },
  ]);
  expect(await call('POST', '/reset')).toEqual([204, '']);
  expect(await call('DELETE', '/proxies/x')).toEqual([204, '']);
  expect(await call('DELETE', '/proxies')).toEqual([405, '']);
  expect((await call('GET', '/nothing'))[0]).toBe(404);
  expect((await call('GET', '/proxies', undefined, { 'user-agent': 'Mozilla/5.0' }))[0]).toBe(403);
  expect((await call('GET', '/proxies', undefined, { origin: 'http://127.0.0.1' }))[0]).toBe(403);
  expect((await call('POST', '/proxies', { name: 'x'.repeat(2_000_000) }))[0]).toBe(413);
  expect(await call('GET', '/proxies')).toMatchObject([200, { a: { name: 'a' } }]);
});
