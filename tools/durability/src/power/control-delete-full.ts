/** A store module that spoils the connection it shares. A rollback journal with `synchronous=FULL`: the journal's removal is not fsynced, so a cut may take the last commit back. */
import type { SqliteModule } from '@holdfast/committer/sqlite';

/** What the writer's thread loads beside the real modules. */
export const storeModules: readonly SqliteModule[] = [
  {
    name: 'control',
    migrations: {},
    open(tx) {
      tx.exec('PRAGMA journal_mode = DELETE');
      return () => ({ kind: 'refused', reason: 'control' });
    },
  },
];
