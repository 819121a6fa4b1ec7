/** The proxy on real sockets. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type ChaosEvent, createProxy, type Proxy, type ProxyOptions } from '../src/io/index.ts';

/** A server that hands its sockets over; `echo` sends back what comes. */
async function upstreamOf(taken: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => undefined));
    taken(socket);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const echo = (socket: Socket): void => void socket.pipe(socket);

async function proxyTo(
  upstream: string,
  options: Partial<ProxyOptions> = {},
): Promise<{ proxy: Proxy; events: ChaosEvent[]; dial: () => Promise<Socket> }> {
  const events: ChaosEvent[] = [];
  const proxy = await createProxy({ upstream, observe: (event) => events.push(event), ...options });
  onTestFinished(() => proxy.close());
  const dial = async (): Promise<Socket> => {
    const socket = connect({ port: Number(proxy.describe().listen.split(':')[1]), host: '127.0.0.1', allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    await new Promise((settled) => socket.once('connect', settled).once('close', settled));
    return socket;
  };
  return { proxy, events, dial };
}

const read = async (socket: Socket): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((over) => socket.once('end', over).once('close', over));
  return Buffer.concat(chunks);
};
/** Whether it broke (a reset); an end in order is answered by one. */
const closed = (socket: Socket): Promise<boolean> => {
  socket.resume().once('end', () => socket.end());
  if (socket.closed) return Promise.resolve(true);
  return new Promise((over) => socket.once('close', over));
};
const random = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => (index * 31) % 256));

test('no toxics: 8 MB to an echo and back, each half closed in turn -> every byte, then over', async () => {
  const { proxy, events, dial } = await proxyTo(await upstreamOf(echo));
  const socket = await dial();
  const sent = random(8_000_000);
  socket.end(sent);
  expect((await read(socket)).equals(sent)).toBe(true);
  await expect.poll(() => events.at(-1)).toMatchObject({ kind: 'over', bytes: { upstream: 8_000_000, downstream: 8_000_000 } });
  expect(proxy.connections()).toBe(0);
});

test('slow toxics both ways -> every byte, later', async () => {
  const { proxy, dial } = await proxyTo(await upstreamOf(echo));
  for (const stream of ['upstream', 'downstream']) {
    proxy.addToxic({ type: 'latency', stream, attributes: { latency: 5, jitter: 5 } });
    proxy.addToxic({ type: 'slicer', stream, attributes: { average_size: 700, size_variation: 600, delay: 20 } });
    proxy.addToxic({ type: 'bandwidth', stream, attributes: { rate: 2000 } });
  }
  const socket = await dial();
  const sent = random(200_000);
  socket.end(sent);
  expect((await read(socket)).equals(sent)).toBe(true);
});

