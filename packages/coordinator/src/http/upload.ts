/** The body of an upload, as long as it comes fast enough. */
import type { IncomingMessage } from 'node:http';

export interface Upload {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** It was given up for being slow. */
  readonly slow: () => boolean;
}

/**
 * Reads the body of a request; ends in a throw when less than `bytesMin` came in a window of `windowMs`. The socket stays usable for
 * an answer. A count of windows without a timer per piece: cheap for fast uploads.
 */
export function readUpload(request: IncomingMessage, windowMs: number, bytesMin: number): Upload {
  let slow = false;
  return { bytes: read(), slow: () => slow };

  async function* read(): AsyncGenerator<Uint8Array> {
    const pieces = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
    const late = Promise.withResolvers<never>();
    late.promise.catch(() => {
      /* ignored: it is raced for while a piece is awaited. */
    });
    let received = 0;
    const watch = setInterval(() => {
      if (received < bytesMin) {
        slow = true;
        late.reject(new Error(`less than ${bytesMin} bytes in ${windowMs} ms`));
      }
      received = 0;
    }, windowMs);
    try {
      for (;;) {
        const piece = await Promise.race([pieces.next(), late.promise]);
        if (piece.done) return;
        received += piece.value.byteLength;
        yield piece.value;
      }
    } finally {
      clearInterval(watch);
    }
  }
}
