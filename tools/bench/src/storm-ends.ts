/**
 * Both ends of many connections, over any library that keeps them: what is sent is counted by keys of its own, end to end.
 *
 * The cut is the same for every library: each socket of the client process is reset, in one turn of the event loop.
 */
import { subscribe } from 'node:diagnostics_channel';
import { openSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Commands } from './end.ts';

/** The server's end. */
export interface Hall {
  /** Listens on this port of loopback; resolves with the URL. Rejects when the port is taken. */
  listen(port: number): Promise<string>;
  /** Called for each message; `commit` says that it is durable. */
  onMessage: (key: string, commit: () => void) => void;
  /** Sends one message to every member; `keyOf` names it. Returns how many. */
  broadcast(round: number): number;
}

/** The client's end: members 0 to n - 1. */
export interface Crowd {
  /** Called once for each member, in order. */
  connect(member: number, options: ConnectOptions): void;
  send(member: number, key: string): void;
  /** Messages that the library itself still vouches for. */
  pending(): number;
  onOpened: (member: number, resumed: boolean) => void;
  onMessage: (key: string) => void;
}

export interface ConnectOptions {
  readonly url: string;
  readonly count: number;
  /** One for each member; absent: the server of a bench, which knows one secret. */
  readonly tokens?: readonly string[];
}

/** When the members were back, and how. */
export interface Reopened {
  /** Wall-clock milliseconds, in the order in which they came. */
  readonly at: readonly number[];
  readonly resumed: number;
}

export function stormServer(hall: Hall): Commands {
  const arrivals = createArrivals();
  let journal: number | undefined;
  let waiting: { readonly key: string; readonly commit: () => void }[] = [];
  let delay: ReturnType<typeof monitorEventLoopDelay> | undefined;
  /** One append for all of a turn, then their commits: what the client hears of survives this process. */
  const write = (): void => {
    const batch = waiting;
    waiting = [];
    if (journal !== undefined) writeSync(journal, batch.map(({ key }) => `${key}\n`).join(''));
    for (const { commit } of batch) commit();
  };
  hall.onMessage = (key, commit) => {
    arrivals.take(key);
    if (waiting.length === 0) setImmediate(write);
    waiting.push({ key, commit });
  };
  return {
    async listen({ port, journal: file }: { readonly port: number; readonly journal?: string }) {
      if (file !== undefined) journal = openSync(file, 'a');
      const url = await hall.listen(port);
      delay = monitorEventLoopDelay({ resolution: 10 });
      delay.enable();
      return { url, at: Date.now() };
    },
    broadcast: (round: number) => hall.broadcast(round),
    received: () => arrivals.counts(),
    collect: () => globalThis.gc?.(),
    resetDelay: () => delay!.reset(),
    delayMs: () => ({ p99: delay!.percentile(99) / 1e6, max: delay!.max / 1e6 }),
  };
}

export function stormClient(crowd: Crowd): Commands {
  const arrivals = createArrivals();
  const sockets = trackSockets();
  const sentBy: number[] = [];
  let heard = (): void => {};
  let absent = new Set<number>();
  let at: number[] = [];
  let resumed = 0;
  let allBack = Promise.withResolvers<void>();

  const expect = (): void => {
    absent = new Set(sentBy.keys());
    at = [];
    resumed = 0;
    allBack = Promise.withResolvers();
  };
  crowd.onOpened = (member, how) => {
    if (!absent.delete(member)) return;
    at.push(Date.now());
    if (how) resumed += 1;
    if (absent.size === 0) allBack.resolve();
  };
  crowd.onMessage = (key) => {
    arrivals.take(key);
    heard();
  };
  const sendAll = (each: number): number => {
    for (let count = 0; count < each; count += 1) {
      for (const member of sentBy.keys()) crowd.send(member, `${member}/${(sentBy[member]! += 1)}`);
    }
    return each * sentBy.length;
  };
  const cut = (): number => {
    for (const socket of sockets) socket.resetAndDestroy();
    return Date.now();
  };
  return {
    async connect(options: ConnectOptions) {
      // In waves: the first arrival of everybody is not what is measured.
      for (let from = 0; from < options.count; from += WAVE) {
        const until = Math.min(from + WAVE, options.count);
        absent = new Set(Array.from({ length: until - from }, (_, index) => from + index));
        allBack = Promise.withResolvers();
        for (let member = from; member < until; member += 1) {
          sentBy.push(0);
          crowd.connect(member, options);
        }
        await allBack.promise;
      }
    },
    send: sendAll,
    /** From now on members are counted when they are back. */
    expect,
    async reopened(): Promise<Reopened> {
      await allBack.promise;
      return { at, resumed };
    },
    cut() {
      expect();
      return cut();
    },
    /** Cuts at the first message that the server sends, when each member has just sent one: both directions are under way. */
    async cutInTraffic(): Promise<{ readonly at: number; readonly sent: number }> {
      await new Promise<void>((resolve) => (heard = resolve));
      heard = () => {};
      const sent = sendAll(1);
      await new Promise((next) => setImmediate(next));
      expect();
      return { at: cut(), sent };
    },
    async settled() {
      while (crowd.pending() > 0) await new Promise((next) => setTimeout(next, 5));
    },
    received: () => arrivals.counts(),
  };
}

/** Members that connect for the first time at once. */
const WAVE = 250;

/** The open sockets of this process, whoever opens them. */
function trackSockets(): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  subscribe('net.client.socket', (message) => {
    const { socket } = message as { readonly socket: Socket };
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

function createArrivals() {
  const keys = new Set<string>();
  let repeated = 0;
  return {
    take(key: string): void {
      if (keys.has(key)) repeated += 1;
      else keys.add(key);
    },
    counts: () => ({ unique: keys.size, repeated }),
  };
}
