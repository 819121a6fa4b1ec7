import { durationMs, monoMs } from '@holdfast/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryDisk, createSpool, type MemoryDisk, type Spool } from '../src/index.ts';

const at = (ms: number) => monoMs(ms);
const keysOf = (disk: MemoryDisk): string[] => createSpool(disk).recovered.map(({ key }) => key);
/** Ticks as its driver would, until nothing is due before `until`. */
function run(spool: Spool, until: number): void {
  for (let turns = 0; turns < 100; turns += 1) {
    const due = spool.deadline();
    if (due === undefined || due > until) return;
    spool.tick(at(Math.max(due, until)));
  }
  throw new Error('the spool is never done');
}

test('K1 spool: put, flushed, killed -> the next life has all that was not settled, in order', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk);
  spool.put('1.1.1', { result: 'a' }, at(0));
  spool.put('1.2.1', { result: 'b' }, at(0));
  spool.flush(at(0));
  spool.settle('1.1.1', at(1));
  spool.put('1.3.1', { result: 'c' }, at(1));
  spool.flush(at(1));
  spool.put('1.4.1', 'never flushed', at(2));
  disk.processDied();
  expect(createSpool(disk).recovered).toEqual([
    { key: '1.2.1', value: { result: 'b' } },
    { key: '1.3.1', value: { result: 'c' } },
  ]);
});

test('K2 spool: many values in one turn -> one append', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk);
  for (let n = 1; n <= 100; n += 1) spool.put(`1.${n}.1`, n, at(0));
  spool.flush(at(0));
  spool.flush(at(0));
  expect(disk.appends).toBe(1);
});

test('K3 spool: link down -> synced with the flush; link up -> only what stays unsettled for a second', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk);
  spool.put('a', 1, at(0));
  spool.flush(at(0));
  expect(spool.status().syncs).toBe(1);
  disk.finishSyncs();

  spool.linkChanged(true, at(10));
  spool.put('b', 1, at(10));
  spool.flush(at(10));
  expect(spool.deadline()).toBe(1010);
  spool.settle('b', at(500));
  spool.tick(at(1010));
  expect(spool.status().syncs).toBe(1);

  spool.put('c', 1, at(2000));
  spool.flush(at(2000));
  spool.tick(at(2999));
  expect(spool.status().syncs).toBe(1);
  spool.tick(at(3000));
  expect(spool.status().syncs).toBe(2);
  spool.put('d', 1, at(3001));
  spool.flush(at(3001));
  // One at a time: the next covers what came meanwhile.
  spool.linkChanged(false, at(3002));
  expect(spool.status().syncs).toBe(2);
  disk.finishSyncs();
  run(spool, 3003);
  disk.finishSyncs();
  disk.powerLost(0);
  expect(keysOf(disk)).toEqual(['a', 'c', 'd']);
});

test('K4 spool: near its bound -> full; past it -> not kept, counted; settled again -> takes more', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk, { bytesMax: 10_000, segmentBytes: 1000 });
  const value = 'x'.repeat(400);
  let kept = 0;
  while (!spool.status().full) {
    spool.put(`k${(kept += 1)}`, value, at(0));
    spool.flush(at(0));
  }
  expect(spool.status().bytes).toBeGreaterThan(8700);
  for (let more = 0; more < 10; more += 1) spool.put(`m${more}`, value, at(1));
  spool.flush(at(1));
  expect(spool.status().notKept).toBeGreaterThan(0);
  expect(spool.status().bytes).toBeLessThanOrEqual(10_000);
  for (let index = 1; index <= kept; index += 1) spool.settle(`k${index}`, at(2));
  run(spool, 2000);
  disk.finishSyncs();
  run(spool, 3000);
  expect(spool.status().full).toBe(false);
});

test('K5 spool: a day of settled results -> the disk holds next to nothing; one old value does not pin its segment', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk, { segmentBytes: 100_000 });
  spool.linkChanged(true, at(0));
  spool.put('old', 'kept', at(0));
  for (let n = 1; n <= 20_000; n += 1) {
    spool.put(`1.${n}.1`, 'x'.repeat(200), at(n));
    spool.flush(at(n));
    spool.settle(`1.${n}.1`, at(n));
    if (n % 50 === 0) {
      run(spool, n);
      disk.finishSyncs();
    }
  }
  run(spool, 30_000);
  disk.finishSyncs();
  expect(disk.segments.length).toBeLessThanOrEqual(2);
  expect(spool.status().bytes).toBeLessThan(200_000);
  disk.powerLost(0);
  // What was settled last may be told again: its end was not synced.
  expect(keysOf(disk)[0]).toBe('old');
  expect(keysOf(disk).length).toBeLessThanOrEqual(2);
});

test('K5 spool: closed in order with nothing kept -> nothing is left on the disk', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk);
  spool.put('a', 1, at(0));
  spool.flush(at(0));
  spool.settle('a', at(1));
  spool.close(at(2));
  expect(disk.segments).toEqual([]);
});

test('K6 spool: disk full -> full, tried every second, nothing lost; space again -> written, takes more', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk);
  disk.failAppends('ENOSPC: no space left on device');
  spool.put('a', 1, at(0));
  spool.flush(at(0));
  expect(spool.status()).toMatchObject({ full: true, problem: 'ENOSPC: no space left on device', failures: 1 });
  spool.put('b', 2, at(10));
  spool.flush(at(10));
  expect(disk.appends).toBe(1);
  run(spool, 1000);
  expect(disk.appends).toBe(2);
  disk.failAppends(undefined);
  run(spool, 2000);
  expect(spool.status()).toMatchObject({ full: false, problem: undefined });
  expect(keysOf(disk)).toEqual(['a', 'b']);
});

