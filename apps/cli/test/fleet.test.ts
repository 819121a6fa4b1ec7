/** The verbs as processes: a coordinator and a worker that share `.holdfast` in one checkout, which is the default of both. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { newPlace } from './place.ts';

const MAIN = join(import.meta.dirname, '../src/main.ts');

interface Verb {
  readonly child: ChildProcess;
  /** Resolves once standard error holds `text`; rejects when the process ends before. */
  said(text: string): Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
}

function start(cwd: string, args: readonly string[]): Verb {
  const { HOLDFAST_CONNECT: _connect, HOLDFAST_TOKEN: _token, ...env } = process.env;
  const child = spawn(process.execPath, ['--conditions=@holdfast/source', MAIN, ...args], { cwd, env: { ...env, CI: '1', NO_COLOR: '1' } });
  onTestFinished(() => void child.kill('SIGKILL'));
  let [out, err] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => (out += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (err += piece.toString()));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }));
  return {
    child,
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => void (err.includes(text) && resolve());
        child.stderr.on('data', look);
        look();
        void ended.then(() => reject(new Error(`${args.join(' ')} ended without saying ${JSON.stringify(text)}: ${err}`)));
      }),
  };
}

function newCheckout(): string {
  const place = newPlace({
    'package.json': '{}',
    'a.js': 'console.log("a ran")',
    'b.js': 'process.exit(process.env.FAIL ? 3 : 0)',
    'holdfast.config.json': JSON.stringify({ worker: { policy: { commands: ['node'] }, slots: 2 } }),
  });
  const git = (...args: string[]): unknown =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: place, stdio: 'ignore' });
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'one');
  return place;
}

test('coordinator and worker with their defaults in one checkout -> a run passes, one fails, bad tokens are refused, all end in order', async () => {
  const cwd = newCheckout();
  const coordinator = start(cwd, ['coordinator', '--listen', '127.0.0.1:0', '--json']);
  const [line] = (await once(coordinator.child.stdout!, 'data')) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { readonly url: string };

  const token = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await start(cwd, ['token', 'create', ...args.flatMap((scope) => ['--scope', scope])]).ended;
    expect(code, err).toBe(0);
    return out.trim();
  };
  const [workers, people] = await Promise.all([token('worker:register'), token('submit', 'read', 'cancel')]);
  const worker = start(cwd, ['worker', '--connect', url, '--token', workers]);
  await worker.said('connected');

  const files = ['--files', '*.js', '--', 'node', '{file}'];
  const run = (...args: string[]): Verb => start(cwd, ['run', '--connect', url, '--token', people, ...args, ...files]);
  const passed = await run().ended;
  expect(passed.code, passed.err).toBe(0);
  const failed = await run('--env', 'FAIL=1', '--json').ended;
  expect(failed.code, failed.err).toBe(1);
  expect(JSON.parse(failed.out)).toMatchObject({ run: { command: ['node', '{file}'] } });

  const [refused, stranger, status] = await Promise.all([
    start(cwd, ['run', '--connect', url, '--token', 'hf_nobody', ...files]).ended,
    start(cwd, ['worker', '--connect', url, '--token', people, '--data', join(newPlace(), 'other')]).ended,
    start(cwd, ['status']).ended,
  ]);
  expect(refused.code, refused.err).toBe(77);
  expect(stranger.code, stranger.err).toBe(77);
  expect(status.code, status.err).toBe(0);
  expect(status.out).toContain('connected');
  expect(execFileSync('git', ['status', '--porcelain'], { cwd, encoding: 'utf8' })).toBe('');

  worker.child.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
  coordinator.child.kill('SIGTERM');
  expect((await coordinator.ended).code).toBe(0);
  expect((await start(cwd, ['status']).ended).code).toBe(69);
}, 120_000);

test('a token file of the worker, a second worker of the same folder -> the first one is told to take a folder of its own', async () => {
  const cwd = newCheckout();
  const coordinator = start(cwd, ['coordinator', '--listen', '127.0.0.1:0', '--json']);
  const [line] = (await once(coordinator.child.stdout!, 'data')) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { readonly url: string };
  const minted = await start(cwd, ['token', 'create', '--scope', 'worker:register']).ended;
  const file = join(newPlace(), 'worker.token');
  writeFileSync(file, minted.out);
  const first = start(cwd, ['worker', '--connect', url, '--token-file', file]);
  await first.said('connected');
  const second = start(cwd, ['worker', '--connect', url, '--token-file', file]);
  const { code, err } = await first.ended;
  expect(code, err).toBe(69);
  expect(err).toContain('--data');
  await second.said('connected');
}, 120_000);
