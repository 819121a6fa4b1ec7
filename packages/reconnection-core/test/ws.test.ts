import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { createRandom, drive, type Driver } from '@holdfast/kernel';
import { nodeClock, nodeEntropy, nodeMac, nodeTimers } from '@holdfast/kernel/node';
import { createSeal, type Hello, keysOf, LIMITS, SEAL_LENGTH, WORKER_PATH, type WorkerFrame } from '@holdfast/protocol';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  type ClientEffect,
  type ClientInput,
  type ClientOptions,
  type ClientSession,
  createClientSession,
  createServerSession,
  type ServerEffect,
  type ServerInput,
  type ServerSession,
} from '../src/index.ts';
import { acceptLinks, attachLink, dialLink, type Link, refuseLink } from '../src/io/ws.ts';

const CREDENTIAL = { key: 'key', secret: 'a secret' };
const KEYS = keysOf(nodeMac, CREDENTIAL.secret);
const find = (key: string) => (key === CREDENTIAL.key ? KEYS : undefined);
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

test('ws: two real ends, links cut in the middle of traffic -> resumed, each message once and in order, all settled', async () => {
  const coordinator = await startCoordinator();
  const proxy = await startProxy(coordinator.port);
  const worker = startWorker(proxy.port);
  const total = 3000;
  await worker.saw('opened', (effect) => effect.kind === 'opened');
  for (let id = 1; id <= total; id += 1) {
    worker.offer({ kind: 'offered', lane: 'high', payload: { t: 'up', id } as { t: string }, key: `k${id}` });
    coordinator.offer({ kind: 'offered', lane: 'high', payload: { t: 'down', id } as { t: string } });
    if (id % 1000 === 500) {
      const delivered = coordinator.ids.length;
      await coordinator.saw(`a delivery past ${delivered}`, () => coordinator.ids.length > delivered);
      proxy.cut();
      await worker.saw(`resume ${Math.ceil(id / 1000)}`, () => worker.session.snapshot().resumes >= Math.ceil(id / 1000));
    }
  }
  await worker.saw('all settled', () => worker.settled.length === total);
  await worker.saw('all delivered', () => worker.ids.length === total);
  const all = Array.from({ length: total }, (_, index) => index + 1);
  expect(coordinator.ids).toEqual(all);
  expect(worker.ids).toEqual(all);
  expect(worker.settled).toEqual(all.map((id) => `k${id}`));
  expect(worker.session.snapshot()).toMatchObject({ freshes: 1, resumes: 3, unreceived: 0, uncommitted: 0 });
});

test('ws: exposed links -> every frame after the proof carries its digest, cuts and resumes as ever', async () => {
  const coordinator = await startCoordinator({ exposed: true });
  const proxy = await startProxy(coordinator.port);
  const worker = startWorker(proxy.port);
  for (let id = 1; id <= 200; id += 1)
    worker.offer({ kind: 'offered', lane: 'high', payload: { t: 'up', id } as { t: string }, key: `k${id}` });
  await worker.saw('opened', (effect) => effect.kind === 'opened');
  expect(worker.log.some((effect) => effect.kind === 'sealLink')).toBe(true);
  for (let id = 1; id <= 200; id += 1)
    worker.offer({ kind: 'offered', lane: 'high', payload: { t: 'up', id } as { t: string }, key: `k${id}` });
  proxy.cut();
  await worker.saw('all settled', () => worker.settled.length === 200);
  expect(coordinator.ids).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
});

test('ws: wrong secret -> failed with 4401, no second dial, nothing accepted', async () => {
  const coordinator = await startCoordinator();
  const worker = startWorker(coordinator.port, { credential: { ...CREDENTIAL, secret: 'another secret' } });
  const failed = await worker.saw('failed', (effect) => effect.kind === 'failed');
  expect(failed).toMatchObject({ code: 4401, reason: 'unauthenticated' });
  expect(coordinator.log).toEqual([]);
  expect(worker.log.filter((effect) => effect.kind === 'dial')).toHaveLength(1);
});

test('ws: only unknown protocol versions -> closed with 4426, failed, no second dial', async () => {
  const coordinator = await startCoordinator();
  const worker = startWorker(coordinator.port, { protocol: [99] });
  expect(await worker.saw('failed', (effect) => effect.kind === 'failed')).toMatchObject({ code: 4426 });
  expect(worker.log.filter((effect) => effect.kind === 'dial')).toHaveLength(1);
});

