import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryCheckpointModule, memoryTaskCheckpoints } from '@holdfast/checkpoint-store/memory';
import { createCheckpointModule, sqliteTaskCheckpoints } from '@holdfast/checkpoint-store/sqlite';
import { memoryBlobLedger } from '@holdfast/blob-store/ledger';
import { sqliteBlobLedger, sqliteBlobModule } from '@holdfast/blob-store/sqlite';
import type { TaskCheckpoints } from '@holdfast/checkpoint-store';
import type { Committer, Op } from '@holdfast/committer';
import { createMemoryCommitter, type MemoryTx } from '@holdfast/committer/memory';
import { openSqliteCommitter, type SqliteTx } from '@holdfast/committer/sqlite';
import type { LeaseKey } from '@holdfast/model';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';

const save = (epoch: number, seq: number, worker = 1): Op =>
  ({ op: 'checkpoint.save', worker, run: 1, n: 1, epoch, seq, data: { at: [epoch, seq] }, wall: 1 }) as Op;
const verdictOf = (committer: Committer, op: Op): string => {
  const verdict = committer.commit([op])[0]!;
  return verdict.kind === 'applied' ? 'applied' : verdict.reason;
};
const latestOf = (checkpoints: TaskCheckpoints) => (key: { run: number; n: number }) => checkpoints.resume(key, 1).good[0];
const latest = { run: 1, n: 1 };
const leaseState = () => (key: LeaseKey, worker: number) => (key.epoch > 8 || worker !== 1 ? 'stale' : 'valid') as 'stale' | 'valid';

async function openBoth() {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-checkpoints-'));
  const path = join(folder, 'store.db');
  const memoryModule = createMemoryCheckpointModule({ leaseState, blobs: memoryBlobLedger });
  let memoryTx: MemoryTx | undefined;
  const memory = createMemoryCommitter([{ ...memoryModule, open: (tx) => memoryModule.open((memoryTx = tx)) }]);
  const module = createCheckpointModule({ leaseState, blobs: sqliteBlobLedger });
  let sqliteTx: SqliteTx | undefined;
  const sqlite = await openSqliteCommitter({
    path,
    modules: [sqliteBlobModule, { ...module, open: (tx) => module.open((sqliteTx = tx)) }],
  });
  return {
    stores: [
      { name: 'memory', committer: memory, latest: latestOf(memoryTaskCheckpoints(memoryTx!, memoryBlobLedger(memoryTx!))) },
      { name: 'sqlite', committer: sqlite, latest: latestOf(sqliteTaskCheckpoints(sqliteTx!, sqliteBlobLedger(sqliteTx!))) },
    ],
    damage(seq: number) {
      const db = new Database(path);
      const { changes } = db.prepare("UPDATE checkpoints SET text = replace(text, 'at', 'of') WHERE seq = ?").run(seq);
      db.close();
      return changes;
    },
    kept() {
      const db = new Database(path, { readonly: true });
      const rows = db.prepare('SELECT seq FROM checkpoints ORDER BY epoch, seq').pluck().all();
      db.close();
      return rows;
    },
    async [Symbol.asyncDispose]() {
      sqlite.close();
      await rm(folder, { recursive: true });
    },
  };
}

test('K1 checkpoint: lower, equal or stale -> refused; epochs order before seq', async () => {
  await using both = await openBoth();
  for (const { committer, latest: read } of both.stores) {
    expect(read(latest)).toBeUndefined();
    expect(verdictOf(committer, save(1, 5))).toBe('applied');
    expect(verdictOf(committer, save(1, 5))).toBe('duplicate');
    expect(verdictOf(committer, save(1, 4))).toBe('lower_seq');
    expect(verdictOf(committer, save(9, 1))).toBe('stale_lease');
    expect(verdictOf(committer, save(1, 7, 2))).toBe('stale_lease');
    expect(verdictOf(committer, save(2, 1))).toBe('applied');
    expect(verdictOf(committer, save(1, 6))).toBe('lower_seq');
    expect(read(latest)).toEqual({ epoch: 2, seq: 1, data: { at: [2, 1] } });
    expect(read({ run: 1, n: 2 })).toBeUndefined();
  }
});

test('K3 checkpoint: the last two are kept, a damaged one is passed over, two damaged ones leave nothing', async () => {
  await using both = await openBoth();
  const { committer, latest: read } = both.stores[1]!;
  for (const seq of [1, 2, 3]) committer.commit([save(1, seq)]);
  expect(both.kept()).toEqual([2, 3]);
  expect(read(latest)?.seq).toBe(3);
  expect(both.damage(3)).toBe(1);
  expect(read(latest)).toEqual({ epoch: 1, seq: 2, data: { at: [1, 2] } });
  expect(both.damage(2)).toBe(1);
  expect(read(latest)).toBeUndefined();
});
