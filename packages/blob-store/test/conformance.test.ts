import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobConformance } from '@holdfast/blob-store/conformance';
import { digestBytes, openFileBlobs } from '@holdfast/blob-store/files';
import { createMemoryBlobs } from '@holdfast/blob-store/memory';
import { expect, test } from 'vitest';

blobConformance(
  (name, run) => test(`memory: ${name}`, run),
  () => {
    const blobs = createMemoryBlobs();
    return Promise.resolve({ blobs, close: () => blobs.close() });
  },
);

blobConformance(
  (name, run) => test(`files: ${name}`, run),
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-blobs-'));
    return {
      blobs: await openFileBlobs({ folder, freeBytesMin: 0 }),
      reopen: () => openFileBlobs({ folder, freeBytesMin: 0 }),
      async damage(digest) {
        const file = await open(join(folder, digest.slice(7, 9), digest.slice(7)), 'r+');
        await file.write(Buffer.from([255]), 0, 1, 4000);
        await file.close();
      },
      unfinished: async () => (await readdir(join(folder, 'part'))).length,
      close: () => rm(folder, { recursive: true }),
    };
  },
);

test('F2 files: a part left by a crash -> gone at the next opening, which is not disturbed by other files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-blobs-'));
  try {
    await openFileBlobs({ folder });
    await writeFile(join(folder, 'part', 'left'), 'x');
    await writeFile(join(folder, 'readme'), 'x');
    const blobs = await openFileBlobs({ folder, freeBytesMin: 0 });
    expect(await readdir(join(folder, 'part'))).toEqual([]);
    expect(await blobs.collect(-1, () => Promise.resolve(new Set()))).toEqual({ blobs: 0, bytes: 0 });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('files: less space than must stay free -> no_space, nothing is left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-blobs-'));
  try {
    const blobs = await openFileBlobs({ folder, freeBytesMin: Number.MAX_SAFE_INTEGER });
    const source = (async function* one() {
      yield Buffer.from('x');
    })();
    expect(await blobs.put(digestBytes('x'), source, { size: 1, sizeMax: 1 })).toEqual({ kind: 'refused', reason: 'no_space' });
    expect(await readdir(join(folder, 'part'))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('F3 files: put again between the decision to collect and the removal -> kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-blobs-'));
  try {
    const blobs = await openFileBlobs({ folder, freeBytesMin: 0 });
    const digest = digestBytes('x');
    const put = async () =>
      blobs.put(
        digest,
        (async function* one() {
          yield Buffer.from('x');
        })(),
        { sizeMax: 1 },
      );
    await put();
    const { utimes } = await import('node:fs/promises');
    await utimes(join(folder, digest.slice(7, 9), digest.slice(7)), 1, 1);
    const collected = await blobs.collect(60_000, async () => {
      expect((await put()).kind).toBe('present');
      return new Set();
    });
    expect([collected.blobs, await blobs.size(digest)]).toEqual([0, 1]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
