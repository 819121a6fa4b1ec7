/** Opens a store as a coordinator does, recovery included, and reads all that it has kept. */
import { createHash } from 'node:crypto';
import { openSqliteCommitter, type SqliteModule, type SqliteTx } from '@holdfast/committer/sqlite';
import { createStoreModules } from '@holdfast/task-store/sqlite';
import type { Kept } from './facts.ts';

/** Rows, checkpoints, and what SQLite's own check complains of. */
export async function readStore(path: string): Promise<Kept & { readonly damage: readonly string[] }> {
  const { modules, rows } = createStoreModules();
  let shared: SqliteTx | undefined;
  const observer: SqliteModule = {
    name: 'observer',
    migrations: {},
    open(tx) {
      shared = tx;
      return () => ({ kind: 'refused', reason: 'observer' });
    },
  };
  const committer = await openSqliteCommitter({ path, modules: [...modules, observer] });
  try {
    const checkpoints = shared!.prepare('SELECT run, n, epoch, seq, text, digest FROM checkpoints').all() as CheckpointRow[];
    const damage = (shared!.prepare('PRAGMA integrity_check').pluck().all() as string[]).filter((line) => line !== 'ok');
    return {
      rows: rows(),
      checkpoints: checkpoints.map(({ text, digest, ...key }) => ({
        ...key,
        whole: createHash('sha256').update(text).digest('hex') === digest,
      })),
      damage,
    };
  } finally {
    committer.close();
  }
}

interface CheckpointRow {
  readonly run: number;
  readonly n: number;
  readonly epoch: number;
  readonly seq: number;
  readonly text: string;
  readonly digest: string;
}
