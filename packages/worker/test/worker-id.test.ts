import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keptWorkerId } from '@holdfast/worker';
import { expect, test } from 'vitest';
import { newCheckout, newFolder } from './checkout.ts';

test('made once, kept for ever, readable by its owner only, and nothing else is left', () => {
  const data = join(newFolder(), 'deep/data');
  const id = keptWorkerId(data);
  expect(id).toMatch(/^w_[0-9a-f-]{36}$/);
  expect(keptWorkerId(data)).toBe(id);
  expect(readdirSync(data).toSorted()).toEqual(['.gitignore', 'worker.id']);
  expect(statSync(join(data, 'worker.id')).mode & 0o777).toBe(0o600);
  expect(keptWorkerId(newFolder())).not.toBe(id);
});

test('a data folder in a checkout -> git does not see it; a folder that was there gets no .gitignore', () => {
  const checkout = newCheckout();
  keptWorkerId(join(checkout.root, 'elsewhere'));
  expect(checkout.git('status', '--porcelain')).toBe('');
  keptWorkerId(checkout.root);
  expect(existsSync(join(checkout.root, '.gitignore'))).toBe(false);
});

test('W1 eight processes at once -> one id', async () => {
  const data = join(newFolder(), 'data');
  const source = `import { keptWorkerId } from '@holdfast/worker';
    process.stdin.once('data', () => { process.stdout.write(keptWorkerId(${JSON.stringify(data)})); process.exit(0); });
    process.stderr.write('ready');`;
  const children = Array.from({ length: 8 }, () =>
    spawn(process.execPath, ['--conditions=@holdfast/source', '--input-type=module', '-e', source], { cwd: import.meta.dirname }),
  );
  const ids = children.map(
    (child) =>
      new Promise<string>((resolve, reject) => {
        let text = '';
        child.stdout.on('data', (piece: Buffer) => (text += piece.toString()));
        child.once('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`a process ended with ${code}`))));
      }),
  );
  await Promise.all(children.map((child) => new Promise((ready) => child.stderr.once('data', ready))));
  for (const child of children) child.stdin.write('go');
  expect(new Set(await Promise.all(ids)).size).toBe(1);
  expect((await Promise.all(ids))[0]).toBe(keptWorkerId(data));
});

test('an empty file, left by a full disk -> made anew and kept', () => {
  const data = newFolder();
  writeFileSync(join(data, 'worker.id'), '');
  const id = keptWorkerId(data);
  expect(readFileSync(join(data, 'worker.id'), 'utf8')).toBe(`${id}\n`);
  expect(keptWorkerId(data)).toBe(id);
});

test.each<[string, (data: string) => void]>([
  ['a file is in its place', (data) => writeFileSync(data, '')],
  ['worker.id is a folder', (data) => mkdirSync(join(data, 'worker.id'), { recursive: true })],
])('%s -> DATA_NOT_WRITABLE, exit code 78', (_, spoil) => {
  const data = join(newFolder(), 'data');
  spoil(data);
  expect(() => keptWorkerId(data)).toThrow(expect.objectContaining({ code: 'DATA_NOT_WRITABLE', details: { folder: data, exitCode: 78 } }));
});

// The administrator may write everywhere.
test.skipIf(process.getuid?.() === 0)('a folder without permission -> DATA_NOT_WRITABLE', () => {
  const data = newFolder();
  chmodSync(data, 0o500);
  expect(() => keptWorkerId(data)).toThrow(expect.objectContaining({ code: 'DATA_NOT_WRITABLE' }));
});
