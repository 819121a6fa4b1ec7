import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobTables, OpenBlobTables } from '@holdfast/blob-store';
import { createBlobLedger } from '@holdfast/blob-store';
import { digestBytes } from '@holdfast/blob-store/files';
import { memoryBlobModule, memoryBlobTables } from '@holdfast/blob-store/ledger';
import { sqliteBlobModule, sqliteBlobTables } from '@holdfast/blob-store/sqlite';
import type { Committer, Op } from '@holdfast/committer';
import { createMemoryCommitter } from '@holdfast/committer/memory';
import { openSqliteCommitter } from '@holdfast/committer/sqlite';
import type { BlobDigest } from '@holdfast/model';
import { expect, test } from 'vitest';

const [a, b, c] = ['a', 'b', 'c'].map((text) => digestBytes(text)).sort() as [BlobDigest, BlobDigest, BlobDigest];

/** Refers to blobs as results and checkpoints do: `ref.take` and `ref.drop`. */
const referrer = (tables: BlobTables) => (given: Op) => {
  const op = given as Op & { digest: BlobDigest; wall: number };
  const ledger = createBlobLedger(tables);
  if (op.op === 'ref.drop') ledger.release(op.digest, op.wall);
  else if (!ledger.has(op.digest)) return { kind: 'refused', reason: 'missing_blob' } as const;
  else ledger.reference(op.digest);
  return { kind: 'applied', value: null } as const;
};

async function openBoth() {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-ledger-'));
  let tables: OpenBlobTables | undefined;
  const memory = createMemoryCommitter([memoryBlobModule, { name: 'ref', open: (tx) => referrer((tables = memoryBlobTables(tx))) }]);
  let rows: OpenBlobTables | undefined;
  const sqlite = await openSqliteCommitter({
    path: join(folder, 'store.db'),
    modules: [sqliteBlobModule, { name: 'ref', migrations: {}, open: (tx) => referrer((rows = sqliteBlobTables(tx))) }],
  });
  return {
    stores: [
      { committer: memory as Committer, tables: tables! },
      { committer: sqlite as Committer, tables: rows! },
    ],
    async [Symbol.asyncDispose]() {
      sqlite.close();
      await rm(folder, { recursive: true });
    },
  };
}

test('L1, L2 ledger: added, referred to, let go, collected -> a digest with references stays, quotas are given back', async () => {
  await using both = await openBoth();
  for (const { committer, tables } of both.stores) {
    const commit = (op: object): unknown => {
      const verdict = committer.commit([op as Op])[0]!;
      return verdict.kind === 'applied' ? verdict.value : verdict.reason;
    };
    const add = (digest: BlobDigest, size: number, wall: number, principal = 'ada') => ({
      ...{ op: 'blob.add', digest, size, principal, bytesMax: 100, wall },
    });
    expect(commit({ op: 'ref.take', digest: a, wall: 1 })).toBe('missing_blob');
    expect(commit(add(a, 60, 10))).toEqual({ existing: false, used: 60 });
    expect(commit(add(b, 50, 10))).toBe('quota');
    expect(commit(add(b, 40, 10))).toEqual({ existing: false, used: 100 });
    expect(commit(add(c, 70, 10, 'bob'))).toEqual({ existing: false, used: 70 });
    expect(commit(add(a, 60, 11, 'bob'))).toEqual({ existing: true, used: 70 });
    expect(commit({ op: 'ref.take', digest: a, wall: 1 })).toBe(null);
    expect(commit({ op: 'ref.take', digest: a, wall: 1 })).toBe(null);
    expect(commit({ op: 'blob.touch', digests: [c, digestBytes('?'), b], wall: 20 })).toEqual({ missing: [digestBytes('?')] });
    expect(commit({ op: 'blob.touch', digests: [a, b, c], wall: null })).toEqual({ missing: [] });
    expect(commit({ op: 'blob.collect', before: 20, limit: 10 })).toEqual({ digests: [] });
    expect(commit({ op: 'blob.collect', before: 21, limit: 1 })).toEqual({ digests: [b] });
    expect(commit({ op: 'blob.collect', before: 21, limit: 9 })).toEqual({ digests: [c] });
    expect(commit({ op: 'ref.drop', digest: a, wall: 30 })).toBe(null);
    expect(commit({ op: 'blob.collect', before: 99, limit: 9 })).toEqual({ digests: [] });
    expect(commit({ op: 'ref.drop', digest: a, wall: 40 })).toBe(null);
    expect(commit({ op: 'blob.collect', before: 40, limit: 9 })).toEqual({ digests: [] });
    expect(tables.rows()).toEqual([{ digest: a, size: 60, refs: 0, principal: 'ada', touched: 40 }]);
    expect(commit({ op: 'blob.collect', before: 41, limit: 9 })).toEqual({ digests: [a] });
    expect([tables.used('ada'), tables.used('bob')]).toEqual([0, 0]);
  }
});
