/**
 * Both ends of one connection that carries messages as fast as it can, in one direction at a time: through the session, or as plain
 * JSON over plain `ws`. Both send the same messages, at most a window ahead of the acks, at most `PER_TURN` in one turn of the event
 * loop; both receivers check the order and acknowledge once a turn.
 */
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createRandom, drive, type Driver } from '@holdfast/kernel';
import { nodeClock, nodeEntropy, nodeMac, nodeTimers } from '@holdfast/kernel/node';
import { keysOf, WORKER_PATH } from '@holdfast/protocol';
import { type ClientInput, createClientSession, createServerSession, SESSION_LIMITS, type ServerInput } from '@holdfast/reconnection-core';
import { acceptLinks, attachLink, dialLink, type Link } from '@holdfast/reconnection-core/ws';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import type { Commands } from './end.ts';

export type Transport = 'raw' | 'session';

/** Messages that may be under way: what the session leaves to all lanes but the critical one. */
export const WINDOW = SESSION_LIMITS.windowMessagesMax - SESSION_LIMITS.criticalSlots;
/** Bytes of one message as JSON. */
export const MESSAGE_BYTES = 200;
/** As many inputs as a driver takes in one turn. */
export const PER_TURN = 256;

/** One end of either kind. */
interface End {
  /** Sends `count` more; resolves with the milliseconds until the peer has acknowledged all. */
  send(count: number): Promise<number>;
  received(): number;
}

type Ends = Partial<Record<Transport, End>>;
interface Message {
  readonly t: string;
  readonly id: number;
}

export function throughputServer(): Commands {
  const ends: Ends = {};
  const links = acceptLinks();
  const plain = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    if (request.url !== WORKER_PATH) plain.handleUpgrade(request, socket, head, (opened) => void (ends.raw = rawEnd(opened)));
    else links.accept(request, socket, head, (opened) => void (ends.session = serverEnd(opened)));
  });
  return {
    ...commandsOf(ends),
    async listen() {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return (server.address() as AddressInfo).port;
    },
  };
}

export function throughputClient(): Commands {
  const ends: Ends = {};
  return {
    ...commandsOf(ends),
    async connect(port: number) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
      await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
      ends.raw = rawEnd(socket);
      ends.session = await clientEnd(`ws://127.0.0.1:${port}${WORKER_PATH}`);
    },
  };
}

