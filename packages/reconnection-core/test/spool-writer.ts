/** Spools results as fast as it can, and says which it has flushed. To be killed. */
import { writeSync } from 'node:fs';
import { openSpool } from '../src/io/spool.ts';

const spool = openSpool({ folder: process.argv[2]!, segmentBytes: 16_384 });
for (let n = 1; ; n += 1) {
  const key = `1.${n}.1`;
  spool.put(key, { result: `${key} ${'x'.repeat(n % 700)}` });
  spool.flush();
  writeSync(1, `${key}\n`);
  if (n % 10 === 0) spool.settle(key);
}
