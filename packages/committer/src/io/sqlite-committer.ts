/** A committer over one SQLite file, with all modules in one transaction. */
import { existsSync } from 'node:fs';
import { CodedError } from '@holdfast/kernel';
import type Database from 'better-sqlite3';
import type { Migration } from 'kysely/migration';
import { createDispatch, inDoubt } from '../dispatch.ts';
import type { Committer, StoreModule } from '../port.ts';
import { explain, lockFile, openConnection, sqliteCode, type SqliteStatement, type SqliteTx } from './sqlite-file.ts';

/** A store module with its schema. Migrations run in order of their names, which are never changed or removed. */
export interface SqliteModule extends StoreModule<SqliteTx> {
  readonly migrations: Readonly<Record<string, Migration>>;
}

export interface SqliteOptions {
  /** The file; it is made if there is none, its folder is not. `:memory:` holds no lock. */
  readonly path: string;
  readonly modules: readonly SqliteModule[];
  /** Bound of the file's size; past it commits fail with `STORE_FULL`. Default: the disk's. */
  readonly bytesMax?: number;
}

export interface SqliteCommitter extends Committer {
  /** Moves committed pages from the WAL into the file, if enough wait. For the time between batches. */
  maintain(): void;
}

/**
 * Opens a file as its one writer and brings its schema up to date.
 * Errors: `STORE_LOCKED`, `STORE_UNWRITABLE`, `STORE_TOO_NEW`, `STORE_CORRUPT`, `STORE_FULL`, `STORE_UNSAFE`, `STORE_FAILED`.
 * Errors of `commit`: `STORE_FULL` (nothing was committed; the same committer works again once there is space), `STORE_IN_DOUBT` (and
 * again for every later call: reopen), `STORE_UNKNOWN_OP`, `STORE_CLOSED`.
 */
export async function openSqliteCommitter(options: SqliteOptions): Promise<SqliteCommitter> {
  const lock = options.path === ':memory:' ? undefined : lockFile(options.path);
  let db: Database.Database | undefined;
  try {
    db = openConnection(options.path, { readonly: false, ...(options.bytesMax === undefined ? {} : { bytesMax: options.bytesMax }) });
    for (const module of options.modules) {
      if (pendingMigrations(db, module, options.path).length === 0) continue;
      // Loaded only where there is something to migrate: most starts need no schema builder.
      const { migrate } = await import('./sqlite-migrations.ts');
      await migrate(db, module, options.path);
    }
    return createCommitter(db, options.modules, () => lock?.release());
  } catch (error) {
    db?.close();
    lock?.release();
    throw explain(error, options.path);
  }
}

function createCommitter(db: Database.Database, modules: readonly SqliteModule[], release: () => void): SqliteCommitter {
  const flushes: (() => void)[] = [];
  const forgets: (() => void)[] = [];
  const tx: SqliteTx = {
    prepare: (sql) => db.prepare(sql) as unknown as SqliteStatement,
    exec: (sql) => db.exec(sql),
    beforeCommit: (flush) => void flushes.push(flush),
    rolledBack: (forget) => void forgets.push(forget),
  };
  const dispatch = createDispatch<SqliteTx>(modules, tx);
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  let doubt: CodedError | undefined;
  let closed = false;

  const fail = (error: unknown): CodedError => {
    try {
      if (db.inTransaction) db.exec('ROLLBACK');
      for (const forget of forgets) forget();
    } catch (rollbackError) {
      doubt = inDoubt(rollbackError);
      return doubt;
    }
    if (sqliteCode(error) === 'SQLITE_FULL') {
      return new CodedError('STORE_FULL', 'commit a batch: the disk is full, nothing was committed', { retryable: true, cause: error });
    }
    doubt = inDoubt(error);
    return doubt;
  };

  return {
    commit(ops) {
      if (closed) throw new CodedError('STORE_CLOSED', 'commit a batch: the store is closed');
      if (doubt) throw doubt;
      dispatch.check(ops);
      try {
        begin.run();
        const verdicts = ops.map((op) => dispatch.apply(op));
        for (const flush of flushes) flush();
        commit.run();
        return verdicts;
      } catch (error) {
        throw fail(error);
      }
    },
    maintain() {
      if (closed || doubt || db.name === ':memory:') return;
      try {
        checkpointWal(db);
      } catch (error) {
        const code = sqliteCode(error);
        // What is committed stays in the WAL; a later call tries again. Anything else may be a failed fsync, after which nothing is certain.
        if (code !== 'SQLITE_FULL' && !code.startsWith('SQLITE_BUSY')) doubt = inDoubt(error);
      }
    },
    close() {
      if (closed) return;
      closed = true;
      db.close();
      release();
    },
  };
}

function checkpointWal(db: Database.Database): void {
  const [state] = db.pragma('wal_checkpoint(NOOP)') as { log: number; checkpointed: number }[];
  if (state!.log >= WAL_PAGES_MAX) db.pragma('wal_checkpoint(TRUNCATE)');
  else if (state!.log - state!.checkpointed >= WAL_PAGES) db.pragma('wal_checkpoint(PASSIVE)');
}

/** What a file is still to be migrated by. */
export interface PendingMigrations {
  readonly module: string;
  /** Names, in the order in which they run. */
  readonly pending: readonly string[];
}

/** What opening this file with these modules would migrate, without doing it. Errors: those of opening, `STORE_TOO_NEW` among them. */
export function planSqliteMigrations(options: Pick<SqliteOptions, 'path' | 'modules'>): PendingMigrations[] {
  if (!existsSync(options.path))
    return options.modules.map(({ name, migrations }) => ({ module: name, pending: Object.keys(migrations).sort() }));
  const db = openConnection(options.path, { readonly: true });
  try {
    return options.modules.map((module) => ({ module: module.name, pending: pendingMigrations(db, module, options.path) }));
  } catch (error) {
    throw explain(error, options.path);
  } finally {
    db.close();
  }
}

/** By name, in the order in which they run. Errors: `STORE_TOO_NEW`. */
function pendingMigrations(db: Database.Database, module: SqliteModule, path: string): string[] {
  const table = migrationTable(module);
  const exists = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table);
  const done = exists ? (db.prepare(`SELECT name FROM ${table} ORDER BY name`).pluck().all() as string[]) : [];
  const strange = done.filter((name) => !(name in module.migrations));
  if (strange.length > 0) {
    throw new CodedError('STORE_TOO_NEW', `open ${path}: a newer version wrote it (${module.name}: ${strange.join(', ')})`, {
      details: { path, module: module.name, unknown: strange },
    });
  }
  return Object.keys(module.migrations)
    .filter((name) => !done.includes(name))
    .sort();
}

/** One migration table a module, so that modules come and go without touching each other's order. */
export const migrationTable = (module: SqliteModule): string => `migrations_${module.name}`;

/** 4 MiB at the usual page size: a checkpoint costs about a millisecond and comes seldom. */
const WAL_PAGES = 1000;
/** 256 MiB: a reader has held the WAL back for long; waiting for it once is better than growing on. */
const WAL_PAGES_MAX = 64_000;