const commandsOf = (ends: Ends): Commands => ({
  send: ({ transport, count }: { readonly transport: Transport; readonly count: number }) => ends[transport]!.send(count),
  received: (transport: Transport) => ends[transport]!.received(),
  cpuUs() {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
});

function rawEnd(socket: WebSocket): End {
  const inOrder = createOrder();
  const { _socket: tcp } = socket as unknown as { readonly _socket: Socket };
  let [sent, acknowledged, target] = [0, 0, 0];
  let [planned, ackDue] = [false, false];
  let finished = (): void => {};
  const turn = (): void => {
    planned = false;
    tcp.cork();
    if (ackDue) socket.send(JSON.stringify({ a: inOrder.count() }));
    ackDue = false;
    for (let left = PER_TURN; left > 0 && sent < target && sent - acknowledged < WINDOW; left -= 1)
      socket.send(JSON.stringify(messageOf(++sent)));
    tcp.uncork();
    if (sent < target && sent - acknowledged < WINDOW) plan();
  };
  const plan = (): void => {
    if (!planned) setImmediate(turn);
    planned = true;
  };
  socket.on('message', (data: RawData) => {
    const message = JSON.parse(String(data)) as Message | { readonly a: number };
    if ('a' in message) {
      acknowledged = message.a;
      if (acknowledged === target) finished();
    } else {
      inOrder.take(message);
      ackDue = true;
    }
    plan();
  });
  return {
    received: inOrder.count,
    send(count) {
      const from = performance.now();
      target += count;
      plan();
      return new Promise((resolve) => (finished = () => resolve(performance.now() - from)));
    },
  };
}

function serverEnd(socket: WebSocket): End {
  const inOrder = createOrder();
  const session = createServerSession({ coordinator: { id: 'bench', epoch: 1 } });
  const feed = createFeed(
    (message) => driver.offer({ kind: 'offered', lane: 'normal', payload: message }),
    () => session.snapshot().unreceived,
  );
  const driver: Driver<ServerInput> = drive(session, {
    clock: nodeClock,
    timers: nodeTimers,
    crashed,
    turnEnded: feed.turnEnded,
    stalled: (by) => ({ kind: 'stalled', by }),
    perform(effect) {
      if (effect.kind === 'transmit') link.send(effect.text);
      else if (effect.kind === 'closeLink') link.close(effect.code, effect.reason);
      else if (effect.kind === 'beat') driver.offer({ kind: 'beatAnswered', n: effect.n, renewed: true });
      else if (effect.kind === 'deliver') {
        inOrder.take(effect.payload as Message);
        driver.offer({ kind: 'committed', seq: effect.seq });
      } else if (effect.kind === 'down') crashed(new Error(`the link is down: ${effect.reason}`));
    },
  });
  const link: Link = attachLink(
    socket,
    {
      proven: (hello, _key, proof) => driver.offer({ kind: 'helloAccepted', link: 1, hello, session: 'session', token: 'token', proof }),
      frame: (frame) => driver.offer({ kind: 'frameReceived', link: 1, frame }),
      rubbish: (reason) => driver.offer({ kind: 'rubbishReceived', link: 1, reason }),
      closed: (_code, reason) => driver.offer({ kind: 'linkClosed', link: 1, reason }),
    },
    { find: () => keysOf(nodeMac, CREDENTIAL.secret) },
  );
  return { received: inOrder.count, send: feed.send };
}

function clientEnd(url: string): Promise<End> {
  const inOrder = createOrder();
  const session = createClientSession(
    { worker: 'bench', incarnation: 'one', registration: { name: 'bench', slots: 1, labels: {}, pid: 1 }, credential: CREDENTIAL },
    { random: createRandom(1), entropy: nodeEntropy, mac: nodeMac },
  );
  let link: Link | undefined;
  let settled = 0;
  const feed = createFeed(
    (message) => driver.offer({ kind: 'offered', lane: 'normal', payload: message, key: `m${message.id}` }),
    () => session.snapshot().uncommitted,
  );
  const { promise, resolve } = Promise.withResolvers<End>();
  const driver: Driver<ClientInput> = drive(session, {
    clock: nodeClock,
    timers: nodeTimers,
    crashed,
    turnEnded: feed.turnEnded,
    stalled: (by) => ({ kind: 'stalled', by }),
    perform(effect) {
      if (effect.kind === 'transmit') link?.send(effect.text);
      else if (effect.kind === 'deliver') inOrder.take(effect.payload as Message);
      else if (effect.kind === 'settled') settled += 1;
      else if (effect.kind === 'dial') link = dialLink({ url }, handlersOf(effect.link));
      else if (effect.kind === 'closeLink') link?.close(effect.code, effect.reason);
      else if (effect.kind === 'opened') {
        resolve({
          received: inOrder.count,
          async send(count) {
            const before = settled;
            const ms = await feed.send(count);
            if (settled - before !== count) throw new Error(`${settled - before} of ${count} messages were settled`);
            return ms;
          },
        });
      } else if (effect.kind === 'down' || effect.kind === 'failed') crashed(new Error(`the link is down: ${effect.reason}`));
    },
  });
  const handlersOf = (number: number): Parameters<typeof dialLink>[1] => ({
    opened: () => driver.offer({ kind: 'linkOpened', link: number }),
    failed: (reason, terminal, code) => driver.offer({ kind: 'dialFailed', link: number, reason, terminal, code }),
    frame: (frame) => driver.offer({ kind: 'frameReceived', link: number, frame }),
    rubbish: (reason) => driver.offer({ kind: 'rubbishReceived', link: number, reason }),
    closed: (code, reason) => driver.offer({ kind: 'linkClosed', link: number, code, reason }),
  });
  driver.offer({ kind: 'started' });
  return promise;
}

/** Offers up to a window more at the end of each turn, until the target is reached and nothing is `open`. */
function createFeed(offer: (message: Message) => void, open: () => number) {
  let [sent, target] = [0, 0];
  let finished: (() => void) | undefined;
  const turnEnded = (): void => {
    if (!finished) return;
    const waiting = open();
    for (let room = Math.min(WINDOW - waiting, PER_TURN); room > 0 && sent < target; room -= 1) offer(messageOf(++sent));
    if (sent < target || waiting > 0 || sent !== handled) handled = sent;
    else finished();
  };
  /** What was offered in the turn before: it is counted as open only from the next on. */
  let handled = 0;
  return {
    turnEnded,
    send(count: number): Promise<number> {
      const from = performance.now();
      target += count;
      return new Promise((resolve) => {
        finished = () => {
          finished = undefined;
          resolve(performance.now() - from);
        };
        turnEnded();
      });
    },
  };
}

/** Counts messages and ends the process when one is missing or comes twice: a figure of a broken stream is none. */
function createOrder() {
  let last = 0;
  return {
    take({ id }: Message): void {
      if (id !== last + 1) crashed(new Error(`message ${id} follows ${last}`));
      last = id;
    },
    count: () => last,
  };
}

function messageOf(id: number): Message {
  const bare = { t: 'bench', id, text: '' };
  return { ...bare, text: PADDING.slice(0, MESSAGE_BYTES - EMPTY_BYTES - String(id).length) } as Message;
}

function crashed(error: unknown): void {
  console.error(error);
  process.exit(1);
}

const CREDENTIAL = { key: 'bench', secret: 'known to both ends' };
const EMPTY_BYTES = JSON.stringify({ t: 'bench', id: 0, text: '' }).length - 1;
const PADDING = 'x'.repeat(MESSAGE_BYTES);
