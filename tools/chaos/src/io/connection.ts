/**
 * One connection through the proxy: two sockets and a pipe for each direction.
 *
 * N1 A socket is read only while the pipe it feeds holds less than `heldBytesMax` and the other socket takes what is written.
 * N2 The upstream is called after the pipes have had their first tick: a connection that a toxic refuses is never seen there.
 * N3 A broken socket is told to the other end unless a toxic swallows the news.
 */
import { connect, type Socket } from 'node:net';
import { drive, type Driver, type Random } from '@holdfast/kernel';
import { nodeClock, nodeTimers } from '@holdfast/kernel/node';
import { createPipe, type Met, type Pipe, type PipeEffect, type PipeInput } from '../pipe.ts';
import type { Stream, Toxic } from '../toxic.ts';
import type { Address } from './address.ts';

/** What a proxy decided and saw, in order. `connection` counts from 1; `at` is monotonic milliseconds of this process. */
export type ChaosEvent = { readonly connection: number; readonly at: number } & (
  | { readonly kind: 'accepted'; readonly met: Readonly<Record<Stream, readonly Met[]>> }
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'end' | 'close' | 'reset' | 'cut'; readonly stream: Stream }
  | { readonly kind: 'over'; readonly bytes: Readonly<Record<Stream, number>> }
);

export interface Connection {
  readonly id: number;
  changeToxics(toxics: readonly Toxic[]): void;
  /** Destroys both sockets. */
  destroy(): void;
}

export interface ConnectionOptions {
  readonly id: number;
  readonly upstream: Address;
  readonly toxics: readonly Toxic[];
  readonly random: Random;
  readonly heldBytesMax: number;
  readonly observe: (event: ChaosEvent) => void;
  readonly over: () => void;
}

interface Way {
  readonly stream: Stream;
  readonly pipe: Pipe;
  readonly source: () => Socket | undefined;
  readonly target: () => Socket | undefined;
  driver?: Driver<PipeInput>;
  bytes: number;
  /** The pipe has decided the end of the connection, or its receiver is gone: what comes is read and dropped. */
  deaf: boolean;
}

/** Takes over an accepted socket, which must be paused and half-open. */
export function openConnection(client: Socket, options: ConnectionOptions): Connection {
  const { id, random, toxics, observe } = options;
  const openedAt = nodeClock.mono();
  let server: Socket | undefined;
  let over = false;

  const way = (stream: Stream): Way => ({
    stream,
    pipe: createPipe({ stream, toxics, random: random.fork(stream) }, openedAt),
    source: () => (stream === 'upstream' ? client : server),
    target: () => (stream === 'upstream' ? server : client),
    bytes: 0,
    deaf: false,
  });
  const ways = [way('upstream'), way('downstream')] as const;
  const tell = (event: ChaosEvent extends infer Event ? (Event extends unknown ? Omit<Event, 'connection' | 'at'> : never) : never): void =>
    observe({ connection: id, at: nodeClock.mono(), ...event } as ChaosEvent);

  const finish = (): void => {
    if (over || !(client.destroyed && (server?.destroyed ?? true))) return;
    over = true;
    for (const each of ways) each.driver?.stop();
    tell({ kind: 'over', bytes: { upstream: ways[0].bytes, downstream: ways[1].bytes } });
    options.over();
  };

  const balance = (each: Way): void => {
    const source = each.source();
    if (!source || source.destroyed) return;
    const full = !each.deaf && (each.pipe.heldBytes() >= options.heldBytesMax || each.target()?.writableNeedDrain === true);
    if (full && !source.isPaused()) source.pause();
    else if (!full && source.isPaused() && server && !server.connecting) source.resume();
  };

  /** Whoever has said its last word, and to whom nothing will come any more, is done. */
  const settle = (each: Way): void => {
    const target = each.target();
    if (each.source()?.closed && target?.readableEnded && each.pipe.deadline() === undefined) target.destroySoon();
  };

  const perform = (each: Way, effect: PipeEffect): void => {
    const [source, target] = [each.source(), each.target()];
    if (effect.kind === 'write') {
      each.bytes += effect.bytes.length;
      if (target?.writable) target.write(effect.bytes);
      return;
    }
    tell({ kind: effect.kind, stream: each.stream });
    if (effect.kind === 'end') return void target?.end();
    for (const every of ways) every.deaf = true;
    if (effect.kind === 'close') {
      client.destroySoon();
      server?.destroySoon();
    } else if (effect.kind === 'reset') {
      client.resetAndDestroy();
      server?.resetAndDestroy();
    } else {
      // What the receiver says from now on goes nowhere, and it is not told.
      source?.resetAndDestroy();
    }
  };

  const feed = (each: Way, socket: Socket): void => {
    socket.on('data', (bytes: Uint8Array) => {
      if (each.deaf) return;
      each.driver?.offer({ kind: 'received', bytes });
      // Not more than one chunk between turns: what was offered is not counted as held before it is handled.
      socket.pause();
    });
    socket.on('end', () => {
      // The end of somebody who talks to nobody is an end for both.
      if (each.deaf) socket.destroySoon();
      else each.driver?.offer({ kind: 'ended' });
    });
    socket.on('error', () => {
      /* ignored: `close` follows. */
    });
    socket.on('close', (failed) => {
      if (failed && !each.deaf) each.driver?.offer({ kind: 'broke' });
      const back = each === ways[0] ? ways[1] : ways[0];
      back.deaf = true;
      balance(back);
      // After the turn that handles what this socket has said last.
      nodeTimers.soon(() => settle(each));
      finish();
    });
    socket.on('drain', () => balance(each === ways[0] ? ways[1] : ways[0]));
  };

  const dial = (): void => {
    server = connect({ ...options.upstream, allowHalfOpen: true, noDelay: true });
    server.pause();
    feed(ways[1], server);
    server.once('connect', () => ways.forEach(balance));
    server.once('error', (error) => {
      if (!server?.connecting && server?.remoteAddress !== undefined) return;
      tell({ kind: 'unreachable', reason: error.message });
      client.destroy();
    });
  };

  client.setNoDelay(true);
  feed(ways[0], client);
  tell({ kind: 'accepted', met: { upstream: ways[0].pipe.snapshot().met, downstream: ways[1].pipe.snapshot().met } });
  for (const each of ways) {
    for (const effect of each.pipe.tick(openedAt)) perform(each, effect);
    each.driver = drive(each.pipe, {
      clock: nodeClock,
      timers: nodeTimers,
      perform: (effect) => perform(each, effect),
      crashed(error) {
        client.destroy();
        server?.destroy();
        throw error;
      },
      turnEnded() {
        balance(each);
        settle(each);
      },
    });
  }
  if (!client.destroyed) dial();

  return {
    id,
    changeToxics: (changed) => ways.forEach((each) => each.driver?.offer({ kind: 'toxicsChanged', toxics: changed })),
    destroy() {
      client.destroy();
      server?.destroy();
      finish();
    },
  };
}
