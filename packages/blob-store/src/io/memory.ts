/** Blobs in a Map, for tests of what is above the port. */
import type { BlobDigest } from '@holdfast/model';
import type { BlobStore } from '../port.ts';
import { checkedSource, RefusedBytes } from './checked.ts';

export interface MemoryBlobOptions {
  /** Milliseconds; default: the wall clock. */
  readonly now?: () => number;
}

/** Creates an empty store. */
export function createMemoryBlobs({ now = Date.now }: MemoryBlobOptions = {}): BlobStore {
  const blobs = new Map<BlobDigest, { readonly bytes: Uint8Array; touched: number }>();
  return {
    async put(digest, source, options) {
      const parts: Uint8Array[] = [];
      const known = blobs.get(digest);
      if (known) {
        known.touched = now();
        return { kind: 'present', size: known.bytes.byteLength };
      }
      try {
        for await (const part of checkedSource(digest, source, options)) parts.push(part.slice());
      } catch (error) {
        if (error instanceof RefusedBytes) return { kind: 'refused', reason: error.reason };
        throw error;
      }
      const bytes = Buffer.concat(parts);
      blobs.set(digest, { bytes, touched: now() });
      return { kind: 'stored', size: bytes.byteLength };
    },
    size: (digest) => Promise.resolve(blobs.get(digest)?.bytes.byteLength),
    open(digest, range) {
      const found = blobs.get(digest);
      if (!found) return Promise.resolve(undefined);
      const part = found.bytes.subarray(range?.start ?? 0, range?.end ?? found.bytes.byteLength);
      const bytes = (async function* read() {
        if (part.byteLength > 0) yield part;
      })();
      return Promise.resolve({ size: found.bytes.byteLength, bytes });
    },
    async collect(graceMs, kept) {
      let [count, bytes] = [0, 0];
      const old = [...blobs].filter(([, blob]) => now() - blob.touched > graceMs);
      const keep = await kept(old.map(([digest]) => digest));
      for (const [digest, blob] of old) {
        if (keep.has(digest) || now() - blob.touched <= graceMs) continue;
        blobs.delete(digest);
        count += 1;
        bytes += blob.bytes.byteLength;
      }
      return { blobs: count, bytes };
    },
    close: () => Promise.resolve(),
  };
}
