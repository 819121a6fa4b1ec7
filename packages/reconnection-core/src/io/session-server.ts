/**
 * The other end of `WorkerReconnectionManager` as one object: sessions of everybody who can prove a secret, over any number of links.
 * For applications of their own; Holdfast's coordinator has a store behind it and is `@holdfast/coordinator`.
 *
 * V1 A session is named by the worker's id. Another process under that id begins a new one, and the older link ends with 4409.
 * V2 A message is acknowledged as committed when its `commit` is called, or at once if nobody takes it upon himself.
 * V3 Sessions are kept in memory: after a restart every session begins anew, and workers offer again what was not committed.
 * V4 A listener that throws is counted, and changes nothing.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError, drive, type Driver, type DurationMs } from '@holdfast/kernel';
import { nodeClock, nodeEntropy, nodeMac, nodeTimers } from '@holdfast/kernel/node';
import { CLOSE, encodeMessage, type Hello, keysOf, type Registration, WORKER_PATH } from '@holdfast/protocol';
import { EventEmitter } from 'eventemitter3';
import type { Lane } from '../lane.ts';
import { createServerSession } from '../server-machine.ts';
import type { ServerEffect, ServerInput, ServerSession } from '../server-session.ts';
import { acceptLinks, type AttachHandlers, attachLink, type AttachOptions, isExposedSocket, refuseLink } from './attach-link.ts';
import type { Link } from './link.ts';

type Payload = Readonly<Record<string, unknown>> & { readonly t: string };

export interface SessionServerOptions {
  /** Secrets by key: who may come. */
  readonly secrets: Readonly<Record<string, string>> | ((key: string) => string | undefined);
  /** Default 3 s, 10 s and 120 s. */
  readonly heartbeatEvery?: DurationMs;
  readonly leaseTtl?: DurationMs;
  readonly resumeWindow?: DurationMs;
  /** Messages that wait for one peer. Past it `send` throws `RECONNECTION_KEPT_FULL`. Default 4096. */
  readonly keptMax?: number;
}

/** One peer, for as long as its session lives. */
export interface Peer {
  /** The worker's id. */
  readonly id: string;
  readonly registration: Registration;
  readonly connected: boolean;
  /** Sends a message. It waits while the link is down, and is gone when the session is: listen to `closed`. */
  send(payload: Payload, lane?: Lane): void;
  /** Ends the session. */
  close(reason: string): void;
}

export interface SessionServerEvents {
  /** A session began (`fresh`), or goes on over a new link. */
  opened: (peer: Peer, how: 'resumed' | 'fresh') => void;
  /** Call `commit` once what follows from it is durable. A listener with fewer parameters leaves that to the server. */
  message: (peer: Peer, payload: Payload, commit: () => void) => void;
  /** The link is gone; the session waits for another. */
  down: (peer: Peer, reason: string) => void;
  /** The session is over. */
  closed: (peer: Peer) => void;
  /** A link was refused. */
  refused: (code: number, reason: string) => void;
}

interface Session {
  readonly peer: Peer;
  readonly incarnation: string;
  readonly driver: Driver<ServerInput>;
  readonly machine: ServerSession;
  link: number | undefined;
}

/** Serves sessions. `listen` opens a port of its own; `upgrade` and `attach` take links from elsewhere. */
export class SessionServer extends EventEmitter<SessionServerEvents> {
  readonly #options: SessionServerOptions;
  readonly #acceptor = acceptLinks();
  readonly #sessions = new Map<string, Session>();
  readonly #links = new Map<number, { readonly wire: Link; session: Session | undefined }>();
  readonly #id = secret().slice(0, 12);
  #nextLink = 1;
  #closed = false;
  #listenerErrors = 0;
  #server: Server | undefined;

  constructor(options: SessionServerOptions) {
    super();
    this.#options = options;
  }

