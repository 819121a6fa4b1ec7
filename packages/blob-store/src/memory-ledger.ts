/** The ledger of blobs in Maps. */
import type { StoreModule } from '@holdfast/committer';
import type { MemoryTx } from '@holdfast/committer/memory';
import type { BlobDigest } from '@holdfast/model';
import { type BlobLedger, type BlobRecord, createBlobApplier, createBlobLedger, type OpenBlobTables } from './ledger.ts';

/** The module to register. */
export const memoryBlobModule: StoreModule<MemoryTx> = { name: 'blob', open: (tx) => createBlobApplier(memoryBlobTables(tx)) };

/** The ledger over the same transaction, for modules that refer to blobs. */
export const memoryBlobLedger = (tx: MemoryTx): BlobLedger => createBlobLedger(memoryBlobTables(tx));

/** The rows; for tests and checks. */
export function memoryBlobTables(tx: MemoryTx): OpenBlobTables {
  const blobs = tx.table<BlobDigest, BlobRecord>('blobs');
  const used = tx.table<string, number>('blobs.used');
  const rows = (): BlobRecord[] => [...blobs.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  return {
    blob: (digest) => blobs.get(digest),
    insert: (row) => blobs.set(row.digest, row),
    put: (row) => blobs.set(row.digest, row),
    delete: (digest) => void blobs.delete(digest),
    idle: (before, limit) =>
      rows()
        .filter((row) => row.refs === 0 && row.touched < before)
        .slice(0, limit),
    used: (principal) => used.get(principal) ?? 0,
    addUsed: (principal, bytes) => used.set(principal, (used.get(principal) ?? 0) + bytes),
    rows,
  };
}
