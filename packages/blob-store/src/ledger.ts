/** Decisions about the ledger over an adapter's rows, and what other modules of the same committer ask of it. */
import type { Op, Verdict } from '@holdfast/committer';
import { assert, unreachable } from '@holdfast/kernel';
import type { BlobDigest } from '@holdfast/model';
import type { AddBlob, AddedBlob, BlobOp, CollectBlobs, CollectedBlobs, TouchBlobs, TouchedBlobs } from './ops.ts';

export interface BlobRecord {
  readonly digest: BlobDigest;
  readonly size: number;
  readonly refs: number;
  /** Who put it first. */
  readonly principal: string;
  /** When it was last put, asked for, or let go. */
  readonly touched: number;
}

export interface BlobTables {
  blob(digest: BlobDigest): BlobRecord | undefined;
  insert(row: BlobRecord): void;
  /** Writes `refs` and `touched`. */
  put(row: BlobRecord): void;
  delete(digest: BlobDigest): void;
  /** Without references and touched before, by digest. */
  idle(before: number, limit: number): BlobRecord[];
  /** Bytes that a principal has put. */
  used(principal: string): number;
  addUsed(principal: string, bytes: number): void;
}

/** The same where tests and checks can look at all of them. */
export interface OpenBlobTables extends BlobTables {
  /** All rows, by digest. */
  rows(): BlobRecord[];
}

/** What rows that refer to blobs do in their own transaction. */
export interface BlobLedger {
  has(digest: BlobDigest): boolean;
  /** One more row refers to it; it must be there. */
  reference(digest: BlobDigest): void;
  /** One row fewer does; without references it is kept for the grace. */
  release(digest: BlobDigest, wall: number): void;
}

/** Returns what a store module's `open` returns. */
export function createBlobApplier(tables: BlobTables): (op: Op) => Verdict {
  return (given) => {
    const op = given as BlobOp;
    switch (op.op) {
      case 'blob.add':
        return add(tables, op);
      case 'blob.touch':
        return touch(tables, op);
      case 'blob.collect':
        return collect(tables, op);
      default:
        return unreachable(op);
    }
  };
}

export function createBlobLedger(tables: BlobTables): BlobLedger {
  return {
    has: (digest) => tables.blob(digest) !== undefined,
    reference(digest) {
      const row = tables.blob(digest);
      assert(row !== undefined, 'what is referred to is in the ledger', { digest });
      tables.put({ ...row, refs: row.refs + 1 });
    },
    release(digest, wall) {
      const row = tables.blob(digest);
      assert(row !== undefined && row.refs > 0, 'a blob that is let go was referred to', { digest });
      tables.put({ ...row, refs: row.refs - 1, touched: wall });
    },
  };
}

function add(tables: BlobTables, op: AddBlob): Verdict<AddedBlob> {
  const known = tables.blob(op.digest);
  const used = tables.used(op.principal);
  if (known) {
    tables.put({ ...known, touched: op.wall });
    return { kind: 'applied', value: { existing: true, used } };
  }
  if (used + op.size > op.bytesMax) return { kind: 'refused', reason: 'quota', row: { used } };
  tables.insert({ digest: op.digest, size: op.size, refs: 0, principal: op.principal, touched: op.wall });
  tables.addUsed(op.principal, op.size);
  return { kind: 'applied', value: { existing: false, used: used + op.size } };
}

function touch(tables: BlobTables, op: TouchBlobs): Verdict<TouchedBlobs> {
  const missing: BlobDigest[] = [];
  for (const digest of op.digests) {
    const row = tables.blob(digest);
    if (!row) missing.push(digest);
    else if (op.wall !== null) tables.put({ ...row, touched: op.wall });
  }
  return { kind: 'applied', value: { missing } };
}

function collect(tables: BlobTables, op: CollectBlobs): Verdict<CollectedBlobs> {
  const idle = tables.idle(op.before, op.limit);
  for (const row of idle) {
    tables.delete(row.digest);
    tables.addUsed(row.principal, -row.size);
  }
  return { kind: 'applied', value: { digests: idle.map((row) => row.digest) } };
}
