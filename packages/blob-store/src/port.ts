/**
 * Bytes by their hash: the port that every adapter stores them behind.
 *
 * B1 Bytes are visible under their digest only once they are whole, hash-checked and durable; never a part of them.
 * B2 Putting the same bytes twice, one after the other or at once, leaves one copy, and both calls succeed.
 * B3 What was refused or cut short leaves nothing behind, at the latest after the next start.
 * B4 Nothing that was put or touched within the grace is collected.
 */
import type { BlobDigest } from '@holdfast/model';

/** Bytes `start` to `end`, both counted from 0, `end` excluded. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export type PutOutcome =
  | { readonly kind: 'stored'; readonly size: number }
  /** They were there before; their grace begins anew. */
  | { readonly kind: 'present'; readonly size: number }
  | { readonly kind: 'refused'; readonly reason: PutRefusal };

export type PutRefusal =
  /** The bytes are not those that the digest names. */
  | 'wrong_hash'
  /** Fewer or more bytes than announced. */
  | 'wrong_size'
  /** More bytes than `sizeMax`. */
  | 'too_large'
  /** The source failed before its end. */
  | 'cut'
  /** The disk has too little space left. */
  | 'no_space';

export interface PutOptions {
  /** Bytes announced; absent: unknown. */
  readonly size?: number;
  /** Bytes taken at most. */
  readonly sizeMax: number;
}

export interface OpenBlob {
  /** Bytes of the whole blob. */
  readonly size: number;
  /** The bytes asked for. A whole blob whose bytes are damaged ends in a throw of `BLOB_DAMAGED`, after which it counts as missing. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface BlobStore {
  /** Takes bytes in; resolves once they are durable (B1). Never rejects for what a source or a full disk may do. */
  put(digest: BlobDigest, source: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutOutcome>;
  /** Bytes of a blob; undefined: it is not there. */
  size(digest: BlobDigest): Promise<number | undefined>;
  /** Opens a blob, or a part of it; a range is cut to what there is. Undefined: it is not there. */
  open(digest: BlobDigest, range?: ByteRange): Promise<OpenBlob | undefined>;
  /** Removes what is older than `graceMs` and not in what `kept` answers for a batch of digests (B4). */
  collect(graceMs: number, kept: (digests: readonly BlobDigest[]) => Promise<ReadonlySet<BlobDigest>>): Promise<Collected>;
  close(): Promise<void>;
}

/** What a collection removed. */
export interface Collected {
  readonly blobs: number;
  readonly bytes: number;
}

/** The default limits of what is kept in bytes. */
export const BLOB_LIMITS = {
  /** Bytes of one blob: that of the largest artifact. */
  bytesMax: 104_857_600,
  /** Bytes of one checkpoint: 16 MiB. */
  checkpointBytesMax: 16_777_216,
  /** Bytes that one principal may have put: 50 GiB. */
  bytesPerPrincipalMax: 53_687_091_200,
  /** Free space of the disk that is never used: the smaller of 512 MiB and 5 % of the disk. */
  freeBytesMin: 536_870_912,
  freeShareMin: 0.05,
  /** Milliseconds that bytes which nothing refers to are kept: a day. */
  graceMs: 86_400_000,
  /** Digests of one query for what is missing. */
  missingMax: 1000,
} as const;
