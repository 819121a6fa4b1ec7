/**
 * The blobs of a coordinator: bytes as files beside the database, and their ledger in it, kept in step.
 *
 * S1 Bytes are durable before the ledger knows them, and leave it before they are removed.
 */
import { join } from 'node:path';
import { BLOB_LIMITS, type BlobOps, type BlobStore, type ByteRange, type OpenBlob } from '@holdfast/blob-store';
import { openFileBlobs } from '@holdfast/blob-store/files';
import type { AsyncCommitter, Op } from '@holdfast/committer';
import { hasCode } from '@holdfast/kernel';
import type { BlobDigest } from '@holdfast/model';
import type { EdgeLimits } from './options.ts';
import type { Logger } from './process-log.ts';

/** What became of an upload. */
export type Uploaded = 'stored' | 'present' | UploadRefusal;
export type UploadRefusal = 'wrong_hash' | 'wrong_size' | 'too_large' | 'cut' | 'no_space' | 'quota';

export interface BlobService {
  put(principal: string, digest: BlobDigest, source: AsyncIterable<Uint8Array>, size: number): Promise<Uploaded>;
  /** Bytes of a blob; undefined: it is not there. */
  size(digest: BlobDigest): Promise<number | undefined>;
  open(digest: BlobDigest, range?: ByteRange): Promise<OpenBlob | undefined>;
  /** Which of these are not here, each once, in the order asked. The others stay for a whole grace. */
  missing(digests: readonly BlobDigest[]): Promise<readonly BlobDigest[]>;
  /** Removes what nothing refers to and nobody asked for within the grace. */
  collect(): Promise<void>;
  /** Uploaded so far in this life. */
  readonly counts: { readonly uploads: number; readonly bytes: number };
  close(): Promise<void>;
}

/** Opens `<dataFolder>/blobs` and begins to collect. */
export async function openBlobService(
  dataFolder: string,
  committer: Pick<AsyncCommitter, 'commit'>,
  limits: EdgeLimits,
  log: Logger,
): Promise<BlobService> {
  const folder = join(dataFolder, 'blobs');
  const blobs: BlobStore = await openFileBlobs({ folder, ...(limits.diskFreeMin > 0 ? { freeBytesMin: limits.diskFreeMin } : {}) });
  const counts = { uploads: 0, bytes: 0 };
  let collecting: Promise<void> | undefined;

  async function commit<Name extends keyof BlobOps>(op: BlobOps[Name][0] & { readonly op: Name }): Promise<BlobOps[Name][1] | undefined> {
    const [verdict] = await committer.commit([op as Op]);
    return verdict?.kind === 'applied' ? (verdict.value as BlobOps[Name][1]) : undefined;
  }

  async function enter(principal: string, digest: BlobDigest, size: number): Promise<'entered' | UploadRefusal> {
    try {
      const op = { op: 'blob.add', digest, size, principal, bytesMax: limits.blobBytesPerPrincipalMax, wall: Date.now() } as const;
      return (await commit<'blob.add'>(op)) ? 'entered' : 'quota';
    } catch (error) {
      if (hasCode(error, 'STORE_FULL')) return 'no_space';
      throw error;
    }
  }

  async function collectAll(): Promise<void> {
    const before = Date.now() - limits.blobGraceMs;
    let left = BATCH;
    let digests = 0;
    while (left === BATCH) {
      left = (await commit<'blob.collect'>({ op: 'blob.collect', before, limit: BATCH }))?.digests.length ?? 0;
      digests += left;
    }
    const removed = await blobs.collect(limits.blobGraceMs, async (batch) => {
      const unknown = new Set(await missingInLedger(batch, null));
      return new Set(batch.filter((digest) => !unknown.has(digest)));
    });
    if (digests > 0 || removed.blobs > 0) log.info({ event: 'blobs.collected', digests, ...removed });
  }

  async function missingInLedger(digests: readonly BlobDigest[], wall: number | null): Promise<readonly BlobDigest[]> {
    const unknown: BlobDigest[] = [];
    for (let from = 0; from < digests.length; from += BLOB_LIMITS.missingMax) {
      const batch = digests.slice(from, from + BLOB_LIMITS.missingMax);
      unknown.push(...((await commit<'blob.touch'>({ op: 'blob.touch', digests: batch, wall }))?.missing ?? batch));
    }
    return unknown;
  }

  const collect = (): Promise<void> =>
    (collecting ??= collectAll()
      .catch((error: unknown) => log.warn({ event: 'blobs.notCollected', err: error }, 'unreferenced blobs could not be removed'))
      .finally(() => (collecting = undefined)));
  const timer = setInterval(() => void collect(), limits.blobSweepEveryMs);
  timer.unref();

  return {
    async put(principal, digest, source, size) {
      const put = await blobs.put(digest, source, { size, sizeMax: limits.blobBytesMax });
      if (put.kind === 'refused') return put.reason;
      // Over the quota the bytes stay without an entry: the next collection removes them.
      const entered = await enter(principal, digest, put.size);
      if (entered !== 'entered') return entered;
      if (put.kind === 'stored') {
        counts.uploads += 1;
        counts.bytes += put.size;
      }
      return put.kind;
    },
    size: (digest) => blobs.size(digest),
    open: (digest, range) => blobs.open(digest, range),
    async missing(digests) {
      const wanted = [...new Set(digests)];
      const unknown = new Set(await missingInLedger(wanted, Date.now()));
      const there = await Promise.all(wanted.map(async (digest) => !unknown.has(digest) && (await blobs.size(digest)) !== undefined));
      return wanted.filter((_digest, index) => !there[index]);
    },
    collect,
    counts,
    async close() {
      clearInterval(timer);
      await collecting;
      await blobs.close();
    },
  };
}

const BATCH = 1000;
