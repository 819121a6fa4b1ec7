import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteCommitter } from '@holdfast/committer/sqlite';
import { conformance, type StoreUnderTest } from '@holdfast/task-store/conformance';
import { createMemoryStore } from '@holdfast/task-store/memory';
import { createStoreModules } from '@holdfast/task-store/sqlite';
import { test } from 'vitest';

conformance(
  (name, run) => test(`memory ${name}`, run),
  () => {
    const { committer, rows } = createMemoryStore();
    return Promise.resolve({ commit: committer.commit, rows, close: committer.close });
  },
);

conformance((name, run) => test(`sqlite ${name}`, run), openOnDisk);

async function openOnDisk(): Promise<StoreUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
  const open = async () => {
    const { modules, rows } = createStoreModules();
    return { committer: await openSqliteCommitter({ path: join(folder, 'store.db'), modules }), rows };
  };
  let store = await open();
  return {
    commit: (ops) => store.committer.commit(ops),
    rows: () => store.rows(),
    async reopen() {
      store.committer.close();
      store = await open();
    },
    close() {
      store.committer.close();
      void rm(folder, { recursive: true, force: true });
    },
  };
}
