/** A store module that spoils the connection it shares. WAL with `synchronous=NORMAL`: no fsync at a commit, the default of the library. */
import type { SqliteModule } from '@holdfast/committer/sqlite';

/** What the writer's thread loads beside the real modules. */
export const storeModules: readonly SqliteModule[] = [
  {
    name: 'control',
    migrations: {},
    open(tx) {
      tx.exec('PRAGMA synchronous = NORMAL');
      return () => ({ kind: 'refused', reason: 'control' });
    },
  },
];
