/** Migrations that are interrupted at each of their statements leave nothing behind, and the next start completes them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authPostgres } from '@holdfast/auth/postgres';
import { authSqlite } from '@holdfast/auth/sqlite';
import { migratePostgres, openPostgresCommitter, type PostgresModule } from '@holdfast/committer/postgres';
import { openSqliteCommitter, type SqliteModule } from '@holdfast/committer/sqlite';
import { storeModules as postgresModules } from '@holdfast/task-store/postgres';
import { createStoreModules } from '@holdfast/task-store/sqlite';
import { openTestPostgres } from '@holdfast/test-postgres';
import type { KyselyPlugin } from 'kysely';
import { expect, test } from 'vitest';

/** The modules, whose migrations throw when they send their statement number `at`, counted over all from 0; and how many were sent. */
function interrupted<Module extends SqliteModule | PostgresModule>(
  modules: readonly Module[],
  at: number,
): { modules: Module[]; sent(): number } {
  let sent = 0;
  const plugin: KyselyPlugin = {
    transformQuery({ node }) {
      sent += 1;
      if (sent > at) throw new Error(`interrupted at statement ${at}`);
      return node;
    },
    transformResult: ({ result }) => Promise.resolve(result),
  };
  const changed = modules.map((module) => ({
    ...module,
    migrations: Object.fromEntries(
      Object.entries(module.migrations).map(([name, { up }]) => [
        name,
        { up: (db: Parameters<typeof up>[0]) => up(db.withPlugin(plugin)) },
      ]),
    ),
  }));
  return { modules: changed, sent: () => sent };
}

test('sqlite: a migration is interrupted at each statement -> nothing of it is there, and the next start completes it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  // All of them at every start: one module's statements may name another one's tables.
  const all: readonly SqliteModule[] = [...createStoreModules().modules, authSqlite];
  try {
    for (const module of all) {
      const path = join(folder, `${module.name}.db`);
      const open = async (one: SqliteModule): Promise<void> => {
        const modules = all.map((other) => (other.name === one.name ? one : other));
        (await openSqliteCommitter({ path, modules })).close();
      };
      expect(await interruptAll(module, open)).toBeGreaterThan(0);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('postgres: a migration is interrupted at each statement -> nothing of it is there, and the next start completes it', async () => {
  const postgres = await openTestPostgres();
  try {
    const url = await postgres.fresh();
    for (const module of [...postgresModules, authPostgres]) {
      expect(await interruptAll(module, (one) => migratePostgres({ url }, [one]))).toBeGreaterThan(0);
    }
    await (await openPostgresCommitter({ url, coordinator: 'main', modules: [...postgresModules, authPostgres] })).close();
  } finally {
    await postgres.close();
  }
});

/** Interrupts at statement 0, 1, 2 and so on until the migration comes through; resolves with how many there were. */
async function interruptAll<Module extends SqliteModule | PostgresModule>(
  module: Module,
  open: (one: Module) => Promise<void>,
): Promise<number> {
  for (let at = 0; ; at += 1) {
    const { modules, sent } = interrupted([module], at);
    const outcome = await open(modules[0]!).then(
      () => 'done',
      (error: unknown) => String(error),
    );
    // A statement that was kept from an interrupted try would fail now: its table exists.
    if (outcome === 'done') return sent();
    expect(outcome).toContain(`interrupted at statement ${at}`);
  }
}
