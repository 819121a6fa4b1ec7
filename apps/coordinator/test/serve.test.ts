import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COORDINATOR_SETTINGS, type CoordinatorSettings, resolveSettings } from '@holdfast/config';
import { serveCoordinator } from '@holdfast/coordinator-app';
import { expect, onTestFinished, test } from 'vitest';

function settingsOf(flags: Readonly<Record<string, string>>): CoordinatorSettings {
  const data = mkdtempSync(join(tmpdir(), 'holdfast-coordinator-app-'));
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  const resolved = resolveSettings(COORDINATOR_SETTINGS, { flags: { data, logLevel: 'silent', ...flags } });
  if (!resolved.ok) throw resolved.problem;
  return resolved.value.values;
}

test.each<[string, Readonly<Record<string, string>>, { readonly code: string; readonly exitCode: number }]>([
  ['an address without a port', { listen: 'localhost' }, { code: 'SETTING_INVALID', exitCode: 2 }],
  ['a port past the last one', { listen: '127.0.0.1:65536' }, { code: 'SETTING_INVALID', exitCode: 2 }],
  ['IPv6 without brackets', { listen: '::1:7070' }, { code: 'SETTING_INVALID', exitCode: 2 }],
  ['a certificate without a key', { tlsCert: 'x.pem' }, { code: 'SETTING_INVALID', exitCode: 2 }],
  ['a key without a certificate', { tlsKey: 'x.pem' }, { code: 'SETTING_INVALID', exitCode: 2 }],
  ['a certificate that is missing', { tlsCert: '/nope', tlsKey: '/nope' }, { code: 'FILE_UNREADABLE', exitCode: 78 }],
  ['an address off loopback without TLS', { listen: '0.0.0.0:0' }, { code: 'LISTEN_INSECURE', exitCode: 78 }],
])('%s -> refuses to start', async (_, flags, { code, exitCode }) => {
  const serving = serveCoordinator(settingsOf(flags), { say: () => {}, tell: () => {} });
  await expect(serving).rejects.toMatchObject({ code, details: { exitCode } });
});

test.each(['127.0.0.1:0', 'localhost:0', ':0', '0'])(
  'listens on %s until SIGTERM, then ends with 0 and leaves no listeners',
  async (listen) => {
    const before = process.listeners('SIGTERM');
    const told = Promise.withResolvers<{ readonly url: string; readonly pid: number }>();
    const said: string[] = [];
    const serving = serveCoordinator(settingsOf({ listen }), { say: (line) => void said.push(line), tell: told.resolve });
    const { url, pid } = await told.promise;
    expect(pid).toBe(process.pid);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(said[0]).toContain(url);
    // Only what was added: the other listeners are those of the test runner.
    for (const listener of process.listeners('SIGTERM')) if (!before.includes(listener)) listener('SIGTERM');
    expect(await serving).toBe(0);
    expect(process.listeners('SIGTERM')).toEqual(before);
  },
);
