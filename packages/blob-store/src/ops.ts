/**
 * The ledger of blobs: which bytes the store may refer to, and how many rows do. A module of the store's committer, so that a result
 * and the references it takes are one transaction (G19).
 *
 * L1 A digest enters the ledger only after its bytes are durable; it leaves it before they are removed.
 * L2 `refs` is a counter, changed in the transaction of the row that refers; a digest with references never leaves.
 */
import type { BlobDigest } from '@holdfast/model';

/** Bytes are durable under this digest. Refused: `quota` when the principal would have put more than `bytesMax`. */
export interface AddBlob {
  readonly op: 'blob.add';
  readonly digest: BlobDigest;
  readonly size: number;
  /** Who put it first: its bytes count as theirs until it leaves. */
  readonly principal: string;
  readonly bytesMax: number;
  readonly wall: number;
}
export interface AddedBlob {
  readonly existing: boolean;
  /** Bytes that the principal has put. */
  readonly used: number;
}

/** Which of these are not in the ledger, in the order asked. With `wall` the grace of those that are begins anew; null: it only asks. */
export interface TouchBlobs {
  readonly op: 'blob.touch';
  readonly digests: readonly BlobDigest[];
  readonly wall: number | null;
}
export interface TouchedBlobs {
  readonly missing: readonly BlobDigest[];
}

/** Takes out what nothing refers to and nobody touched since `before`: up to `limit`, by digest. */
export interface CollectBlobs {
  readonly op: 'blob.collect';
  readonly before: number;
  readonly limit: number;
}
export interface CollectedBlobs {
  readonly digests: readonly BlobDigest[];
}

/** Each op with the value of its applied verdict. */
export interface BlobOps {
  'blob.add': readonly [AddBlob, AddedBlob];
  'blob.touch': readonly [TouchBlobs, TouchedBlobs];
  'blob.collect': readonly [CollectBlobs, CollectedBlobs];
}
export type BlobOp = BlobOps[keyof BlobOps][0];
