/** The worker's way to the coordinator: one WebSocket. No secret crosses it: both ends prove themselves in its first frames. */
import { errorText } from '@holdfast/kernel';
import { CLOSE, type CoordinatorFrame, coordinatorFrame, SUBPROTOCOL } from '@holdfast/protocol';
import { type ClientOptions, WebSocket } from 'ws';
import { decoder, isLoopback, type Link, type LinkHandlers, SOCKET_OPTIONS, wrapSocket } from './link.ts';

export interface DialOptions {
  /** `ws://` or `wss://`, with the path. No secret belongs into it: proxies write URLs down. */
  readonly url: string;
  /** Certificates in PEM. Absent: what Node trusts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string } | undefined;
  /** Further headers of the upgrade. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds until the upgrade must be answered. Default 10000. */
  readonly dialWithinMs?: number;
}

/** Whether nothing but a seal protects what crosses this URL: plain `ws` to another machine. */
export function isExposed(url: string): boolean {
  try {
    const { protocol, hostname } = new URL(url);
    return (protocol === 'ws:' || protocol === 'http:') && !isLoopback(hostname);
  } catch {
    /* ignored: what is no URL is refused by the dial itself. */
    return false;
  }
}

export interface DialHandlers extends LinkHandlers<CoordinatorFrame> {
  readonly opened: () => void;
  /** A WebSocket ping with a payload came; it is answered by itself. */
  readonly pinged?: (payload: string) => void;
  /**
   * The link did not open; the last call. `terminal`: 401, 403, 426, a wrong subprotocol or a URL that is none;
   * `code` is then the close code that says the same.
   */
  readonly failed: (reason: string, terminal: boolean, code: number | undefined) => void;
}

/** Opens a link. Exactly one of `opened` and `failed` follows, never before this returns; `close` while dialling aborts it. */
export function dialLink(options: DialOptions, handlers: DialHandlers): Link {
  let socket: WebSocket;
  try {
    socket = new WebSocket(options.url, [SUBPROTOCOL], socketOptions(options));
  } catch (error) {
    queueMicrotask(() => handlers.failed(errorText(error), true, CLOSE.badMessage.code));
    return NO_LINK;
  }
  let phase: 'dialing' | 'open' | 'over' = 'dialing';
  const fail = (reason: string, code: number | undefined): void => {
    if (phase !== 'dialing') return;
    phase = 'over';
    handlers.failed(reason, code !== undefined, code);
  };

  socket.on('unexpected-response', (request, response) => {
    const status = response.statusCode ?? 0;
    response.resume();
    request.destroy();
    fail(`the coordinator answered ${status}`, TERMINAL_STATUS.get(status));
  });
  socket.on('error', (error) => fail(error.message, /subprotocol/i.test(error.message) ? CLOSE.version.code : undefined));
  socket.on('ping', (payload) => payload.byteLength > 0 && handlers.pinged?.(payload.toString('utf8')));
  socket.on('open', () => {
    if (phase !== 'dialing') return;
    phase = 'open';
    handlers.opened();
  });
  return wrapSocket(socket, decoder(coordinatorFrame), {
    frame: (frame, text) => phase === 'open' && handlers.frame(frame, text),
    rubbish: (reason) => phase === 'open' && handlers.rubbish(reason),
    closed(code, reason) {
      if (phase === 'dialing') fail(reason || 'closed before it opened', undefined);
      else if (phase === 'open') handlers.closed(code, reason);
      phase = 'over';
    },
  });
}

function socketOptions(options: DialOptions): ClientOptions {
  return {
    ...SOCKET_OPTIONS,
    ...options.tls,
    handshakeTimeout: options.dialWithinMs ?? 10_000,
    ...(options.headers ? { headers: { ...options.headers } } : {}),
  };
}

const TERMINAL_STATUS: ReadonlyMap<number, number> = new Map([
  [401, CLOSE.unauthenticated.code],
  [403, CLOSE.forbidden.code],
  [426, CLOSE.version.code],
]);
const nothing = (): void => {
  /* There is no socket behind a URL that is none. */
};
const NO_LINK: Link = { send: nothing, seal: nothing, close: nothing, terminate: nothing, bufferedBytes: 0, congested: false };