test('bandwidth of nearly nothing under a flood -> the proxy holds little and the sender has to wait', async () => {
  const { proxy, dial } = await proxyTo(await upstreamOf((socket) => void socket.resume()), { heldBytesMax: 100_000 });
  proxy.addToxic({ type: 'bandwidth', stream: 'upstream', attributes: { rate: 1 } });
  const socket = await dial();
  const before = process.memoryUsage().arrayBuffers;
  let taken = 0;
  const chunk = Buffer.alloc(65_536);
  // Until a second passes in which the kernel takes nothing more.
  for (let waiting = false; !waiting;) {
    if (socket.write(chunk)) taken += chunk.length;
    else {
      const drained = await Promise.race([once(socket, 'drain').then(() => true), new Promise((late) => setTimeout(late, 1000, false))]);
      if (drained) taken += chunk.length;
      else waiting = true;
    }
    expect(taken, 'bytes that were taken').toBeLessThan(64_000_000);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
});

test('a receiver that does not read -> the proxy stops reading from the sender', async () => {
  const { dial } = await proxyTo(await upstreamOf((socket) => void socket.pause()));
  const socket = await dial();
  let taken = 0;
  socket.on('drain', () => (taken += 1));
  while (socket.write(Buffer.alloc(65_536))) taken += 1;
  for (let stuck = false; !stuck;) {
    const drained = await Promise.race([once(socket, 'drain').then(() => true), new Promise((late) => setTimeout(late, 1000, false))]);
    stuck = drained !== true;
    if (!stuck) while (socket.write(Buffer.alloc(65_536))) taken += 1;
    expect(taken * 65_536).toBeLessThan(64_000_000);
  }
});

test('reset_peer, refuse, timeout, limit_data -> reset, reset before the upstream hears of it, close, close', async () => {
  let met = 0;
  const { proxy, dial } = await proxyTo(
    await upstreamOf((socket) => {
      met += 1;
      echo(socket);
    }),
  );
  const withToxic = async (type: string, attributes: Record<string, number>): Promise<Socket> => {
    proxy.clear();
    proxy.addToxic({ type, attributes });
    return dial();
  };
  expect(await closed(await withToxic('reset_peer', { timeout: 10 })), 'reset').toBe(true);
  const before = met;
  await closed(await withToxic('refuse', {}));
  expect(met).toBe(before);
  expect((await read(await withToxic('timeout', { timeout: 10 }))).length).toBe(0);
  const limited = await withToxic('limit_data', { bytes: 5 });
  limited.write('0123456789');
  expect((await read(limited)).toString()).toBe('01234');
});

test('blackhole upstream -> the server hears nothing, what it says arrives; removed -> both are reset', async () => {
  let heard = '';
  const server = Promise.withResolvers<Socket>();
  const { proxy, dial } = await proxyTo(
    await upstreamOf((socket) => {
      socket.on('data', (data) => (heard += data));
      server.resolve(socket);
    }),
  );
  const client = await dial();
  client.write('before');
  const peer = await server.promise;
  await expect.poll(() => heard).toBe('before');
  proxy.addToxic({ type: 'blackhole', stream: 'upstream' });
  client.write('swallowed');
  peer.write('still here');
  const [answer] = await once(client, 'data');
  expect(String(answer)).toBe('still here');
  expect(heard).toBe('before');
  const ends = Promise.all([closed(client), closed(peer)]);
  proxy.removeToxic('blackhole_upstream');
  expect(await ends).toEqual([true, true]);
});

test('blackhole upstream, the server ends first, then the client leaves -> nothing is left open', async () => {
  const server = Promise.withResolvers<Socket>();
  const { proxy, dial } = await proxyTo(await upstreamOf((socket) => server.resolve(socket.resume())));
  const client = await dial();
  const peer = await server.promise;
  proxy.addToxic({ type: 'blackhole', stream: 'upstream' });
  const heard = once(client.resume(), 'end');
  peer.end();
  await heard;
  client.destroy();
  await expect.poll(() => proxy.connections()).toBe(0);
});

test('both ends have closed while the proxy still holds what one of them said -> it arrives', async () => {
  const sent = random(50_000);
  const { proxy, dial } = await proxyTo(await upstreamOf((socket) => void socket.resume().end(sent)));
  proxy.addToxic({ type: 'latency', attributes: { latency: 200 } });
  const client = await dial();
  client.end();
  expect((await read(client)).equals(sent)).toBe(true);
  await expect.poll(() => proxy.connections()).toBe(0);
});

test('half_open upstream -> the client is reset, the server stays connected to nobody until it leaves by itself', async () => {
  const server = Promise.withResolvers<Socket>();
  const { proxy, events, dial } = await proxyTo(await upstreamOf((socket) => server.resolve(socket.resume())));
  const client = await dial();
  const peer = await server.promise;
  proxy.addToxic({ type: 'half_open', stream: 'upstream' });
  expect(await closed(client)).toBe(true);
  proxy.clear();
  peer.write('anybody there?');
  await new Promise((next) => setTimeout(next, 50));
  expect([peer.readableEnded, peer.destroyed, proxy.connections()]).toEqual([false, false, 1]);
  peer.end();
  await expect.poll(() => proxy.connections()).toBe(0);
  expect(events.map(({ kind }) => kind)).toEqual(['accepted', 'cut', 'over']);
});

test('disabled -> refused by the system, connections closed; enabled again -> on the same port', async () => {
  const { proxy, dial } = await proxyTo(await upstreamOf(echo));
  const [socket, { listen }] = [await dial(), proxy.describe()];
  const gone = closed(socket);
  await proxy.change({ enabled: false });
  await gone;
  expect((await dial()).destroyed).toBe(true);
  await proxy.change({ enabled: true });
  expect(proxy.describe()).toMatchObject({ listen, enabled: true });
  const again = await dial();
  again.end('x');
  expect((await read(again)).toString()).toBe('x');
});

test('the upstream is not there -> the client is closed, the reason is told; a port that is taken -> CHAOS_LISTEN', async () => {
  const { proxy, events, dial } = await proxyTo('127.0.0.1:1');
  await closed(await dial());
  expect(events.find(({ kind }) => kind === 'unreachable')).toMatchObject({ reason: expect.stringContaining('ECONNREFUSED') });
  await expect(createProxy({ upstream: 'a:1', listen: proxy.describe().listen })).rejects.toMatchObject({ code: 'CHAOS_LISTEN' });
  for (const upstream of ['nowhere', 'a:99999', '', ':x', 'a b:1']) {
    await expect(createProxy({ upstream }), upstream).rejects.toMatchObject({ code: 'CHAOS_ADDRESS' });
  }
});

test('same seed, same traffic -> the same connections are met and the same bytes are wrong', async () => {
  const upstream = await upstreamOf(echo);
  const act = async (seed: string): Promise<string[]> => {
    const { proxy, dial } = await proxyTo(upstream, { seed });
    proxy.addToxic({ type: 'corrupt', stream: 'upstream', toxicity: 0.5, attributes: { every: 20 } });
    const heard: string[] = [];
    for (let n = 0; n < 8; n += 1) {
      const socket = await dial();
      socket.end(Buffer.alloc(200));
      heard.push((await read(socket)).toString('hex'));
    }
    return heard;
  };
  const [first, second, other] = [await act('a'), await act('a'), await act('b')];
  expect(second).toEqual(first);
  expect(other).not.toEqual(first);
  expect(new Set(first).size).toBeGreaterThan(2);
});
