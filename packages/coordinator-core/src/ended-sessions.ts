/**
 * What is still known of sessions that ended, so that a worker that comes back late is told what it missed.
 *
 * N1 At most `ENDED_MAX` are remembered, the latest of each worker; the oldest goes first. Forgotten, or from before a restart: the worker
 *    is told `fresh`, and the inventory settles the rest all the same.
 */
import type { EndedSession } from '@holdfast/reconnection-core';

export interface EndedSessions {
  keep(worker: string, session: EndedSession): void;
  /** Returns and forgets it. */
  take(worker: string): EndedSession | undefined;
}

/** Creates an empty memory. */
export function createEndedSessions(): EndedSessions {
  const ended = new Map<string, EndedSession>();
  const take = (worker: string): EndedSession | undefined => {
    const session = ended.get(worker);
    ended.delete(worker);
    return session;
  };
  return {
    keep(worker, session) {
      take(worker);
      ended.set(worker, session);
      if (ended.size > ENDED_MAX) ended.delete(ended.keys().next().value!);
    },
    take,
  };
}

const ENDED_MAX = 4096;
