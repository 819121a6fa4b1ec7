import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('examples/chat.ts: two people over a link that breaks all the time -> every line once and in order', async () => {
  const example = fileURLToPath(new URL('../examples/chat.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@holdfast/source', example]);
  expect(stdout).toMatch(/is back, without a gap/);
  expect(stdout).toMatch(/^40 lines heard by both, once and in order, over \d+ broken links$/m);
});
