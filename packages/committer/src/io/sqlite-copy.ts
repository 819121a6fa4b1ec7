/**
 * Copies of a database file while its writer goes on, and the look at a file before anything trusts it.
 *
 * B1 A copy is one state of the store: everything that one commit made is in it, or nothing.
 * B2 It is on disk, whole and checked, when this returns.
 */
import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { CodedError } from '@holdfast/kernel';
import { explain, openConnection } from './sqlite-file.ts';

/**
 * Writes what `from` holds now to the new file `to`. Its writer is neither stopped nor slowed by more than the reading.
 * Errors: `STORE_UNWRITABLE`, `STORE_CORRUPT`, `STORE_FULL`, `STORE_UNSAFE`, `STORE_FAILED`; `to` is removed then.
 */
export function copySqlite(from: string, to: string): void {
  let db: Database.Database | undefined;
  let copied = false;
  try {
    db = openConnection(from, { readonly: true });
    // The copy is a write, though not to this file.
    db.pragma('query_only = OFF');
    db.prepare('VACUUM INTO ?').run(to);
    // SQLite does not sync what VACUUM INTO writes.
    syncFile(to);
    checkSqlite(to);
    copied = true;
  } catch (error) {
    throw explain(error, from);
  } finally {
    db?.close();
    if (!copied) rmSync(to, { force: true });
  }
}

/** Reads the whole file and compares it with itself. Errors: `STORE_CORRUPT`, `STORE_UNWRITABLE`. Leaves no files beside it. */
export function checkSqlite(path: string): void {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, fileMustExist: true });
    const findings = db.prepare('PRAGMA integrity_check').pluck().all() as string[];
    if (findings.length === 1 && findings[0] === 'ok') return;
    throw new CodedError('STORE_CORRUPT', `open ${path}: it is damaged (${findings.slice(0, 3).join('; ')})`, { details: { path } });
  } catch (error) {
    throw explain(error, path);
  } finally {
    db?.close();
  }
}

function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
