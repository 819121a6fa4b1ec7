import { expect, onTestFinished, test, vi } from 'vitest';
import { coordinatorSettings, runSettings, workerSettings } from '../src/settings.ts';
import { newPlace, workIn } from './place.ts';

function stub(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
}

const FILE = JSON.stringify({ run: { retries: 1, timeout: '5m' }, worker: { slots: 3 }, coordinator: { listen: '127.0.0.1:9000' } });

test('flag over variable over file over default', async () => {
  workIn(newPlace({ 'holdfast.config.json': FILE }));
  expect(await runSettings({})).toMatchObject({ retries: 1, timeout: 300_000, failFast: false });
  stub({ HOLDFAST_RETRIES: '2', HOLDFAST_FAIL_FAST: 'true' });
  expect(await runSettings({})).toMatchObject({ retries: 2, failFast: true });
  expect(await runSettings({ retries: '3' })).toMatchObject({ retries: 3, timeout: 300_000 });
});

test('a token file that was typed outranks a token in the environment; at the same place the token wins', async () => {
  workIn(newPlace());
  stub({ HOLDFAST_TOKEN: 't', HOLDFAST_TOKEN_FILE: 'f' });
  expect(await workerSettings({})).toMatchObject({ token: 't', tokenFile: 'f' });
  expect(await workerSettings({ tokenFile: 'g' })).toMatchObject({ token: undefined, tokenFile: 'g' });
  expect(await workerSettings({ tokenFile: 'g', token: 'u' })).toMatchObject({ token: 'u' });
});

test('every verb reads its own section', async () => {
  workIn(newPlace({ 'holdfast.config.json': FILE }));
  expect(await coordinatorSettings({})).toMatchObject({ listen: '127.0.0.1:9000', data: '.holdfast' });
  expect(await workerSettings({})).toMatchObject({ slots: 3, data: '.holdfast' });
});

test('--config names the file; one that is missing, and a value that is none -> exit code 16, or 2 when it was typed', async () => {
  const place = newPlace({ 'other.json': '{"run":{"retries":7}}', 'bad.json': '{"run":{"retrys":7}}' });
  workIn(place);
  expect(await runSettings({ config: 'other.json' })).toMatchObject({ retries: 7 });
  await expect(runSettings({ config: 'nope.json' })).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE', details: { exitCode: 16 } });
  await expect(runSettings({ config: 'bad.json' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('retries') as string,
  });
  await expect(runSettings({ retries: 'many' })).rejects.toMatchObject({ code: 'CONFIG_INVALID', details: { exitCode: 2 } });
  stub({ HOLDFAST_RETRIES: 'many' });
  await expect(runSettings({ workers: 'many' })).rejects.toMatchObject({ code: 'CONFIG_INVALID', details: { exitCode: 16 } });
});
