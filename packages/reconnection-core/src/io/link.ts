/**
 * One WebSocket as a link: text frames that passed their schema in, text out, bounded on both sides.
 *
 * L1 Frames reach `frame` decoded and validated, or `rubbish` with a reason; never both, never raw.
 * L2 `closed` is the last call, once. Nothing is called after it.
 * L3 The send queue is bounded: past `sendBytesHard` the link is closed with 1013 and everything further is dropped;
 *    the session sends it again on the next link.
 * L4 Once sealed, every frame carries its digest; one that was changed, dropped or repeated on its way closes the link with 1002.
 */
import type { Result } from '@holdfast/kernel';
import { CLOSE, decodeFrame, LIMITS, type Seal, SEAL_LENGTH } from '@holdfast/protocol';
import type { RawData, WebSocket } from 'ws';

export interface LinkHandlers<Frame> {
  /** A frame that passed its schema, and its text. */
  readonly frame: (frame: Frame, text: string) => void;
  /** Bytes that did not: tell the session, which closes with 4400. */
  readonly rubbish: (reason: string) => void;
  /** The link is gone; the last call. */
  readonly closed: (code: number, reason: string) => void;
}

export interface Link {
  /** Queues one WebSocket text message. Dropped when the link is closing or its queue is full (L3). */
  send(text: string): void;
  /** From the next frame on, both ways (L4). */
  seal(seal: Seal): void;
  /** Closes in order; the socket is destroyed after 5 s without an answer. `reason` is cut to 120 bytes. */
  close(code: number, reason: string): void;
  /** Destroys the socket at once. */
  terminate(): void;
  /** Bytes that wait to be written. */
  readonly bufferedBytes: number;
  /** More than 1 MiB waits: whoever can should offer less. */
  readonly congested: boolean;
}

/** `ws` options of both ends: frames, fragments and the wait for an answer to close are bounded. `closeTimeout` and `maxBufferedChunks` are missing from the published types. */
export const SOCKET_OPTIONS = {
  perMessageDeflate: false,
  maxPayload: LIMITS.frameBytesMax + SEAL_LENGTH,
  maxFragments: LIMITS.fragmentsMax,
  maxBufferedChunks: 1024,
  closeTimeout: 5000,
} as const;

/** Wraps an open socket. `decode` reads a text message. */
export function wrapSocket<Frame>(socket: WebSocket, decode: (text: string) => Result<Frame, string>, handlers: LinkHandlers<Frame>): Link {
  let closed = false;
  let controls = { since: 0, count: 0 };
  let seal: Seal | undefined;

  const countControl = (): void => {
    const now = performance.now();
    controls = now - controls.since > 1000 ? { since: now, count: 1 } : { since: controls.since, count: controls.count + 1 };
    if (controls.count > CONTROLS_PER_SECOND_MAX) link.close(CLOSE.rate.code, 'too many control frames');
  };
  const link: Link = {
    send(text) {
      if (socket.readyState !== socket.OPEN) return;
      if (socket.bufferedAmount + text.length > SEND_BYTES_HARD) {
        link.close(CLOSE.tryLater.code, 'the peer does not read');
        return;
      }
      socket.send(seal ? seal.close(text) : text);
    },
    seal: (given) => void (seal = given),
    close(code, reason) {
      if (socket.readyState === socket.CONNECTING) socket.terminate();
      else socket.close(code, cutReason(reason));
    },
    terminate: () => socket.terminate(),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    get congested() {
      return socket.bufferedAmount > SEND_BYTES_SOFT;
    },
  };

  socket.on('message', (data, isBinary) => {
    // A link that is closing has been judged already: what still arrives belongs to the next one.
    if (closed || socket.readyState !== socket.OPEN) return;
    if (isBinary) return link.close(UNSUPPORTED_DATA, 'text expected');
    const sent = textOf(data);
    const text = seal ? seal.open(sent) : sent;
    if (text === undefined) return link.close(PROTOCOL_ERROR, 'a frame was changed on its way');
    const frame = decode(text);
    if (frame.ok) handlers.frame(frame.value, text);
    else handlers.rubbish(frame.problem);
  });
  socket.on('ping', countControl);
  socket.on('pong', countControl);
  socket.on('error', () => {
    /* ignored: `close` follows and carries the code; before `open` the dialler listens itself. */
  });
  socket.on('close', (code, reason) => {
    if (closed) return;
    closed = true;
    handlers.closed(code, reason.toString('utf8'));
  });
  return link;
}

/** Whether an address or host name reaches this machine only. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);

/** A decoder for `schema`. */
export const decoder =
  <Frame>(schema: Parameters<typeof decodeFrame<Frame>>[1]) =>
  (text: string): Result<Frame, string> =>
    decodeFrame(text, schema);

function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString('utf8');
  return Array.isArray(data) ? Buffer.concat(data).toString('utf8') : Buffer.from(data).toString('utf8');
}

/** The wire allows 123 bytes; a cut never splits a character. */
function cutReason(reason: string): string {
  let cut = reason.slice(0, 120);
  while (Buffer.byteLength(cut) > 120) cut = cut.slice(0, -1);
  return cut;
}

/** RFC 6455, section 7.4.1. */
const PROTOCOL_ERROR = 1002;
const UNSUPPORTED_DATA = 1003;
const SEND_BYTES_SOFT = 1024 * 1024;
const SEND_BYTES_HARD = 8 * 1024 * 1024;
const CONTROLS_PER_SECOND_MAX = 20;
