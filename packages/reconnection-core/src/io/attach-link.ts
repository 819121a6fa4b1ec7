/** The coordinator's end of links: upgrades that carry the subprotocol, and sockets that begin with hello. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CLOSE, LIMITS, SUBPROTOCOL, type WorkerFrame, workerFrame } from '@holdfast/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { decoder, type Link, type LinkHandlers, SOCKET_OPTIONS, wrapSocket } from './link.ts';

export interface LinkAcceptor {
  /**
   * Answers an upgrade that the caller has authenticated. Without the subprotocol the answer is 426 and `accepted` is not
   * called. Attach handlers inside `accepted`: the first message may already wait.
   */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, accepted: (socket: WebSocket) => void): void;
}

/** Creates an acceptor; it owns no port and no timer. */
export function acceptLinks(): LinkAcceptor {
  const server = new WebSocketServer({
    ...SOCKET_OPTIONS,
    noServer: true,
    clientTracking: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  return {
    accept(request, socket, head, accepted) {
      const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
      if (!offered.includes(SUBPROTOCOL)) refuseLink(socket, 426, `the subprotocol is ${SUBPROTOCOL}`);
      else server.handleUpgrade(request, socket, head, accepted);
    },
  };
}

/** Answers an upgrade with a plain HTTP status and closes. 401, 403 and 426 make a worker stop dialling. */
export function refuseLink(socket: Duplex, status: number, reason: string): void {
  const body = `${reason}\n`;
  socket.on('error', () => {
    /* ignored: a peer that has left cannot be refused. */
  });
  const head = `HTTP/1.1 ${status} ${STATUS_TEXT.get(status) ?? 'Refused'}\r\nConnection: close\r\nContent-Type: text/plain\r\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** The bearer token of a request's Authorization header; never one of the URL. */
export function bearerToken(request: IncomingMessage): string | undefined {
  return /^Bearer ([\x21-\x7e]{1,1024})$/.exec(request.headers.authorization ?? '')?.[1];
}

export interface AttachOptions {
  /** Milliseconds until hello must have arrived, else 4408. Default 5000. */
  readonly helloWithinMs?: number;
}

/** Takes over an accepted socket. The first frame handed over is `hello`; another first frame closes the link with 4401, bytes that are none with 4400. */
export function attachLink(socket: WebSocket, handlers: LinkHandlers<WorkerFrame>, options: AttachOptions = {}): Link {
  let greeted = false;
  const timer = setTimeout(() => link.close(CLOSE.authTimeout.code, 'no hello in time'), options.helloWithinMs ?? LIMITS.helloWithinMs);
  timer.unref();
  const link = wrapSocket(socket, decoder(workerFrame), {
    frame(frame) {
      if (!greeted && frame.f !== 'hello') return link.close(CLOSE.unauthenticated.code, `${frame.f} before hello`);
      greeted = true;
      clearTimeout(timer);
      handlers.frame(frame);
    },
    rubbish(reason) {
      if (greeted) handlers.rubbish(reason);
      else link.close(CLOSE.badMessage.code, reason);
    },
    closed(code, reason) {
      clearTimeout(timer);
      handlers.closed(code, reason);
    },
  });
  return link;
}

const STATUS_TEXT: ReadonlyMap<number, string> = new Map([
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [421, 'Misdirected Request'],
  [426, 'Upgrade Required'],
  [429, 'Too Many Requests'],
  [503, 'Service Unavailable'],
]);