  /** Peers whose sessions live. */
  get peers(): readonly Peer[] {
    return [...this.#sessions.values()].map(({ peer }) => peer);
  }

  /** Throws of listeners so far. */
  get listenerErrors(): number {
    return this.#listenerErrors;
  }

  /** Listens; resolves with the URL that peers dial. Port 0: any. */
  async listen(port = 0, host = '127.0.0.1'): Promise<string> {
    const server = createServer((_request, response) => response.writeHead(426).end('speak WebSocket\n'));
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ port, host, backlog: BACKLOG }, resolve));
    this.#server = server;
    return `ws://${host}:${(server.address() as AddressInfo).port}${WORKER_PATH}`;
  }

  /** Takes over an upgrade of a server of yours. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#closed) return refuseLink(socket, 503, 'the server ends');
    if ((request.url ?? '').split('?')[0] !== WORKER_PATH) return refuseLink(socket, 404, 'no such path');
    const exposed = isExposedSocket(request.socket);
    this.#acceptor.accept(request, socket, head, (webSocket) =>
      this.attach((handlers, options) => attachLink(webSocket, handlers, { ...options, exposed })),
    );
  }

  /** Takes over any link: `wrap` puts a gate before it. */
  attach(wrap: (handlers: AttachHandlers, options: AttachOptions) => Link): void {
    const number = this.#nextLink++;
    const handlers: AttachHandlers = {
      proven: (hello, _key, proof) => this.#admit(number, hello, proof),
      refused: (code, reason) => {
        this.#tell('refused', code, reason);
        return code;
      },
      frame: (frame) => this.#links.get(number)?.session?.driver.offer({ kind: 'frameReceived', link: number, frame }),
      rubbish: (reason) => this.#links.get(number)?.session?.driver.offer({ kind: 'rubbishReceived', link: number, reason }),
      closed: (_code, reason) => {
        const link = this.#links.get(number);
        this.#links.delete(number);
        link?.session?.driver.offer({ kind: 'linkClosed', link: number, reason });
      },
    };
    const { secrets } = this.#options;
    const find = (key: string): ReturnType<typeof keysOf> | undefined => {
      const found = typeof secrets === 'function' ? secrets(key) : Object.hasOwn(secrets, key) ? secrets[key] : undefined;
      return found === undefined ? undefined : keysOf(nodeMac, found);
    };
    const wire = wrap(handlers, { find });
    this.#links.set(number, { wire, session: undefined });
  }

  /** Ends every session and the port; nobody is let in any more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { driver } of this.#sessions.values()) {
      driver.offer({ kind: 'closeAsked', code: CLOSE.restart.code, reason: 'the server ends' });
    }
    for (const { wire } of this.#links.values()) wire.close(CLOSE.restart.code, 'the server ends');
    const server = this.#server;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  #admit(number: number, hello: Hello, proof: string): void {
    const link = this.#links.get(number);
    if (!link) return;
    if (this.#closed) return link.wire.close(CLOSE.tryLater.code, 'the server ends');
    let session = this.#sessions.get(hello.worker);
    if (session && session.incarnation !== hello.incarnation) {
      if (session.link !== undefined) this.#links.get(session.link)?.wire.close(CLOSE.superseded.code, 'a newer process of this worker');
      this.#forget(session);
      session = undefined;
    }
    session ??= this.#begin(hello);
    session.link = number;
    link.session = session;
    session.driver.offer({ kind: 'helloAccepted', link: number, hello, session: secret(), token: secret(), proof });
  }

  #begin(hello: Hello): Session {
    const { heartbeatEvery, leaseTtl, resumeWindow, keptMax = KEPT_MAX } = this.#options;
    const machine = createServerSession({
      coordinator: { id: this.#id, epoch: 1 },
      ...(heartbeatEvery === undefined ? {} : { heartbeatEvery }),
      ...(leaseTtl === undefined ? {} : { leaseTtl }),
      ...(resumeWindow === undefined ? {} : { resumeWindow }),
    });
    const driver: Driver<ServerInput> = drive(machine, {
      clock: nodeClock,
      timers: nodeTimers,
      perform: (effect) => this.#perform(session, effect),
      crashed: () => this.#forget(session),
      stalled: (by) => ({ kind: 'stalled', by }),
    });
    const peer: Peer = {
      id: hello.worker,
      registration: hello.registration,
      get connected() {
        return machine.snapshot().state === 'linked';
      },
      send(payload, lane = 'normal') {
        const encoded = encodeMessage(payload);
        if (!encoded.ok) throw new CodedError('RECONNECTION_MESSAGE_REFUSED', `send a ${payload.t}: ${encoded.problem}`);
        if (machine.snapshot().unreceived >= keptMax)
          throw new CodedError('RECONNECTION_KEPT_FULL', `send to ${hello.worker}: ${keptMax} messages wait`, { retryable: true });
        driver.offer({ kind: 'offered', lane, payload });
      },
      close: (reason) => driver.offer({ kind: 'closeAsked', code: CLOSE.normal.code, reason }),
    };
    const session: Session = { peer, incarnation: hello.incarnation, driver, machine, link: undefined };
    this.#sessions.set(hello.worker, session);
    return session;
  }

  #perform(session: Session, effect: ServerEffect): void {
    switch (effect.kind) {
      case 'transmit':
        return this.#links.get(effect.link)?.wire.send(effect.text);
      case 'closeLink':
        if (session.link === effect.link) session.link = undefined;
        return this.#links.get(effect.link)?.wire.close(effect.code, effect.reason);
      case 'opened':
        return this.#tell('opened', session.peer, effect.how);
      case 'deliver': {
        const commit = (): void => session.driver.offer({ kind: 'committed', seq: effect.seq });
        const takers = this.listeners('message').filter((listener) => listener.length >= 3);
        this.#tell('message', session.peer, effect.payload as Payload, commit);
        if (takers.length === 0) commit();
        return;
      }
      case 'beat':
        return session.driver.offer({ kind: 'beatAnswered', n: effect.n, renewed: true });
      case 'down':
        return this.#tell('down', session.peer, effect.reason);
      case 'expired':
        return this.#forget(session);
      case 'suspect':
      case 'alive':
        return;
    }
  }

  #tell<Name extends keyof SessionServerEvents>(name: Name, ...values: Parameters<SessionServerEvents[Name]>): void {
    try {
      this.emit(name, ...(values as never));
    } catch {
      // V4: it is the listener's. A message it was handed is not committed, if that was left to it.
      this.#listenerErrors += 1;
    }
  }

  #forget(session: Session): void {
    if (this.#sessions.get(session.peer.id) !== session) return;
    this.#sessions.delete(session.peer.id);
    session.driver.stop();
    this.#tell('closed', session.peer);
  }
}

const secret = (): string => Buffer.from(nodeEntropy.bytes(32)).toString('base64url');
const KEPT_MAX = 4096;
/** Whoever is back after a loss is dialled by everybody at once. Node's default of 511 drops the others, who come again after seconds; the kernel has a bound of its own. */
const BACKLOG = 4096;