test('K6 spool: disk full and everything settled meanwhile -> the disk is tried all the same, and work is taken again', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk);
  disk.failAppends('ENOSPC');
  spool.put('a', 1, at(0));
  spool.flush(at(0));
  spool.settle('a', at(1));
  disk.failAppends(undefined);
  run(spool, 1000);
  expect(spool.status().full).toBe(false);
});

test('K6 spool: fsync fails -> what it covered is written again elsewhere; a power cut then takes nothing', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk);
  spool.put('a', 1, at(0));
  spool.flush(at(0));
  disk.finishSyncs('EIO');
  expect(spool.status().full).toBe(true);
  run(spool, 1000);
  disk.finishSyncs();
  run(spool, 2000);
  disk.finishSyncs();
  disk.powerLost(0);
  expect(keysOf(disk)).toEqual(['a']);
  expect(spool.status().full).toBe(false);
});

test('R1 spool: a damaged record -> skipped and counted, its neighbours are read', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk);
  for (const key of ['a', 'b', 'c']) spool.put(key, `value of ${key}`, at(0));
  spool.flush(at(0));
  const [segment = 0] = disk.segments;
  disk.processDied();
  disk.damage(segment, (text) => text.replace('value of b', 'value 0f b'));
  const next = createSpool(disk);
  expect(next.recovered.map(({ key }) => key)).toEqual(['a', 'c']);
  expect(next.status()).toMatchObject({ corrupt: 1, torn: 0 });
});

test('R2 spool: killed while writing -> the torn tail is counted, all before it is read', () => {
  const disk = createMemoryDisk();
  const spool = createSpool(disk);
  spool.put('a', 1, at(0));
  spool.flush(at(0));
  spool.put('b', 'long '.repeat(50), at(0));
  spool.flush(at(0));
  disk.processDied();
  disk.damage(disk.segments[0]!, (text) => text.slice(0, -20));
  const next = createSpool(disk);
  expect(next.recovered).toEqual([{ key: 'a', value: 1 }]);
  expect(next.status()).toMatchObject({ corrupt: 0, torn: 1 });
});

test('R1 properties: any bytes overwritten anywhere -> whatever is read is what was written, and each loss is counted', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 12 }),
      (values, where, rubbish) => {
        const disk = createMemoryDisk();
        const spool = createSpool(disk);
        values.forEach((value, index) => spool.put(String(index), value, at(0)));
        spool.flush(at(0));
        disk.processDied();
        disk.damage(disk.segments[0]!, (text) => {
          const start = where % text.length;
          return `${text.slice(0, start)}${rubbish}${text.slice(start + rubbish.length)}`.slice(0, text.length);
        });
        const next = createSpool(disk);
        for (const { key, value } of next.recovered) expect(value).toBe(values[Number(key)]);
        const { corrupt, torn } = next.status();
        if (next.recovered.length < values.length) expect(corrupt + torn).toBeGreaterThan(0);
      },
    ),
  );
});

type Step = { readonly kind: 'put' | 'settle'; readonly key: number } | { readonly kind: 'flush' | 'pass' | 'synced' | 'failed' | 'link' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('put', 'settle'), key: fc.nat(12) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('flush', 'pass', 'synced', 'link') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('failed') }) },
);

test('K1 properties: killed at any moment -> every flushed and unsettled value is there; after a power cut every synced one', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), fc.nat(30), (steps, power, keptUnits) => {
      const disk = createMemoryDisk();
      const spool = createSpool(disk, { segmentBytes: 120, syncAfter: durationMs(50) });
      const wanted = new Map<string, number>();
      let flushed = new Map<string, number>();
      let durable = new Map<string, number>();
      let version = 0;
      let now = 0;
      let up = false;
      for (const each of steps) {
        now += 10;
        if (each.kind === 'put') {
          version += 1;
          wanted.set(`k${each.key}`, version);
          spool.put(`k${each.key}`, version, at(now));
        } else if (each.kind === 'settle') {
          for (const map of [wanted, flushed, durable]) map.delete(`k${each.key}`);
          spool.settle(`k${each.key}`, at(now));
        } else if (each.kind === 'flush') {
          spool.flush(at(now));
          if (spool.status().problem === undefined) flushed = new Map(wanted);
        } else if (each.kind === 'pass') {
          now += 1000;
          run(spool, now);
        } else if (each.kind === 'link') {
          up = !up;
          spool.linkChanged(up, at(now));
        } else {
          disk.finishSyncs(each.kind === 'failed' ? 'EIO' : undefined);
          if (each.kind === 'failed') run(spool, now);
        }
        // Quiet: nothing due, nothing under way, nothing failing.
        if (spool.deadline() === undefined && spool.status().problem === undefined) {
          disk.finishSyncs();
          if (spool.deadline() === undefined) durable = new Map(flushed);
        }
      }
      if (power) disk.powerLost(keptUnits);
      else disk.processDied();
      const found = new Map(createSpool(disk).recovered.map(({ key, value }) => [key, value]));
      for (const [key, value] of power ? durable : flushed) {
        const read = found.get(key);
        // A newer value of the same key may have been flushed, or be the one that was cut off.
        if (wanted.get(key) === value) expect(read, `${key} after ${power ? 'a power cut' : 'a kill'}`).toBe(value);
      }
    }),
    { numRuns: 500 },
  );
});
