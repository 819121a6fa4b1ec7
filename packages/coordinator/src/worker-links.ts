/**
 * The worker links of a coordinator: upgrades, proofs and sockets. Knows frames, nothing of tasks.
 *
 * W1 A link exists for the node only after its worker has proven to know a token that allows `worker:register`. No token crosses the wire.
 * W2 Hello and proof come within 5 s each: 4408; anything else before them 4401, what is no frame 4400, a wrong proof 4401, or 4429 when
 *    there were too many of its address or key.
 * W3 A link whose token ends is closed 4401 within a second.
 * W4 All frames of one turn leave in one write.
 * W5 More than `STRANGERS_MAX` proofs are not waited for at once: who comes then is told when to call again.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { covers, type Principal } from '@holdfast/auth';
import type { CoordinatorInput } from '@holdfast/coordinator-core';
import { durationMs } from '@holdfast/kernel';
import { nodeClock, nodeEntropy } from '@holdfast/kernel/node';
import { CLOSE, encodeFrame, SUBPROTOCOL, WORKER_PATH } from '@holdfast/protocol';
import { createSlots } from '@holdfast/reconnection-core';
import {
  attachLink,
  type AttachHandlers,
  isExposedSocket,
  type Link as WireLink,
  nodePacker,
  SOCKET_OPTIONS,
} from '@holdfast/reconnection-core/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { rawProblem } from './http/problem.ts';
import type { Logger } from './process-log.ts';
import { MARK_HEADER } from './store-mark.ts';
import type { TokenService } from './token-service.ts';

export interface WorkerLinksPorts {
  readonly tokens: TokenService;
  readonly offer: (input: CoordinatorInput) => void;
  /** Whether there is a node that can take links now. */
  readonly isOpen: () => boolean;
  readonly trusted: (socket: Socket) => void;
  readonly answered: (status: number) => void;
  readonly log: Logger;
  readonly helloWithinMs: number;
  /** The mark of the store that workers are given (`store-mark.ts`). */
  readonly mark: () => string | undefined;
  /** A worker showed the mark that it was last given. */
  readonly markShown: (text: string, by: string) => void;
}

export interface WorkerLinks {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  transmit(link: number, text: string): void;
  close(link: number, code: number, reason: string): void;
  closeAll(code: number, reason: string): void;
  /** Ends the turn: what `transmit` took leaves. */
  flush(): void;
  /** Gives every worker a new mark of the store, in a ping: no message of the session, so it waits for nothing and nothing waits for it. */
  giveMark(mark: string): void;
  /** Closes the links of a token; without one, of every token that is no longer valid. */
  refuse(keyId?: string): void;
  /** Whether `principal` may report the death of `worker`: whoever registered it, or an admin. */
  mayReport(principal: Principal, worker: string): boolean;
  readonly size: number;
  stop(): void;
}

interface Link {
  readonly wire: WireLink;
  readonly socket: WebSocket;
  readonly raw: Socket;
  readonly principal: Principal;
  /** The worker that it was the first to name. */
  owned: string | undefined;
}

