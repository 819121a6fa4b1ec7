/**
 * Segments as files of one folder, readable by their owner alone.
 *
 * D1 A file that this process did not make is read and removed, never written.
 * D2 An append that failed half-way is cut off again; where even that fails, the reader finds a damaged record, counted.
 */
import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { errorText } from '@holdfast/kernel';
import type { SpoolDisk } from '../spool.ts';

/** A disk that must be closed in the end. */
export interface FolderDisk extends SpoolDisk {
  close(): void;
}

/** Makes the folder. Errors: those of the file system. */
export function openFolderDisk(folder: string): FolderDisk {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const files = new Map<number, number>();
  let folderChanged = false;
  const pathOf = (segment: number): string => join(folder, `${String(segment).padStart(NAME_DIGITS, '0')}${SUFFIX}`);

  function fileOf(segment: number): number {
    const open = files.get(segment);
    if (open !== undefined) return open;
    // Exclusive: of two processes that share a folder by mistake, each has segments of its own.
    const file = openSync(pathOf(segment), 'ax', 0o600);
    files.set(segment, file);
    folderChanged = true;
    return file;
  }

  return {
    checksum: (text) => crc32(text),
    sizeOf: (text) => Buffer.byteLength(text),
    read: () => readSegments(folder),
    append(segment, text) {
      let file: number | undefined;
      let before = 0;
      try {
        file = fileOf(segment);
        before = fstatSync(file).size;
        const bytes = Buffer.from(text);
        for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
        return undefined;
      } catch (error) {
        if (file !== undefined) cutOff(file, before);
        return errorText(error);
      }
    },
    sync(segments, done) {
      try {
        if (folderChanged) syncFolder(folder);
        folderChanged = false;
      } catch (error) {
        return void queueMicrotask(() => done(errorText(error)));
      }
      syncAll(
        segments.map((segment) => files.get(segment)).filter((file) => file !== undefined),
        done,
      );
    },
    remove(segment) {
      const file = files.get(segment);
      files.delete(segment);
      try {
        if (file !== undefined) closeSync(file);
        rmSync(pathOf(segment), { force: true });
      } catch {
        /* ignored: it is read again by the next life, which finds what is settled refused. */
      }
    },
    close() {
      for (const file of files.values()) closeSync(file);
      files.clear();
    },
  };
}

/** What lies in a folder that may be missing, by number. */
export function readSegments(folder: string): { segment: number; text: string; bytes: number }[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const numbers = names.flatMap((name) => (name.endsWith(SUFFIX) ? [Number(name.slice(0, -SUFFIX.length))] : []));
  return numbers
    .filter((number) => Number.isSafeInteger(number) && number > 0)
    .sort((one, other) => one - other)
    .map((segment) => {
      const bytes = readFileSync(join(folder, `${String(segment).padStart(NAME_DIGITS, '0')}${SUFFIX}`));
      return { segment, text: bytes.toString('utf8'), bytes: bytes.length };
    });
}

/** One after another; the first problem ends it. A file closed meanwhile was removed: there is nothing left to sync. */
function syncAll([file, ...rest]: readonly number[], done: (problem: string | undefined) => void): void {
  if (file === undefined) return void queueMicrotask(() => done(undefined));
  fsync(file, (error) => {
    if (error && error.code !== 'EBADF') done(errorText(error));
    else syncAll(rest, done);
  });
}

function syncFolder(folder: string): void {
  // A folder cannot be opened on Windows; its journal keeps names there.
  if (process.platform === 'win32') return;
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function cutOff(file: number, bytes: number): void {
  try {
    ftruncateSync(file, bytes);
  } catch {
    /* ignored: D2. */
  }
}

const SUFFIX = '.spool';
const NAME_DIGITS = 8;
