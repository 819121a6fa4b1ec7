/** `scripts/dev.mjs` in a clone of its own: what it prints where, what it does twice, and how it ends. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attempt, root, run } from './projects.ts';

const clone = mkdtempSync(join(tmpdir(), 'holdfast-dev-clone-'));
const source = join(clone, 'packages/one/src/index.ts');

beforeAll(async () => {
  mkdirSync(join(clone, 'packages/one/src'), { recursive: true });
  mkdirSync(join(clone, 'scripts'));
  cpSync(join(root, 'scripts/dev.mjs'), join(clone, 'scripts/dev.mjs'));
  writeFileSync(join(clone, 'scripts/build.mjs'), BUILD);
  writeFileSync(join(clone, 'package.json'), '{"name":"clone","private":true}');
  writeFileSync(join(clone, 'pnpm-workspace.yaml'), 'packages: [packages/*]\npmOnFail: ignore\n');
  writeFileSync(join(clone, 'packages/one/package.json'), '{"name":"one","version":"1.0.0","exports":{".":{"default":"./dist/index.js"}}}');
  writeFileSync(source, 'export const one = 1;\n');
  await run('pnpm', ['install', '--lockfile-only', '--no-frozen-lockfile'], clone, 'writing a lockfile');
});
afterAll(() => rmSync(clone, { recursive: true, force: true }));

const dev = (...args: string[]) => attempt('node', ['scripts/dev.mjs', ...args], clone, `dev.mjs ${args.join(' ')}`);

test('D2 exec: a fresh clone -> installs and builds on stderr, standard output is the command alone', async () => {
  const first = await dev('exec', 'node', '-e', 'console.log(JSON.stringify({ ok: true }))');
  expect(first).toMatchObject({ code: 0, stdout: '{"ok":true}\n' });
  expect(first.stderr).toContain('building');
});

test('D3 exec: nothing changed -> neither installs nor builds; a newer source -> builds again', async () => {
  await dev('exec', 'node', '-e', '');
  expect((await dev('exec', 'node', '-e', '')).stderr).toBe('');
  utimesSync(source, new Date(), new Date(Date.now() + 5000));
  expect((await dev('exec', 'node', '-e', '')).stderr).toContain('building');
  rmSync(join(clone, 'packages/one/dist'), { recursive: true });
  expect((await dev('exec', 'node', '-e', '')).stderr).toContain('building');
});

test('D3 exec: a manifest that the lockfile does not know -> refused, not installed somehow', async () => {
  const path = join(clone, 'packages/one/package.json');
  const manifest = { name: 'one', version: '1.0.0', exports: { '.': { default: './dist/index.js' } } };
  writeFileSync(path, JSON.stringify({ ...manifest, dependencies: { zod: '4.6.7' } }));
  const refused = await dev('exec', 'node', '-e', '');
  writeFileSync(path, JSON.stringify(manifest));
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/lockfile/i);
  expect(await dev('exec', 'node', '-e', '')).toMatchObject({ code: 0 });
});

test('D4 exec: the exit code of the command, of an unknown command, of an unknown task', async () => {
  expect((await dev('exec', 'node', '-e', 'process.exit(7)')).code).toBe(7);
  expect((await dev('exec', 'holdfast-no-such-command')).code).toBe(127);
  expect((await dev('dance')).code).toBe(2);
});

test('D4 exec: SIGTERM -> reaches the command, whose answer is the exit code', async () => {
  const script = "process.on('SIGTERM', () => process.exit(43)); setInterval(() => {}, 1000); console.log('ready');";
  const child = spawn('node', ['scripts/dev.mjs', 'exec', 'node', '-e', script], { cwd: clone, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes('ready')) child.kill('SIGTERM');
  });
  expect(await ended).toBe(43);
});

test('D1 exec: a home that cannot be used -> works all the same', async () => {
  const child = await attempt(
    'env',
    ['HOME=/nonexistent', 'node', 'scripts/dev.mjs', 'exec', 'node', '-p', '1'],
    clone,
    'dev.mjs without a home',
  );
  expect(child).toMatchObject({ code: 0, stdout: '1\n' });
});

const BUILD = `
import { mkdirSync, writeFileSync } from 'node:fs';
console.log('building');
mkdirSync('packages/one/dist', { recursive: true });
writeFileSync('packages/one/dist/index.js', '');
`;
