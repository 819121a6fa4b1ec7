/** Bytes on their way in or out, counted and hashed as they pass. */
import { createHash } from 'node:crypto';
import { type BlobDigest, digestOf } from '@holdfast/model';
import type { PutOptions, PutRefusal } from '../port.ts';

/** Why the bytes that passed are not those wanted. Thrown inside adapters only, where it becomes a refusal. */
export class RefusedBytes extends Error {
  readonly reason: PutRefusal;
  constructor(reason: PutRefusal) {
    super(reason);
    this.name = 'RefusedBytes';
    this.reason = reason;
  }
}

/** Passes a source on while its bytes may still be those of `digest`. Throws `RefusedBytes`. */
export async function* checkedSource(
  digest: BlobDigest,
  source: AsyncIterable<Uint8Array>,
  { size, sizeMax }: PutOptions,
): AsyncGenerator<Uint8Array, number> {
  if (size !== undefined && size > sizeMax) throw new RefusedBytes('too_large');
  const hash = createHash('sha256');
  let count = 0;
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextOf(iterator);
      if (next.done) break;
      count += next.value.byteLength;
      if (size !== undefined && count > size) throw new RefusedBytes('wrong_size');
      if (count > sizeMax) throw new RefusedBytes('too_large');
      hash.update(next.value);
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
  if (size !== undefined && count !== size) throw new RefusedBytes('wrong_size');
  if (digestOf(hash.digest('hex')) !== digest) throw new RefusedBytes('wrong_hash');
  return count;
}

async function nextOf(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  try {
    return await iterator.next();
  } catch (error) {
    if (error instanceof RefusedBytes) throw error;
    throw new RefusedBytes('cut');
  }
}

/** The digest of bytes in memory. */
export const digestBytes = (bytes: Uint8Array | string): BlobDigest => digestOf(createHash('sha256').update(bytes).digest('hex'));
