/** The spool on a real file system, with a real process that is killed and a real disk that is full. */
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { openSpool, spooledKeys } from '../src/io/spool.ts';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-spool-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
const segmentsOf = (folder: string): string[] => readdirSync(folder).map((name) => join(folder, name));

test('spool: its process is killed with -9 in the middle of its work -> every value that it had flushed is there', async () => {
  const folder = newFolder();
  const child = spawn(process.execPath, ['--conditions=@holdfast/source', new URL('spool-writer.ts', import.meta.url).pathname, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const flushed: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    flushed.push(line);
    if (flushed.length === 300) child.kill('SIGKILL');
  }
  const spool = openSpool({ folder });
  const found = new Map(spool.recovered.map(({ key, value }) => [key, value as { result: string }]));
  // The child settles each tenth before it puts the next.
  const wanted = flushed.filter((key) => Number(key.split('.')[1]) % 10 !== 0);
  for (const key of wanted) expect(found.get(key)?.result, key).toMatch(new RegExp(`^${key} `));
  expect(spool.status().corrupt).toBe(0);
  expect(spooledKeys(folder)).toEqual([...found.keys()]);
  spool.close();
});

test('spool: closed with nothing kept -> an empty folder; with something -> the next one has it', () => {
  const folder = newFolder();
  const first = openSpool({ folder });
  first.put('a', 1);
  first.flush();
  first.settle('a');
  first.close();
  expect(readdirSync(folder)).toEqual([]);
  const second = openSpool({ folder });
  second.put('b', { text: 'ü\u001e\n' });
  second.close();
  expect(openSpool({ folder }).recovered).toEqual([{ key: 'b', value: { text: 'ü\u001e\n' } }]);
});

test('spool: its segments are readable by their owner alone, and two at once in one folder never write into one another', () => {
  const folder = join(newFolder(), 'spool');
  const one = openSpool({ folder });
  const other = openSpool({ folder });
  for (let n = 0; n < 20; n += 1) {
    for (const [name, spool] of Object.entries({ one, other })) {
      spool.put(`${name} ${n}`, 'x'.repeat(100));
      spool.flush();
    }
  }
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const path of segmentsOf(folder)) {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = readFileSync(path, 'utf8');
    expect([/"one \d+"/.test(text), /"other \d+"/.test(text)].filter(Boolean)).toHaveLength(1);
  }
  one.close();
});

test('spool: a segment overwritten in its middle and cut at its end -> both are counted, the rest is read', () => {
  const folder = newFolder();
  const spool = openSpool({ folder });
  for (const key of ['a', 'b', 'c', 'd']) spool.put(key, `value of ${key} ${'.'.repeat(50)}`);
  spool.close();
  const [path = ''] = segmentsOf(folder);
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('value of b') + 3] = 0xff;
  writeFileSync(path, bytes);
  truncateSync(path, bytes.length - 10);
  const next = openSpool({ folder });
  expect(next.recovered.map(({ key }) => key)).toEqual(['a', 'c']);
  expect(next.status()).toMatchObject({ corrupt: 1, torn: 1 });
  // Nothing is appended to what may be damaged.
  next.put('e', 1);
  next.close();
  expect(openSpool({ folder }).recovered.map(({ key }) => key)).toEqual(['a', 'c', 'e']);
});

test('spool: in a place that is a file -> refused by its code', () => {
  const folder = join(newFolder(), 'spool');
  writeFileSync(folder, '');
  expect(() => openSpool({ folder })).toThrow(
    expect.objectContaining({ code: 'RECONNECTION_SPOOL_UNUSABLE', details: { folder, exitCode: 78 } }),
  );
});

const mounted = newMount();
test.skipIf(mounted === undefined)(
  'spool: the disk is full -> says so and loses nothing; space again -> everything is written',
  async () => {
    const folder = join(mounted!, 'spool');
    mkdirSync(folder);
    const states = Promise.withResolvers<void>();
    const again = Promise.withResolvers<void>();
    const spool = openSpool({
      folder,
      changed: ({ full, problem }) => {
        if (full && problem !== undefined) states.resolve();
        if (!full) again.resolve();
      },
    });
    // Until there is no byte left for anybody.
    const ballast = join(mounted!, 'ballast');
    try {
      for (;;) appendFileSync(ballast, Buffer.alloc(4096));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    }
    spool.put('a', 'x'.repeat(20_000));
    spool.flush();
    await states.promise;
    expect(spool.status().problem).toMatch(/ENOSPC/);
    rmSync(ballast);
    await again.promise;
    expect(spooledKeys(folder)).toEqual(['a']);
    spool.close();
    spawnSync('umount', [mounted!]);
  },
);

/** A small file system of its own, which needs root; said loudly where there is none. */
function newMount(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-spool-disk-'));
  const mount = process.platform === 'linux' ? spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]) : undefined;
  if (mount?.status === 0) return folder;
  rmSync(folder, { recursive: true, force: true });
  console.warn('spool: SKIPPED on a full disk: no file system can be mounted here (that takes root on Linux)');
  return undefined;
}
