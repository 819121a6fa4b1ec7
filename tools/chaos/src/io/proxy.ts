/**
 * One proxy: listens, and passes every connection on to its upstream through its toxics.
 *
 * Y1 Connection N of a proxy is decided by the seed, the name of the proxy and N alone.
 * Y2 A change of toxics reaches the open connections, too.
 * Y3 Disabled it does not listen: callers get the refusal of the operating system.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { CodedError, createRandom, errorText } from '@holdfast/kernel';
import { refused } from '../problem.ts';
import { changeToxic, parseToxic, type Toxic, type ToxicRequest } from '../toxic.ts';
import { formatAddress, parseAddress } from './address.ts';
import { type ChaosEvent, type Connection, openConnection } from './connection.ts';

/** A proxy as the API shows it. */
export interface ProxyDescription {
  readonly name: string;
  /** `HOST:PORT`, the real port once it has listened. */
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
  readonly toxics: readonly Toxic[];
}

export interface ProxyOptions {
  readonly name?: string;
  /** Default `127.0.0.1:0`: a free port. */
  readonly listen?: string;
  readonly upstream: string;
  /** Default true. */
  readonly enabled?: boolean;
  /** Default `holdfast`. */
  readonly seed?: string | number;
  /** Bytes that one direction of a connection may hold. Default 1 MiB. */
  readonly heldBytesMax?: number;
  /** Hears what was decided and seen. A throw in it is a bug of the caller and ends the process. */
  readonly observe?: (event: ChaosEvent) => void;
}

export interface ProxyChange {
  readonly listen?: string | undefined;
  readonly upstream?: string | undefined;
  readonly enabled?: boolean | undefined;
}

export interface Proxy extends AsyncDisposable {
  readonly name: string;
  describe(): ProxyDescription;
  /** Errors: `CHAOS_BAD_REQUEST`, `CHAOS_EXISTS`. */
  addToxic(request: ToxicRequest): Toxic;
  toxic(name: string): Toxic;
  /** Errors: `CHAOS_BAD_REQUEST`, `CHAOS_NOT_FOUND`. */
  changeToxic(name: string, change: Pick<ToxicRequest, 'attributes' | 'toxicity'>): Toxic;
  removeToxic(name: string): void;
  /** Removes all toxics. */
  clear(): void;
  /** Changes addresses (which closes all connections) and switches it on or off. Errors: `CHAOS_LISTEN`, `CHAOS_ADDRESS`. */
  change(change: ProxyChange): Promise<void>;
  /** Resets every open connection; callers may come again. */
  resetAll(): void;
  /** How many connections are open. */
  connections(): number;
  close(): Promise<void>;
}

/** Creates a proxy and, unless it is disabled, lets it listen. Errors: `CHAOS_LISTEN`, `CHAOS_ADDRESS`. */
export async function createProxy(options: ProxyOptions): Promise<Proxy> {
  const { name = 'proxy', seed = 'holdfast', heldBytesMax = 1024 * 1024, observe = () => {} } = options;
  const random = createRandom(`${seed}/${name}`);
  let listen = options.listen || '127.0.0.1:0';
  let upstream = options.upstream;
  let toxics: readonly Toxic[] = [];
  let server: Server | undefined;
  let met = 0;
  const open = new Map<number, Connection>();

  const setToxics = (changed: readonly Toxic[]): void => {
    toxics = changed;
    for (const connection of open.values()) connection.changeToxics(toxics);
  };
  const find = (toxicName: string): Toxic => {
    const found = toxics.find((toxic) => toxic.name === toxicName);
    if (!found) throw refused('noToxic', `find the toxic ${toxicName} of ${name}`);
    return found;
  };
  const accept = (client: Socket): void => {
    met += 1;
    const id = met;
    const connection = openConnection(client, {
      id,
      upstream: parseAddress(upstream),
      toxics,
      random: random.fork(String(id)),
      heldBytesMax,
      observe,
      over: () => void open.delete(id),
    });
    if (!client.destroyed) open.set(id, connection);
  };
  const start = async (): Promise<void> => {
    if (server) return;
    parseAddress(upstream);
    const created = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, accept);
    listen = await listenOn(created, listen);
    server = created;
  };
  const stop = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    for (const connection of open.values()) connection.destroy();
    open.clear();
    if (closing) await new Promise((closed) => closing.close(closed));
  };

  if (options.enabled ?? true) await start();
  return {
    name,
    describe: () => ({ name, listen, upstream, enabled: server !== undefined, toxics: [...toxics].toSorted(byStream) }),
    addToxic(request) {
      const toxic = parseToxic(request);
      if (toxics.some((other) => other.name === toxic.name)) throw refused('toxicExists', `add the toxic ${toxic.name} twice`);
      setToxics([...toxics, toxic]);
      return toxic;
    },
    toxic: find,
    changeToxic(toxicName, change) {
      const before = find(toxicName);
      const changed = changeToxic(before, change);
      setToxics(toxics.map((toxic) => (toxic === before ? changed : toxic)));
      return changed;
    },
    removeToxic(toxicName) {
      const gone = find(toxicName);
      setToxics(toxics.filter((toxic) => toxic !== gone));
    },
    clear: () => setToxics([]),
    async change(change) {
      const enabled = change.enabled ?? server !== undefined;
      const moves = (change.listen ?? listen) !== listen || (change.upstream ?? upstream) !== upstream;
      if (moves || !enabled) await stop();
      listen = change.listen || listen;
      upstream = change.upstream || upstream;
      if (enabled) await start();
    },
    resetAll: () => {
      for (const connection of open.values()) connection.destroy();
    },
    connections: () => open.size,
    close: stop,
    [Symbol.asyncDispose]: stop,
  };
}

function listenOn(server: Server, listen: string): Promise<string> {
  const { host, port } = parseAddress(listen);
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const error = `listen tcp ${listen}: ${errorText(cause)}`;
      reject(new CodedError('CHAOS_LISTEN', error, { cause, retryable: true, details: { listen, status: 500, error } }));
    });
    server.listen({ host, port, backlog: 8192 }, () => {
      const at = server.address();
      resolve(typeof at === 'object' && at ? formatAddress({ host: at.address, port: at.port }) : listen);
    });
  });
}

const byStream = (a: Toxic, b: Toxic): number => Number(a.stream === 'downstream') - Number(b.stream === 'downstream');
