/**
 * Brings the schema of the store modules up to date in PostgreSQL.
 *
 * Kysely runs all that a module lacks in one transaction: an interrupted migration leaves nothing. An advisory lock, which ends with its
 * connection, lets coordinators that start together migrate one after the other.
 */
import { CodedError, errorText } from '@holdfast/kernel';
import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { explainPostgres, type PostgresTarget, publicAddress } from './postgres-connection.ts';
import { COORDINATOR_MIGRATIONS } from './postgres-coordinators.ts';
import { openPostgresPool } from './postgres-pool.ts';

/** What has migrations. */
export interface Migrated {
  readonly name: string;
  readonly migrations: Readonly<Record<string, Migration>>;
}

/** Errors: `STORE_TOO_NEW`, `STORE_FAILED`, and those of connecting. */
export async function migratePostgres(target: PostgresTarget, modules: readonly Migrated[]): Promise<void> {
  const db = openPostgresPool<unknown>(target, 2);
  try {
    await db.connection().execute(async (one) => {
      const { rows } = await sql<{ schema: string }>`SELECT current_schema() AS schema`.execute(one);
      await sql`SELECT pg_advisory_lock(hashtext(${LOCK_NAME}), hashtext(current_schema()))`.execute(one);
      for (const module of [{ name: 'committer', migrations: COORDINATOR_MIGRATIONS }, ...modules]) {
        if (await isCurrent(one, module, target)) continue;
        await migrate(db, module, target, rows[0]!.schema);
      }
      await sql`SELECT pg_advisory_unlock(hashtext(${LOCK_NAME}), hashtext(current_schema()))`.execute(one);
    });
  } catch (error) {
    throw explainPostgres(error, target);
  } finally {
    await db.destroy();
  }
}

async function migrate(db: Kysely<unknown>, module: Migrated, target: PostgresTarget, schema: string): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...module.migrations }) },
    migrationTableName: tableOf(module),
    migrationLockTableName: 'migrations_lock',
    // Else it takes tables of other schemas for its own.
    migrationTableSchema: schema,
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const failed = results?.find((result) => result.status === 'Error')?.migrationName ?? 'unknown';
  throw new CodedError('STORE_FAILED', `migrate ${publicAddress(target.url)}: ${module.name} ${failed}: ${errorText(error)}`, {
    cause: error,
  });
}

/** Whether nothing is left to migrate. Errors: `STORE_TOO_NEW`. */
async function isCurrent(db: Kysely<unknown>, module: Migrated, target: PostgresTarget): Promise<boolean> {
  const { rows: found } = await sql<{ there: string | null }>`SELECT to_regclass(${tableOf(module)})::text AS there`.execute(db);
  if (found[0]?.there == null) return false;
  const { rows } = await sql<{ name: string }>`SELECT name FROM ${sql.table(tableOf(module))}`.execute(db);
  const unknown = rows.map(({ name }) => name).filter((name) => !(name in module.migrations));
  if (unknown.length > 0) {
    throw new CodedError(
      'STORE_TOO_NEW',
      `open ${publicAddress(target.url)}: a newer version has migrated it (${module.name}: ${unknown.join(', ')})`,
      {
        details: { module: module.name, unknown },
      },
    );
  }
  return rows.length === Object.keys(module.migrations).length;
}

const tableOf = ({ name }: Migrated): string => `migrations_${name}`;
const LOCK_NAME = 'holdfast migrations';