test('ws: nobody listens -> down, dialled again, not terminal', async () => {
  const coordinator = await startCoordinator();
  coordinator.http.close();
  await once(coordinator.http, 'close');
  const worker = startWorker(coordinator.port, { backoff: { base: 1 as never, cap: 5 as never } });
  await worker.saw('a third dial', () => worker.log.filter((effect) => effect.kind === 'dial').length >= 3);
  expect(worker.log.some((effect) => effect.kind === 'failed')).toBe(false);
});

test('ws: no subprotocol -> 426; no hello in time -> 4408; another first frame -> 4401; rubbish -> 4400; binary -> 1003', async () => {
  const hasty = await startCoordinator({ helloWithinMs: 30 });
  const coordinator = await startCoordinator();
  const url = `ws://127.0.0.1:${coordinator.port}${WORKER_PATH}`;
  const bare = new WebSocket(url);
  bare.on('error', () => undefined);
  const [, response] = await once(bare, 'unexpected-response');
  expect(response.statusCode).toBe(426);
  expect(await closeCode(`ws://127.0.0.1:${hasty.port}${WORKER_PATH}`, [])).toBe(4408);
  expect(await closeCode(url, ['{"f":"data","a":[0,0],"m":[]}'])).toBe(4401);
  expect(await closeCode(url, ['{"f":'])).toBe(4400);
  expect(await closeCode(url, [Buffer.from('{}')])).toBe(1003);
  expect(await closeCode(url, ['x'.repeat(LIMITS.frameBytesMax + SEAL_LENGTH + 1)])).toBe(1009);
  expect(coordinator.log).toEqual([]);
});

test('ws: a peer that never reads -> link closed after 8 MiB wait, memory bounded', async () => {
  const coordinator = await startCoordinator();
  const links: Link[] = [];
  const closed: number[] = [];
  const ended = (code: number): void => {
    closed.push(code);
    coordinator.poke();
  };
  coordinator.onSocket = (socket) =>
    void links.push(
      attachLink(socket, { proven: () => undefined, frame: () => undefined, rubbish: () => undefined, closed: ended }, { find }),
    );
  const raw = connect(coordinator.port, '127.0.0.1');
  cleanups.push(() => raw.destroy());
  raw.pause();
  raw.write(upgradeRequest());
  await coordinator.saw('a socket', () => links.length === 1);
  const link = links[0]!;
  const text = 'x'.repeat(500_000);
  for (let count = 0; count < 40; count += 1) {
    link.send(text);
    expect(link.bufferedBytes).toBeLessThanOrEqual(8 * 1024 * 1024 + 64);
  }
  expect(link.congested).toBe(true);
  raw.destroy();
  await coordinator.saw('the close', () => closed.length === 1);
});

interface Waiter {
  readonly done: (effect: never) => boolean;
  readonly resolve: (effect: never) => void;
}

function createWatch<Effect>() {
  const log: Effect[] = [];
  let waiters: Waiter[] = [];
  const check = (effect: Effect): void => {
    const met = waiters.filter((waiter) => waiter.done(effect as never));
    waiters = waiters.filter((waiter) => !met.includes(waiter));
    for (const waiter of met) waiter.resolve(effect as never);
  };
  return {
    log,
    note(effect: Effect) {
      log.push(effect);
      check(effect);
    },
    poke: () => check(log.at(-1) as Effect),
    saw<Wanted extends Effect = Effect>(what: string, done: (effect: Effect) => boolean): Promise<Wanted> {
      const past = log.find((effect) => done(effect));
      if (past !== undefined) return Promise.resolve(past as Wanted);
      return new Promise((resolve, reject) => {
        const deadline = setTimeout(
          () => reject(new Error(`no ${what} in 10 s; last ${JSON.stringify(log.slice(-5)).slice(0, 500)}`)),
          10_000,
        );
        waiters.push({
          done,
          resolve: (effect) => {
            clearTimeout(deadline);
            resolve(effect);
          },
        });
      });
    },
  };
}

