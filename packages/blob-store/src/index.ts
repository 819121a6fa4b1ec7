export { type BlobLedger, type BlobRecord, type BlobTables, createBlobApplier, createBlobLedger, type OpenBlobTables } from './ledger.ts';
export type { AddBlob, AddedBlob, BlobOp, BlobOps, CollectBlobs, CollectedBlobs, TouchBlobs, TouchedBlobs } from './ops.ts';
export {
  BLOB_LIMITS,
  type BlobStore,
  type ByteRange,
  type Collected,
  type OpenBlob,
  type PutOptions,
  type PutOutcome,
  type PutRefusal,
} from './port.ts';
