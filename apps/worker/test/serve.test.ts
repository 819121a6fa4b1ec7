import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveSettings, WORKER_SETTINGS, type WorkerSettings } from '@holdfast/config';
import { openProcessLog, serveWorker } from '@holdfast/worker-app';
import { expect, onTestFinished, test } from 'vitest';

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-worker-app-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function settingsOf(flags: Readonly<Record<string, string>>): WorkerSettings {
  const resolved = resolveSettings(WORKER_SETTINGS, { flags });
  if (!resolved.ok) throw resolved.problem;
  return resolved.value.values;
}

test.each<[string, Readonly<Record<string, string>>, { readonly code: string; readonly exitCode: number; readonly words: string }]>([
  ['no address', { token: 't' }, { code: 'SETTING_INVALID', exitCode: 2, words: '--connect' }],
  ['no token', { connect: 'http://127.0.0.1:1' }, { code: 'SETTING_INVALID', exitCode: 2, words: '--token' }],
  [
    'an empty token file',
    { connect: 'http://127.0.0.1:1', tokenFile: 'EMPTY' },
    { code: 'SETTING_INVALID', exitCode: 2, words: '--token' },
  ],
  [
    'a token file that is missing',
    { connect: 'http://127.0.0.1:1', tokenFile: '/nope' },
    { code: 'FILE_UNREADABLE', exitCode: 78, words: '/nope' },
  ],
  [
    'an authority that is missing',
    { connect: 'http://127.0.0.1:1', token: 't', tlsCa: '/nope' },
    { code: 'FILE_UNREADABLE', exitCode: 78, words: '/nope' },
  ],
  [
    'a data folder that is a file',
    { connect: 'http://127.0.0.1:1', token: 't', data: 'EMPTY' },
    { code: 'DATA_NOT_WRITABLE', exitCode: 78, words: 'EMPTY' },
  ],
])('%s -> told before anything starts', async (_, flags, { code, exitCode, words }) => {
  const cwd = newFolder();
  writeFileSync(join(cwd, 'EMPTY'), '\n');
  const given = flags['tokenFile'] === 'EMPTY' ? { ...flags, tokenFile: join(cwd, 'EMPTY') } : flags;
  const serving = serveWorker(settingsOf(given), { cwd, say: () => {} });
  await expect(serving).rejects.toMatchObject({ code, message: expect.stringContaining(words) as string, details: { exitCode } });
  expect(existsSync(join(cwd, '.holdfast/logs'))).toBe(false);
});

test('openProcessLog writes one JSON object a line, above its level, readable by its owner only', () => {
  const path = join(newFolder(), 'logs/worker.log');
  const { log, close } = openProcessLog(path, 'info');
  log('debug', 'not.told', {});
  log('warn', 'task.ended', { task: '1.2', ok: true });
  close();
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({ event: 'task.ended', task: '1.2', ok: true, pid: process.pid });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
