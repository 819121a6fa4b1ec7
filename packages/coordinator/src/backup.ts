/**
 * Backups of a data folder while its coordinator runs, and folders made from them.
 *
 * A backup is a folder: `holdfast.db`, `blobs/` if there are any, and `backup.json`, which names the hash of the database and is written last. Tokens are in
 * it as the store keeps them, so it is readable by its owner only.
 *
 * U1 The database of a backup is one state of the store, checked; all bytes that it refers to are in the backup.
 * U2 A folder without a whole `backup.json` is no backup. Restoring goes into a folder without a store, or not at all.
 */
import { createHash } from 'node:crypto';
import { cpSync, createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  checkSqlite,
  copySqlite,
  openSqliteCommitter,
  type PendingMigrations,
  planSqliteMigrations,
  type SqliteModule,
} from '@holdfast/committer/sqlite';
import { CodedError, errorText } from '@holdfast/kernel';
import { prepareDataFolder, replaceFile } from './local-files.ts';
import { DATABASE_FILE, STORE_MODULE_URLS, withExitCode } from './store.ts';

/** What `backup.json` says. */
export interface BackupManifest {
  readonly format: 1;
  /** SHA-256 of the database, in hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Files below `blobs/`. */
  readonly blobs: number;
  /** For people. */
  readonly takenWall: number;
}

/**
 * Copies the store of `dataFolder` to the new folder `destination`; a coordinator may run on it.
 * Errors, with `details.exitCode`: `BACKUP_EXISTS`, `BACKUP_FAILED` (78), those of the store.
 */
export async function backUp(dataFolder: string, destination: string): Promise<BackupManifest> {
  if (existsSync(destination) && readdirSync(destination).length > 0) {
    throw refusal('BACKUP_EXISTS', `back up to ${destination}: something is there already`, destination);
  }
  const database = join(destination, DATABASE_FILE);
  try {
    mkdirSync(destination, { recursive: true, mode: 0o700 });
    copySqlite(join(dataFolder, DATABASE_FILE), database);
    // After the database: bytes are durable before rows refer to them, and only bytes without rows are ever removed.
    const blobs = copyBlobs(dataFolder, destination);
    const manifest: BackupManifest = {
      format: 1,
      sha256: await hashOf(database),
      bytes: statSync(database).size,
      blobs,
      takenWall: Date.now(),
    };
    replaceFile(join(destination, MANIFEST_FILE), `${JSON.stringify(manifest)}\n`);
    return manifest;
  } catch (error) {
    throw asRefusal(error, 'BACKUP_FAILED', `back up to ${destination}`, destination);
  }
}

/**
 * Makes the data folder `dataFolder` from a backup. Errors, with `details.exitCode` 78: `DATA_NOT_EMPTY` when there is a store already,
 * `BACKUP_DAMAGED` when the backup is not whole, `DATA_NOT_WRITABLE`.
 */
export async function restore(source: string, dataFolder: string): Promise<BackupManifest> {
  const target = join(dataFolder, DATABASE_FILE);
  if (existsSync(target)) {
    throw refusal('DATA_NOT_EMPTY', `restore into ${dataFolder}: there is a store already; give an empty folder`, dataFolder);
  }
  const manifest = readManifest(source);
  const database = join(source, DATABASE_FILE);
  try {
    if ((await hashOf(database)) !== manifest.sha256)
      throw refusal('BACKUP_DAMAGED', `restore ${source}: the database is not the one of its backup.json`, source);
    checkSqlite(database);
  } catch (error) {
    throw asRefusal(error, 'BACKUP_DAMAGED', `restore ${source}`, source);
  }
  prepareDataFolder(dataFolder);
  copyBlobs(source, dataFolder);
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    copySqlite(database, temporary);
    // Last, and whole: a folder with a database is a data folder.
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw asRefusal(error, 'DATA_NOT_WRITABLE', `restore into ${dataFolder}`, dataFolder);
  }
  return manifest;
}

/**
 * What opening the store of `dataFolder` has to migrate; with `dryRun` nothing is done. Errors: those of the store, `STORE_TOO_NEW` (78) among them.
 */
export async function migrateStore(dataFolder: string, dryRun: boolean): Promise<readonly PendingMigrations[]> {
  const path = join(dataFolder, DATABASE_FILE);
  const modules: SqliteModule[] = [];
  for (const url of STORE_MODULE_URLS) modules.push(...((await import(url)) as { storeModules: readonly SqliteModule[] }).storeModules);
  try {
    const plan = planSqliteMigrations({ path, modules });
    if (!dryRun) {
      prepareDataFolder(dataFolder);
      (await openSqliteCommitter({ path, modules })).close();
    }
    return plan;
  } catch (error) {
    throw withExitCode(error);
  }
}

function copyBlobs(from: string, to: string): number {
  const folder = join(from, BLOBS_FOLDER);
  if (!existsSync(folder)) return 0;
  cpSync(folder, join(to, BLOBS_FOLDER), { recursive: true, errorOnExist: false, force: true });
  return readdirSync(join(to, BLOBS_FOLDER), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
}

function readManifest(source: string): BackupManifest {
  const path = join(source, MANIFEST_FILE);
  try {
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as BackupManifest;
    if (manifest.format === 1 && typeof manifest.sha256 === 'string') return manifest;
    throw new Error(`format ${String(manifest.format)} is not known`);
  } catch (error) {
    throw refusal('BACKUP_DAMAGED', `restore ${resolve(source)}: ${MANIFEST_FILE} cannot be read (${errorText(error)})`, source, error);
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

const asRefusal = (error: unknown, code: string, words: string, path: string): unknown =>
  error instanceof CodedError ? withExitCode(error) : refusal(code, `${words}: ${errorText(error)}`, path, error);

function refusal(code: string, message: string, path: string, cause?: unknown): CodedError {
  return new CodedError(code, message, { details: { path, exitCode: 78 }, ...(cause === undefined ? {} : { cause }) });
}

const MANIFEST_FILE = 'backup.json';
const BLOBS_FOLDER = 'blobs';
