/**
 * The suite that every adapter of bytes passes. Free of any test framework: give it a function that registers a test.
 *
 * Example: `blobConformance((name, run) => test(name, run), () => openMyBlobs())`.
 */
import { CodedError } from '@holdfast/kernel';
import type { BlobDigest } from '@holdfast/model';
import type { BlobStore, PutOutcome } from '../port.ts';
import { digestBytes } from './checked.ts';

/** A store under test. */
export interface BlobsUnderTest {
  readonly blobs: BlobStore;
  /** Closes and opens again what is durable; absent: the adapter forgets when it closes. */
  reopen?(): Promise<BlobStore>;
  /** Changes a byte of a kept blob behind the store's back; absent: it cannot be reached. */
  damage?(digest: BlobDigest): Promise<void>;
  /** Unfinished bytes that are kept somewhere; absent: there is no such place. */
  unfinished?(): Promise<number>;
  close(): Promise<void>;
}

type Story = (bench: BlobsUnderTest & { equal(found: unknown, wanted: unknown, what: string): void }) => Promise<void>;

/** Registers all stories. */
export function blobConformance(register: (name: string, run: () => Promise<void>) => void, open: () => Promise<BlobsUnderTest>): void {
  for (const [name, story] of Object.entries(STORIES)) {
    register(name, async () => {
      const under = await open();
      try {
        await story({ ...under, equal });
        if (under.unfinished) equal(await under.unfinished(), 0, 'B3 unfinished bytes');
      } finally {
        await under.close();
      }
    });
  }
}

const STORIES: Readonly<Record<string, Story>> = {
  'B1 put: bytes of 0, 1 and 300,000 -> read as they were, whole and in ranges': async ({ blobs, equal }) => {
    for (const length of [0, 1, 300_000]) {
      const bytes = bytesOf(length);
      const digest = digestBytes(bytes);
      equal(await blobs.size(digest), undefined, 'size before');
      equal(await blobs.put(digest, chunks(bytes), { size: length, sizeMax: length }), { kind: 'stored', size: length }, 'put');
      equal(await blobs.size(digest), length, 'size');
      equal(await read(blobs, digest), hex(bytes), 'all bytes');
      for (const [start, end] of [
        [0, 1],
        [1, length],
        [length - 1, length + 10],
        [length, length + 1],
      ] as const) {
        if (start >= 0) equal(await read(blobs, digest, { start, end }), hex(bytes.subarray(start, end)), `bytes ${start} to ${end}`);
      }
    }
  },
  'B1 put: another hash, too few, too many, too large, cut short -> refused, nothing is there': async ({ blobs, equal }) => {
    const bytes = bytesOf(1000);
    const digest = digestBytes(bytes);
    const other = digestBytes('other');
    const refused = (outcome: PutOutcome): string => (outcome.kind === 'refused' ? outcome.reason : outcome.kind);
    equal(refused(await blobs.put(other, chunks(bytes), { sizeMax: 1000 })), 'wrong_hash', 'another hash');
    equal(refused(await blobs.put(digest, chunks(bytes.subarray(0, 999)), { size: 1000, sizeMax: 1000 })), 'wrong_size', 'too few');
    equal(refused(await blobs.put(digest, chunks(bytes), { size: 999, sizeMax: 1000 })), 'wrong_size', 'too many');
    equal(refused(await blobs.put(digest, chunks(bytes), { sizeMax: 999 })), 'too_large', 'too large');
    equal(refused(await blobs.put(digest, chunks(bytes), { size: 1000, sizeMax: 999 })), 'too_large', 'announced too large');
    equal(refused(await blobs.put(digest, cutAfter(bytes, 500), { size: 1000, sizeMax: 1000 })), 'cut', 'cut');
    equal([await blobs.size(digest), await blobs.size(other)], [undefined, undefined], 'sizes');
    equal(await blobs.open(digest), undefined, 'open');
    equal(refused(await blobs.put(digest, chunks(bytes), { sizeMax: 1000 })), 'stored', 'after all');
  },
  'B2 put: twice, and five at once -> one copy, all succeed': async ({ blobs, equal }) => {
    const bytes = bytesOf(200_000);
    const digest = digestBytes(bytes);
    const put = (): Promise<PutOutcome> => blobs.put(digest, chunks(bytes), { sizeMax: 200_000 });
    const outcomes = await Promise.all([put(), put(), put(), put(), put()]);
    equal(
      outcomes.filter((outcome) => outcome.kind === 'refused'),
      [],
      'at once',
    );
    equal(await put(), { kind: 'present', size: 200_000 }, 'again');
    equal(await read(blobs, digest), hex(bytes), 'bytes');
  },
  'B4 collect: kept, young, old and put again while it runs -> only what is old and unkept goes': async ({ blobs, equal }) => {
    const [kept, gone] = [bytesOf(10), bytesOf(20)];
    for (const bytes of [kept, gone]) await blobs.put(digestBytes(bytes), chunks(bytes), { sizeMax: 100 });
    equal(await blobs.collect(60_000, () => Promise.resolve(new Set())), { blobs: 0, bytes: 0 }, 'all are young');
    const collected = await blobs.collect(-1, () => Promise.resolve(new Set([digestBytes(kept)])));
    equal(collected, { blobs: 1, bytes: 20 }, 'old and unkept');
    equal([await blobs.size(digestBytes(kept)), await blobs.size(digestBytes(gone))], [10, undefined], 'what is left');
    equal((await blobs.put(digestBytes(gone), chunks(gone), { sizeMax: 100 })).kind, 'stored', 'put anew');
  },
  'B1 restart: what was put -> is there': async ({ blobs, reopen, equal }) => {
    if (!reopen) return;
    const bytes = bytesOf(5000);
    await blobs.put(digestBytes(bytes), chunks(bytes), { sizeMax: 5000 });
    equal(await read(await reopen(), digestBytes(bytes)), hex(bytes), 'bytes');
  },
  'damage: a byte changed behind its back -> reading says so, then it is missing and can be put again': async ({
    blobs,
    damage,
    equal,
  }) => {
    if (!damage) return;
    const bytes = bytesOf(5000);
    const digest = digestBytes(bytes);
    await blobs.put(digest, chunks(bytes), { sizeMax: 5000 });
    await damage(digest);
    const code = await read(blobs, digest).catch((error: unknown) => (error as CodedError).code);
    equal(code, 'BLOB_DAMAGED', 'reading');
    equal(await blobs.size(digest), undefined, 'size after');
    equal((await blobs.put(digest, chunks(bytes), { sizeMax: 5000 })).kind, 'stored', 'put again');
    equal(await read(blobs, digest), hex(bytes), 'bytes');
  },
};

const bytesOf = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + length) % 251));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function* cutAfter(bytes: Uint8Array, count: number): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, count);
  throw new Error('the link is gone');
}

async function read(blobs: BlobStore, digest: BlobDigest, range?: { readonly start: number; readonly end: number }): Promise<string> {
  const found = await blobs.open(digest, range);
  const parts: Uint8Array[] = [];
  for await (const part of found!.bytes) parts.push(part);
  return Buffer.concat(parts).toString('hex');
}

function equal(found: unknown, wanted: unknown, what: string): void {
  const texts = [JSON.stringify(found) ?? 'undefined', JSON.stringify(wanted) ?? 'undefined'];
  if (texts[0] === texts[1]) return;
  const details = { found: texts[0]!.slice(0, 200), wanted: texts[1]!.slice(0, 200) };
  throw new CodedError('BLOBS_NOT_CONFORMING', `conform: ${what}: ${JSON.stringify(details)}`, { details });
}