/** Creates an empty hub. */
export function createWorkerLinks(ports: WorkerLinksPorts): WorkerLinks {
  const links = new Map<number, Link>();
  const corked = new Set<Link>();
  /** Links without a proof so far. Past a bound the next one is given a slot to call again (W5). */
  const strangers = new Set<number>();
  const slots = createSlots(durationMs(1000), durationMs(2));
  /** Who registered a worker, by worker id: the store has the last word. Bounded like the links themselves. */
  const owners = new Map<string, string>();
  let nextLink = 1;
  /** Before any proof of who it is: a mark proves itself. */
  const showMark = (request: IncomingMessage): void => {
    const mark = request.headers[MARK_HEADER];
    if (typeof mark === 'string') ports.markShown(mark, request.socket.remoteAddress ?? 'somewhere');
  };
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    ...SOCKET_OPTIONS,
    // An unknown protocol is answered as offered and closed 4426: a refusal that every client can read.
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : ([...offered][0] ?? false)),
  });

  const open = (socket: WebSocket, raw: Socket): void => {
    const id = nextLink++;
    const address = raw.remoteAddress ?? '';
    let link: Link | undefined;
    const handlers: AttachHandlers = {
      proven(hello, key, proof) {
        const principal = ports.tokens.proven(key);
        if (!principal || !covers(principal.scopes, 'worker:register'))
          return wire.close(CLOSE.forbidden.code, 'this token registers no worker');
        if (!ports.isOpen()) return wire.close(CLOSE.tryLater.code, 'not ready');
        ports.trusted(raw);
        strangers.delete(id);
        link = { wire, socket, raw, principal, owned: undefined };
        links.set(id, link);
        own(link, hello.worker);
        const mark = ports.mark();
        if (mark !== undefined) socket.ping(mark);
        ports.offer({ kind: 'linkOpened', link: id, principal: principal.name, session: secret(), token: secret(), hello, proof });
      },
      refused(code, reason, key) {
        const blocked = code === CLOSE.unauthenticated.code && key !== undefined && ports.tokens.proofFailed(key, address) > 0;
        ports.log[blocked ? 'debug' : 'warn']({ event: 'link.refused', code, reason, address }, 'a link without a valid proof');
        return blocked ? CLOSE.rate.code : code;
      },
      frame: (frame) => ports.offer({ kind: 'frameReceived', link: id, frame }),
      rubbish: (reason) => ports.offer({ kind: 'rubbishReceived', link: id, reason }),
      closed(code, reason) {
        strangers.delete(id);
        if (!link) return;
        links.delete(id);
        corked.delete(link);
        ports.offer({ kind: 'linkClosed', link: id, reason: closeWords(code, reason) });
      },
    };
    const exposed = isExposedSocket(raw);
    const wire = attachLink(socket, handlers, {
      find: ports.tokens.proofKeys,
      compress: nodePacker.methods,
      exposed,
      helloWithinMs: ports.helloWithinMs,
    });
    if (strangers.size >= STRANGERS_MAX) {
      const retryAfterMs = slots.take(nodeClock.mono());
      wire.send(encodeFrame({ f: 'goaway', reason: 'too many links at once', retryAfterMs }));
      return wire.close(CLOSE.tryLater.code, 'too many links at once');
    }
    strangers.add(id);
  };

  /** The first one owns it, as in the store; one whose hello the store refuses owns nothing. */
  const own = (link: Link, worker: string): void => {
    if (owners.has(worker)) return;
    link.owned = worker;
    owners.set(worker, link.principal.name);
    if (owners.size > OWNERS_MAX) owners.delete(owners.keys().next().value!);
  };
  const end = (link: Link, code: number, reason: string): void => {
    uncork(link);
    link.wire.close(code, reason);
  };
  const uncork = (link: Link): void => {
    if (!corked.delete(link)) return;
    link.raw.uncork();
  };

  return {
    upgrade(request, socket, head) {
      const refusal = refusalOf(request, ports);
      if (refusal) {
        ports.answered(refusal.status);
        return void socket.end(rawProblem(refusal.status, refusal.reason, randomUUID(), refusal.headers));
      }
      const raw = request.socket;
      showMark(request);
      server.handleUpgrade(request, socket, head, (webSocket) => {
        if (webSocket.protocol === SUBPROTOCOL) return open(webSocket, raw);
        webSocket.on('error', () => webSocket.terminate());
        webSocket.close(CLOSE.version.code, `speak ${SUBPROTOCOL}`);
      });
    },
    transmit(id, text) {
      const link = links.get(id);
      if (!link) return;
      if (!corked.has(link)) {
        corked.add(link);
        link.raw.cork();
      }
      link.wire.send(text);
    },
    close(id, code, reason) {
      const link = links.get(id);
      if (!link) return;
      if (code === CLOSE.forbidden.code && link.owned !== undefined) owners.delete(link.owned);
      end(link, code, reason);
    },
    closeAll(code, reason) {
      for (const link of links.values()) end(link, code, reason);
    },
    flush() {
      for (const link of corked) link.raw.uncork();
      corked.clear();
    },
    giveMark(mark) {
      for (const { socket } of links.values()) if (socket.readyState === socket.OPEN) socket.ping(mark);
    },
    refuse(keyId) {
      for (const link of links.values()) {
        const gone = keyId === undefined ? !ports.tokens.isActive(link.principal.keyId) : link.principal.keyId === keyId;
        if (gone) end(link, CLOSE.unauthenticated.code, CLOSE.unauthenticated.name);
      }
    },
    mayReport: (principal, worker) => covers(principal.scopes, 'admin') || (owners.get(worker) ?? principal.name) === principal.name,
    get size() {
      return links.size;
    },
    stop() {
      for (const link of links.values()) link.wire.terminate();
      server.close();
    },
  };
}

interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What to refuse the upgrade with; undefined: it may begin. */
function refusalOf(request: IncomingMessage, ports: WorkerLinksPorts): Refusal | undefined {
  const [path, query] = (request.url ?? '').split('?', 2);
  if (path !== WORKER_PATH) return { status: 404, reason: 'Not Found' };
  // Whatever stands in a query is written down by proxies, and a token there is lost already.
  if (query !== undefined) return { status: 401, reason: 'Unauthorized' };
  if (!ports.isOpen()) return { status: 503, reason: 'Service Unavailable', headers: { 'retry-after': '1' } };
  return undefined;
}

const secret = (): string => Buffer.from(nodeEntropy.bytes(32)).toString('base64url');
const STRANGERS_MAX = 512;
const OWNERS_MAX = 10_000;

/** Why a link closed, for people: most closes carry no reason, and 1006 means that nobody said goodbye. */
function closeWords(code: number, reason: string): string {
  if (reason !== '') return `${reason} (${code})`;
  return code === 1006 ? 'its connection broke' : `its connection closed with code ${code}`;
}
