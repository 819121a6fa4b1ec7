/**
 * Frames of a link that nothing else protects: each carries a digest of itself and of its place (PROTOCOL.md, section 2).
 *
 * Y1 The digest covers what is on the wire and the number of the frame in its direction: nothing can be changed, dropped, doubled,
 *    swapped or sent back unnoticed.
 */
import type { Mac } from '@holdfast/kernel';

export interface Seal {
  /** The frame to send, with its digest before it. */
  close(text: string): string;
  /** The frame without its digest; undefined: it is not the next frame of the peer. */
  open(text: string): string | undefined;
}

/** Creates the seal of one link at its first sealed frame. `send` and `receive`: keys, 64 hex digits. */
export function createSeal(mac: Mac, send: string, receive: string): Seal {
  let sent = 0;
  let received = 0;
  return {
    close(text) {
      sent += 1;
      return mac.hmac(send, `${sent}\n${text}`).slice(0, SEAL_LENGTH) + text;
    },
    open(text) {
      if (text.length < SEAL_LENGTH) return undefined;
      received += 1;
      const body = text.slice(SEAL_LENGTH);
      const digest = mac.hmac(receive, `${received}\n${body}`);
      // Padded to a whole digest: the comparison must not end early either.
      const told = text.slice(0, SEAL_LENGTH) + digest.slice(SEAL_LENGTH);
      return mac.equal(told, digest) ? body : undefined;
    },
  };
}

/** Hex digits before a sealed frame: 128 bits of HMAC-SHA-256. */
export const SEAL_LENGTH = 32;
