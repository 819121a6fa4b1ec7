/** Brings the schema of one store module up to date. In a file of its own because the schema builder is large and seldom needed. */
import { CodedError, errorText } from '@holdfast/kernel';
import type Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrationTable, type SqliteModule } from './sqlite-committer.ts';
import { sqliteCode } from './sqlite-file.ts';

/**
 * Runs what `module` has and the file has not, in one transaction: one that is interrupted anywhere has not begun. (Kysely takes SQLite's
 * schema changes for untransactional and would leave half of them.) Errors: `STORE_FAILED`; what SQLite throws.
 */
export async function migrate(db: Database.Database, module: SqliteModule, path: string): Promise<void> {
  // Never destroyed: that would close the connection, which outlives it.
  const kysely = new Kysely<unknown>({ dialect: new SqliteDialect({ database: db }) });
  const migrator = new Migrator({
    db: kysely,
    provider: { getMigrations: () => Promise.resolve({ ...module.migrations }) },
    migrationTableName: migrationTable(module),
    migrationLockTableName: 'migrations_lock',
  });
  db.exec('BEGIN IMMEDIATE');
  const { error, results } = await migrator.migrateToLatest();
  db.exec(error === undefined ? 'COMMIT' : 'ROLLBACK');
  if (error === undefined) return;
  if (sqliteCode(error) !== '') throw error;
  const failed = results?.find((result) => result.status === 'Error')?.migrationName ?? 'unknown';
  throw new CodedError('STORE_FAILED', `migrate ${path}: ${module.name} ${failed}: ${errorText(error)}`, {
    details: { path },
    cause: error,
  });
}
