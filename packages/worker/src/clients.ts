/** Clients of the HTTP API of whichever coordinator the worker is connected with. */
import { type Client, createClient } from '@holdfast/client';
import type { WorkerEndpoint } from './start.ts';

export interface Clients {
  /** Of the coordinator that is current now. */
  get(): Client;
  close(): void;
}

/** Creates none before it is asked for. `current` is a URL without path. */
export function createClients({ token, tls }: Pick<WorkerEndpoint, 'token' | 'tls'>, current: () => string): Clients {
  const clients = new Map<string, Client>();
  return {
    get() {
      const url = current();
      const client = clients.get(url) ?? createClient({ url, token, ...tls, pauseMaxMs: PAUSE_MAX_MS });
      clients.set(url, client);
      return client;
    },
    close() {
      for (const client of clients.values()) client.close();
    },
  };
}

const PAUSE_MAX_MS = 10_000;
