import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connect, type ConnectionFlags, httpUrl, tokenOf } from '../src/connection.ts';
import { newPlace, workIn } from './place.ts';

function urlOf(flags: ConnectionFlags): string {
  const client = connect(flags);
  client.close();
  return client.url;
}

function stub(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
}

const endpoint = (port: number): string => JSON.stringify({ url: `http://127.0.0.1:${port}`, pid: 1 });

test.each([
  ['ws://host:1/', 'http://host:1'],
  ['WSS://host', 'https://host'],
  ['https://host/', 'https://host'],
])('%s is called at %s', (given, url) => {
  expect(httpUrl(given).toLowerCase()).toBe(url);
});

test('--connect over HOLDFAST_CONNECT over a coordinator on this machine', () => {
  workIn(newPlace({ '.holdfast/endpoint.json': endpoint(1), '.holdfast/admin.token': 'a\n' }));
  expect(urlOf({})).toBe('http://127.0.0.1:1');
  stub({ HOLDFAST_CONNECT: 'http://variable:2', HOLDFAST_TOKEN: 't' });
  expect(urlOf({})).toBe('http://variable:2');
  expect(urlOf({ connect: 'wss://flag:3' })).toBe('https://flag:3');
});

test('a .holdfast that only a worker uses -> the newest local run of the project', () => {
  const place = newPlace({
    'package.json': '{}',
    '.holdfast/worker.id': 'w_1\n',
    'node_modules/.cache/holdfast/runs/20260102-030400-abcd/data/endpoint.json': endpoint(4),
    'node_modules/.cache/holdfast/runs/20260102-030400-abcd/data/admin.token': 'a',
  });
  workIn(place);
  expect(urlOf({})).toBe('http://127.0.0.1:4');
});

test('--data names the folder; nobody there -> COORDINATOR_UNREACHABLE, exit code 69', () => {
  const place = newPlace({ 'd/endpoint.json': endpoint(5), 'd/admin.token': 'a' });
  workIn(place);
  expect(urlOf({ data: 'd' })).toBe('http://127.0.0.1:5');
  const nobody = expect.objectContaining({ code: 'COORDINATOR_UNREACHABLE', details: { exitCode: 69 } }) as Error;
  expect(() => connect({ data: 'e' })).toThrow(nobody);
  stub({ XDG_CACHE_HOME: join(place, 'cache') });
  expect(() => connect({})).toThrow(nobody);
});

test('the token: --token over --token-file over HOLDFAST_TOKEN over HOLDFAST_TOKEN_FILE, trimmed', () => {
  const place = newPlace({ one: ' from-file\n', two: 'from-variable-file' });
  stub({ HOLDFAST_TOKEN: '', HOLDFAST_TOKEN_FILE: join(place, 'two') });
  expect(tokenOf({})).toBe('from-variable-file');
  stub({ HOLDFAST_TOKEN: 'from-variable' });
  expect(tokenOf({})).toBe('from-variable');
  expect(tokenOf({ tokenFile: join(place, 'one') })).toBe('from-file');
  expect(tokenOf({ tokenFile: join(place, 'one'), token: 'from-flag' })).toBe('from-flag');
});

test('a token that is missing, empty or unreadable, an authority that is unreadable -> CLI_USAGE, exit code 2', () => {
  const place = newPlace({ empty: '\n', 'd/endpoint.json': endpoint(5) });
  const usage = expect.objectContaining({ code: 'CLI_USAGE', details: { exitCode: 2 } }) as Error;
  expect(() => tokenOf({})).toThrow(usage);
  expect(() => tokenOf({ tokenFile: join(place, 'empty') })).toThrow(usage);
  expect(() => tokenOf({ tokenFile: join(place, 'nope') })).toThrow(usage);
  expect(() => connect({ connect: 'https://host', token: 't', tlsCa: join(place, 'nope') })).toThrow(usage);
  expect(() => connect({ data: join(place, 'd') })).toThrow(usage);
});
