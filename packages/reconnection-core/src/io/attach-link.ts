/** The coordinator's end of links: upgrades that carry the subprotocol, and sockets that begin with a proof. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { durationMs } from '@holdfast/kernel';
import { nodeClock, nodeEntropy, nodeMac, nodeTimers } from '@holdfast/kernel/node';
import { createSeal, type Hello, LIMITS, SUBPROTOCOL, type WorkerFrame, workerFrame } from '@holdfast/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { createGate, type GateEffect, type GatePorts } from '../gate.ts';
import { decoder, isLoopback, type Link, type LinkHandlers, SOCKET_OPTIONS, wrapSocket } from './link.ts';

export interface LinkAcceptor {
  /**
   * Answers an upgrade. Without the subprotocol the answer is 426 and `accepted` is not
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

/** Whether nothing but a seal protects what crosses this socket: no TLS, and a peer on another machine. */
export const isExposedSocket = (socket: Socket): boolean =>
  !('encrypted' in socket && socket.encrypted === true) && !isLoopback(socket.remoteAddress ?? '');

export interface AttachHandlers extends LinkHandlers<WorkerFrame> {
  /** First of all, once: the worker knows the secret of `hello.key`. `proof` goes into `helloAccepted`. */
  readonly proven: (hello: Hello, key: string, proof: string) => void;
  /** The gate refuses the link; returns the code to close it with, for a brake on guessing. Default: `code`. */
  readonly refused?: (code: number, reason: string, key: string | undefined) => number;
}

export interface AttachOptions extends Pick<GatePorts, 'find'> {
  /** Milliseconds until hello must have arrived, and the proof after the challenge, else 4408. Default 5000. */
  readonly helloWithinMs?: number;
  /** Compressions that the session behind this link reads and writes. Default none. */
  readonly compress?: readonly string[];
  /** See `isExposedSocket`. Default false. */
  readonly exposed?: boolean;
}

/** Takes over an accepted socket and guards it with a gate: before `proven` nothing is handed over. */
export const attachLink = (socket: WebSocket, handlers: AttachHandlers, options: AttachOptions): Link =>
  guardLink((guarded) => wrapSocket(socket, decoder(workerFrame), guarded), handlers, options);

/** The same over anything that `wrap` makes a link of. */
export function guardLink(wrap: (handlers: LinkHandlers<WorkerFrame>) => Link, handlers: AttachHandlers, options: AttachOptions): Link {
  const { exposed, find, compress } = options;
  const within = durationMs(options.helloWithinMs ?? LIMITS.helloWithinMs);
  const gate = createGate({ within, exposed, compress }, { mac: nodeMac, entropy: nodeEntropy, find }, nodeClock.mono());
  let passed = false;
  let cancel: (() => void) | undefined;

  const perform = (effects: readonly GateEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'transmit') link.send(effect.text);
      else if (effect.kind === 'sealLink') link.seal(createSeal(nodeMac, effect.send, effect.receive));
      else if (effect.kind === 'proven') {
        passed = true;
        handlers.proven(effect.hello, effect.key, effect.proof);
      } else link.close(handlers.refused?.(effect.code, effect.reason, effect.key) ?? effect.code, effect.reason);
    }
    cancel?.();
    const deadline = gate.deadline();
    cancel =
      deadline === undefined
        ? undefined
        : nodeTimers.set(durationMs(Math.max(0, deadline - nodeClock.mono())), () => perform(gate.tick(nodeClock.mono())));
  };
  const link = wrap({
    frame(frame, text) {
      if (passed) handlers.frame(frame, text);
      else perform(gate.handle({ kind: 'frameReceived', frame, text }, nodeClock.mono()));
    },
    rubbish(reason) {
      if (passed) handlers.rubbish(reason);
      else perform(gate.handle({ kind: 'rubbishReceived', reason }, nodeClock.mono()));
    },
    closed(code, reason) {
      cancel?.();
      handlers.closed(code, reason);
    },
  });
  perform([]);
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