async function startCoordinator(options: { helloWithinMs?: number; exposed?: boolean } = {}) {
  const watch = createWatch<ServerEffect>();
  const acceptor = acceptLinks();
  const http: Server = createServer();
  const links = new Map<number, Link>();
  const session: ServerSession = createServerSession({ coordinator: { id: 'c', epoch: 1 } });
  const ids: number[] = [];
  let lastLink = 0;
  const driver: Driver<ServerInput> = drive(session, {
    clock: nodeClock,
    timers: nodeTimers,
    crashed: (error) => {
      throw error;
    },
    perform(effect) {
      if (effect.kind === 'transmit') links.get(effect.link)?.send(effect.text);
      else if (effect.kind === 'closeLink') links.get(effect.link)?.close(effect.code, effect.reason);
      else if (effect.kind === 'beat') driver.offer({ kind: 'beatAnswered', n: effect.n, renewed: true });
      else if (effect.kind === 'deliver') {
        ids.push((effect.payload as { id: number }).id);
        driver.offer({ kind: 'committed', seq: effect.seq });
      }
      watch.note(effect);
    },
  });
  const coordinator = {
    ...watch,
    http,
    ids,
    port: 0,
    offer: driver.offer,
    onSocket(socket: WebSocket): void {
      lastLink += 1;
      const link = lastLink;
      const handlers = {
        proven: (hello: Hello, _key: string, proof: string) =>
          driver.offer({ kind: 'helloAccepted', link, hello, session: `s${link}`, token: `t${link}`, proof }),
        frame: (frame: WorkerFrame) => driver.offer({ kind: 'frameReceived', link, frame }),
        rubbish: (reason: string) => driver.offer({ kind: 'rubbishReceived', link, reason }),
        closed: (_code: number, reason: string) => driver.offer({ kind: 'linkClosed', link, reason }),
      };
      links.set(link, attachLink(socket, handlers, { ...options, find }));
    },
  };
  http.on('upgrade', (request, socket, head) => {
    if (request.url !== WORKER_PATH) return refuseLink(socket, 404, 'not here');
    acceptor.accept(request, socket, head, (ws) => {
      coordinator.onSocket(ws);
      watch.poke();
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  coordinator.port = (http.address() as AddressInfo).port;
  cleanups.push(() => {
    driver.stop();
    for (const link of links.values()) link.terminate();
    http.close();
    http.closeAllConnections();
  });
  return coordinator;
}

function startWorker(port: number, options: Partial<ClientOptions> = {}) {
  const watch = createWatch<ClientEffect>();
  const links = new Map<number, Link>();
  const ids: number[] = [];
  const settled: string[] = [];
  const session: ClientSession = createClientSession(
    {
      worker: 'w',
      incarnation: 'i',
      registration: { name: 'w', slots: 1, labels: {}, pid: 1 },
      credential: CREDENTIAL,
      backoff: { base: 20 as never, cap: 100 as never },
      ...options,
    },
    { random: createRandom(1), entropy: nodeEntropy, mac: nodeMac },
  );
  const driver: Driver<ClientInput> = drive(session, {
    clock: nodeClock,
    timers: nodeTimers,
    crashed: (error) => {
      throw error;
    },
    perform(effect) {
      if (effect.kind === 'dial') {
        const { link } = effect;
        const handlers = {
          opened: () => driver.offer({ kind: 'linkOpened', link }),
          failed: (reason: string, terminal: boolean, code: number | undefined) =>
            driver.offer({ kind: 'dialFailed', link, reason, terminal, code }),
          frame: (frame: Parameters<Parameters<typeof dialLink>[1]['frame']>[0]) => driver.offer({ kind: 'frameReceived', link, frame }),
          rubbish: (reason: string) => driver.offer({ kind: 'rubbishReceived', link, reason }),
          closed: (code: number, reason: string) => driver.offer({ kind: 'linkClosed', link, code, reason }),
        };
        links.set(link, dialLink({ url: `ws://127.0.0.1:${port}${WORKER_PATH}` }, handlers));
      } else if (effect.kind === 'transmit') links.get(effect.link)?.send(effect.text);
      else if (effect.kind === 'sealLink') links.get(effect.link)?.seal(createSeal(nodeMac, effect.send, effect.receive));
      else if (effect.kind === 'closeLink') links.get(effect.link)?.close(effect.code, effect.reason);
      else if (effect.kind === 'deliver') ids.push((effect.payload as { id: number }).id);
      else if (effect.kind === 'settled') settled.push(effect.key);
      watch.note(effect);
    },
  });
  driver.offer({ kind: 'started' });
  cleanups.push(() => {
    driver.stop();
    for (const link of links.values()) link.terminate();
  });
  return { ...watch, session, ids, settled, offer: driver.offer };
}

/** A TCP proxy that can cut all its connections at once, with bytes under way. */
async function startProxy(target: number) {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server: TcpServer = createTcpServer((near) => {
    const far = connect(target, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (bytes) => to.write(bytes));
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    pairs.clear();
  };
  cleanups.push(() => {
    cut();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, cut };
}

async function closeCode(url: string, texts: readonly (string | Buffer)[]): Promise<number> {
  const socket = new WebSocket(url, ['holdfast.v1']);
  await once(socket, 'open');
  for (const text of texts) socket.send(text);
  const [code] = await once(socket, 'close');
  return code as number;
}

const upgradeRequest = (): string =>
  [
    `GET ${WORKER_PATH} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: holdfast.v1',
    '',
    '',
  ].join('\r\n');
