/**
 * Bounds the connections that never showed a valid token, so that they cannot crowd out those that did.
 *
 * S1 Beyond a bound the oldest stranger is closed, but none that is younger than `graceMs`: a fleet that comes back
 *    at once from behind one address must have the time to show its tokens.
 */
import type { Socket } from 'node:net';
import { nodeClock } from '@holdfast/kernel/node';
import { isLoopback } from '../options.ts';

export interface Strangers {
  /** A connection was opened. */
  met(socket: Socket): void;
  /** It showed a valid token. */
  trusted(socket: Socket): void;
  readonly size: number;
}

export interface StrangersOptions {
  readonly max: number;
  readonly perAddressMax: number;
  readonly graceMs: number;
}

/** Creates an empty set. */
export function createStrangers(options: StrangersOptions): Strangers {
  // In the order of arrival, so that the first is the oldest.
  const since = new Map<Socket, number>();

  const closeOldest = (sockets: readonly Socket[], max: number): void => {
    const oldest = sockets[0];
    if (sockets.length <= max || !oldest) return;
    if (nodeClock.mono() - since.get(oldest)! < options.graceMs) return;
    since.delete(oldest);
    oldest.destroy();
  };

  return {
    met(socket) {
      since.set(socket, nodeClock.mono());
      socket.once('close', () => since.delete(socket));
      const address = socket.remoteAddress ?? '';
      if (!isLoopback(address.replace(/^::ffff:/, ''))) {
        closeOldest(
          [...since.keys()].filter((other) => other.remoteAddress === address),
          options.perAddressMax,
        );
      }
      closeOldest([...since.keys()], options.max);
    },
    trusted: (socket) => void since.delete(socket),
    get size() {
      return since.size;
    },
  };
}
