/**
 * Opens database files as this product needs them, and says in its own codes why a file cannot be used.
 *
 * F1 Every connection runs WAL and `synchronous=FULL`, set and read back, on SQLite 3.51.3 or later (older ones can corrupt a WAL).
 * F2 One writer a file: it holds an exclusive transaction on `FILE.lock`, an empty database beside it. The kernel drops that lock with the
 *    process, so nothing stale stays behind, and SQLite itself keeps it apart between threads of one process. The database's own
 *    `locking_mode=EXCLUSIVE` would shut out the reader thread as well.
 */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { CodedError, errorText } from '@holdfast/kernel';

/** What store modules use: statements of better-sqlite3, and the edges of the transaction. Parameters are positional. */
export interface SqliteTx {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  /** Calls `flush` after the ops of each batch, in its transaction: what a module holds back is written there. */
  beforeCommit(flush: () => void): void;
  /** Calls `forget` after a rollback: what a module keeps of the tables may not be true any more. */
  rolledBack(forget: () => void): void;
}
export interface SqliteStatement {
  get(...parameters: readonly unknown[]): unknown;
  all(...parameters: readonly unknown[]): unknown[];
  run(...parameters: readonly unknown[]): { readonly changes: number; readonly lastInsertRowid: number | bigint };
  /** Makes `get` and `all` return the first column alone. */
  pluck(): SqliteStatement;
  /** Makes `get` and `all` return rows as lists of values. */
  raw(): SqliteStatement;
}

/** Takes the writer's lock of a database file. Errors: `STORE_LOCKED`, `STORE_UNWRITABLE`. */
export function lockFile(path: string): { release(): void } {
  const lockPath = `${canonical(path)}.lock`;
  let lock: Database.Database;
  try {
    lock = new Database(lockPath, { timeout: 0 });
  } catch (error) {
    throw explain(error, path);
  }
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (sqliteCode(error).startsWith('SQLITE_BUSY')) {
      throw new CodedError('STORE_LOCKED', `open ${path}: another coordinator holds it`, {
        retryable: true,
        details: { path },
        cause: error,
      });
    }
    throw explain(error, path);
  }
  return {
    release: () => {
      lock.close();
    },
  };
}

/** Opens a connection and asserts its settings (F1). Errors: as `explain`, and `STORE_UNSAFE`. */
export function openConnection(path: string, options: { readonly readonly: boolean; readonly bytesMax?: number }): Database.Database {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: options.readonly, fileMustExist: options.readonly, timeout: BUSY_TIMEOUT_MS });
    const version = db.prepare('SELECT sqlite_version()').pluck().get() as string;
    if (!isAtLeast(version, OLDEST_SQLITE)) throw unsafe('sqlite_version', OLDEST_SQLITE.join('.'), version);
    db.pragma('foreign_keys = ON');
    db.pragma('synchronous = FULL');
    readBack(db, 'foreign_keys', 1);
    readBack(db, 'synchronous', 2);
    if (options.readonly) {
      db.pragma('query_only = ON');
      return db;
    }
    assertOurs(db, path);
    if (path !== ':memory:') {
      db.pragma('journal_mode = WAL');
      readBack(db, 'journal_mode', 'wal');
    }
    db.pragma('wal_autocheckpoint = 0');
    db.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`);
    if (options.bytesMax !== undefined) {
      const pageBytes = db.pragma('page_size', { simple: true }) as number;
      db.pragma(`max_page_count = ${Math.max(1, Math.floor(options.bytesMax / pageBytes))}`);
    }
    return db;
  } catch (error) {
    db?.close();
    throw explain(error, path);
  }
}

/** The coded form of what SQLite threw while a file was opened: `STORE_UNWRITABLE`, `STORE_CORRUPT`, `STORE_LOCKED`, `STORE_FULL`, else `STORE_FAILED`. */
export function explain(error: unknown, path: string): CodedError {
  if (error instanceof CodedError) return error;
  const code = sqliteCode(error);
  const known = OPEN_ERRORS.find(([prefix]) => code.startsWith(prefix));
  // Better-sqlite3 itself reports a missing folder, as a TypeError.
  const folderMissing = !existsSync(dirname(path));
  const [, name, words] = known ?? (folderMissing ? UNWRITABLE : FAILED);
  return new CodedError(name, `open ${path}: ${words} (${errorText(error)})`, {
    retryable: name === 'STORE_LOCKED' || name === 'STORE_FULL',
    details: { path, sqlite: code },
    cause: error,
  });
}

/** SQLite's name of an error, or an empty text. */
export function sqliteCode(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
}

/** A database that holds tables but not our mark belongs to something else and is left alone. */
function assertOurs(db: Database.Database, path: string): void {
  const mark = db.pragma('application_id', { simple: true });
  if (mark === APPLICATION_ID) return;
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number;
  if (mark !== 0 || tables > 0) {
    throw new CodedError('STORE_CORRUPT', `open ${path}: it is a database of something else`, { details: { path, applicationId: mark } });
  }
  db.pragma(`application_id = ${APPLICATION_ID}`);
}

function readBack(db: Database.Database, name: string, wanted: string | number): void {
  const found = db.pragma(name, { simple: true });
  if (found !== wanted) throw unsafe(name, wanted, found);
}

function unsafe(setting: string, wanted: unknown, found: unknown): CodedError {
  return new CodedError('STORE_UNSAFE', `trust SQLite: ${setting} is ${String(found)}, needed is ${String(wanted)}`, {
    details: { setting, wanted, found },
  });
}

function isAtLeast(version: string, oldest: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  for (const [index, part] of oldest.entries()) {
    const found = parts[index] ?? 0;
    if (found !== part) return found > part;
  }
  return true;
}

/** Two names of one folder must meet in one lock. */
function canonical(path: string): string {
  try {
    return existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
  } catch (error) {
    throw explain(error, path);
  }
}

const BUSY_TIMEOUT_MS = 5000;
const WAL_KEPT_BYTES = 64 * 1024 * 1024;
const OLDEST_SQLITE = [3, 51, 3] as const;
/** "HOLD". */
const APPLICATION_ID = 0x484f4c44;
const UNWRITABLE = ['SQLITE_CANTOPEN', 'STORE_UNWRITABLE', 'the file or its folder cannot be written'] as const;
const FAILED = ['', 'STORE_FAILED', 'unexpected'] as const;
const OPEN_ERRORS: readonly (readonly [string, string, string])[] = [
  UNWRITABLE,
  ['SQLITE_READONLY', 'STORE_UNWRITABLE', 'the file or its folder is read-only'],
  ['SQLITE_PERM', 'STORE_UNWRITABLE', 'access is denied'],
  ['ENOTDIR', 'STORE_UNWRITABLE', 'its folder is a file'],
  ['EACCES', 'STORE_UNWRITABLE', 'access is denied'],
  ['SQLITE_NOTADB', 'STORE_CORRUPT', 'it is not a database'],
  ['SQLITE_CORRUPT', 'STORE_CORRUPT', 'it is damaged'],
  ['SQLITE_BUSY', 'STORE_LOCKED', 'another process holds it'],
  ['SQLITE_FULL', 'STORE_FULL', 'the disk is full'],
];
