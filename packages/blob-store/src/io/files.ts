/**
 * Blobs as files of a folder that one process owns: `<folder>/ab/<hex>`, written under `<folder>/part/` first.
 *
 * F1 A file gets its final name after its bytes were fsynced, and `put` resolves after the folder that holds the name was, too.
 * F2 What a crash left in `part` is removed at the next opening.
 * F3 Its age is its mtime: `put` of what is there makes it young, so that a collection which runs beside it keeps it.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@holdfast/kernel';
import { type BlobDigest, digestOf } from '@holdfast/model';
import { BLOB_LIMITS, type BlobStore, type ByteRange, type Collected, type PutOptions, type PutOutcome } from '../port.ts';
import { checkedSource, digestBytes, RefusedBytes } from './checked.ts';
import { createTurns, type Turns } from './turns.ts';

export { digestBytes };

export interface FileBlobOptions {
  /** Made when it is missing. Nobody else writes into it. */
  readonly folder: string;
  /** Bytes of the disk that are left free; default: the smaller of 512 MiB and 5 % of the disk. */
  readonly freeBytesMin?: number;
}

/** Opens the folder. */
export async function openFileBlobs(options: FileBlobOptions): Promise<BlobStore> {
  const { folder } = options;
  const parts = join(folder, 'part');
  await rm(parts, { recursive: true, force: true });
  await mkdir(parts, { recursive: true, mode: 0o700 });
  const turns = createTurns<BlobDigest>();
  const known = new Set<string>();

  /** Makes `ab/` durable before anything is renamed into it. */
  async function folderOf(digest: BlobDigest): Promise<string> {
    const path = join(folder, hexOf(digest).slice(0, 2));
    if (known.has(path)) return path;
    await mkdir(path, { recursive: true, mode: 0o700 });
    await syncFolder(folder);
    known.add(path);
    return path;
  }

  async function put(digest: BlobDigest, source: AsyncIterable<Uint8Array>, given: PutOptions): Promise<PutOutcome> {
    const present = await turns.take(digest, () => renew(pathOf(folder, digest)));
    if (present !== undefined) return { kind: 'present', size: present };
    if (!(await hasSpace(options, given.size ?? 0))) return { kind: 'refused', reason: 'no_space' };
    const part = join(parts, randomUUID());
    try {
      const size = await writePart(part, checkedSource(digest, source, given));
      const home = await folderOf(digest);
      await turns.take(digest, async () => {
        await rename(part, pathOf(folder, digest));
        await syncFolder(home);
      });
      return { kind: 'stored', size };
    } catch (error) {
      if (error instanceof RefusedBytes) return { kind: 'refused', reason: error.reason };
      if (isFull(error)) return { kind: 'refused', reason: 'no_space' };
      throw error;
    } finally {
      await rm(part, { force: true });
    }
  }

  return {
    put,
    size: async (digest) => (await statOr(pathOf(folder, digest)))?.size,
    async open(digest, range) {
      const path = pathOf(folder, digest);
      const found = await statOr(path);
      if (!found) return undefined;
      const bytes = range === undefined ? wholeFile(path, digest, found.size, turns) : partOfFile(path, range, found.size);
      return { size: found.size, bytes };
    },
    collect: (graceMs, kept) => collect(folder, turns, graceMs, kept),
    close: () => Promise.resolve(),
  };
}

async function writePart(path: string, source: AsyncGenerator<Uint8Array, number>): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  try {
    let size = 0;
    for await (const bytes of source) {
      await file.writeFile(bytes);
      size += bytes.byteLength;
    }
    await file.sync();
    return size;
  } finally {
    await file.close();
  }
}

/** Size of a file that is there, made young (F3). */
async function renew(path: string): Promise<number | undefined> {
  const found = await statOr(path);
  if (found) await utimes(path, new Date(), new Date());
  return found?.size;
}

/** Reads a whole blob and checks it on the way: damaged bytes are removed, so that they can be put again. */
async function* wholeFile(path: string, digest: BlobDigest, size: number, turns: Turns<BlobDigest>): AsyncGenerator<Uint8Array> {
  try {
    let held: Uint8Array | undefined;
    // One piece behind: a reader that counts bytes never has all of a damaged blob.
    for await (const bytes of checkedSource(digest, createReadStream(path), { size, sizeMax: size })) {
      if (held) yield held;
      held = bytes;
    }
    if (held) yield held;
  } catch (error) {
    if (!(error instanceof RefusedBytes) || error.reason === 'cut') throw error;
    await turns.take(digest, () => rm(path, { force: true }));
    throw new CodedError('BLOB_DAMAGED', `read ${digest}: its bytes on disk are not those it names`, { details: { digest }, cause: error });
  }
}

async function* partOfFile(path: string, { start, end }: ByteRange, size: number): AsyncGenerator<Uint8Array> {
  const last = Math.min(end, size);
  if (start < last) yield* createReadStream(path, { start, end: last - 1 });
}

async function collect(
  folder: string,
  turns: Turns<BlobDigest>,
  graceMs: number,
  kept: (digests: readonly BlobDigest[]) => Promise<ReadonlySet<BlobDigest>>,
): Promise<Collected> {
  let [blobs, bytes] = [0, 0];
  const isOld = async (path: string): Promise<number | undefined> => {
    const found = await statOr(path);
    return found && Date.now() - found.mtimeMs > graceMs ? found.size : undefined;
  };
  for (const prefix of (await readdir(folder)).filter((name) => /^[0-9a-f]{2}$/.test(name)).sort()) {
    const old: BlobDigest[] = [];
    for (const name of await readdir(join(folder, prefix))) {
      if (/^[0-9a-f]{64}$/.test(name) && (await isOld(join(folder, prefix, name))) !== undefined) old.push(digestOf(name));
    }
    if (old.length === 0) continue;
    const keep = await kept(old.sort());
    for (const digest of old.filter((one) => !keep.has(one))) {
      // Looked at again in its turn: a `put` may have found it there meanwhile (F3).
      const size = await turns.take(digest, async () => {
        const path = pathOf(folder, digest);
        const left = await isOld(path);
        if (left !== undefined) await rm(path, { force: true });
        return left;
      });
      if (size === undefined) continue;
      blobs += 1;
      bytes += size;
    }
  }
  return { blobs, bytes };
}

async function hasSpace({ folder, freeBytesMin }: FileBlobOptions, wanted: number): Promise<boolean> {
  const disk = await statfs(folder);
  const least = freeBytesMin ?? Math.min(BLOB_LIMITS.freeBytesMin, disk.blocks * disk.bsize * BLOB_LIMITS.freeShareMin);
  return disk.bavail * disk.bsize - wanted >= least;
}

async function statOr(path: string): Promise<{ readonly size: number; readonly mtimeMs: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows has no such call; its file system orders names itself.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const hexOf = (digest: BlobDigest): string => digest.slice('sha256-'.length);
const pathOf = (folder: string, digest: BlobDigest): string => join(folder, hexOf(digest).slice(0, 2), hexOf(digest));
const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
