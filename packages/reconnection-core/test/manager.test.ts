/** The faces over real sockets, where the suite of `@holdfast/testkit` has no case: what outlives a process, and what is refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durationMs } from '@holdfast/kernel';
import { expect, onTestFinished, test } from 'vitest';
import { type ManagerOptions, SessionServer, WorkerReconnectionManager } from '../src/io/manager.ts';

const SECRETS = { ada: 'a secret of Ada', grace: 'a secret of Grace' };

async function serve(): Promise<{ readonly server: SessionServer; readonly url: string }> {
  const server = new SessionServer({ secrets: SECRETS, heartbeatEvery: durationMs(500) });
  const url = await server.listen();
  onTestFinished(() => server.close());
  return { server, url };
}

function manage(url: string, options: Partial<ManagerOptions> = {}, name: keyof typeof SECRETS = 'ada'): WorkerReconnectionManager {
  const manager = new WorkerReconnectionManager({
    urls: url,
    worker: name,
    credential: { key: name, secret: SECRETS[name] },
    registration: { name, slots: 1, labels: {} },
    backoff: { base: durationMs(5), cap: durationMs(100), leasedCap: durationMs(50) },
    ...options,
  });
  onTestFinished(() => manager.shutdown());
  return manager;
}

test('R1 manager: its process ends without a word -> the next one on the same spool sends what was not committed, under its key', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-manager-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // Nobody listens there: all that happens to these is that they are kept.
  const first = manage('ws://127.0.0.1:9', { spool: { folder } });
  first.start();
  first.send({ t: 'said', text: 'one' }, { key: 'mine-1' });
  first.send({ t: 'said', text: 'two' }, { key: 'mine-2' });
  first.send({ t: 'said', text: 'only in memory' });
  await new Promise<void>((resolve) => first.once('down', () => resolve()));

  const { server, url } = await serve();
  const heard: unknown[] = [];
  const all = Promise.withResolvers<void>();
  server.on('message', (_peer, { text }) => heard.push(text) === 2 && all.resolve());
  const second = manage(url, { spool: { folder } });
  const settled: string[] = [];
  const committed = new Promise<void>((resolve) => second.on('settled', (key) => void (settled.push(key) === 2 && resolve())));
  expect(second.kept).toBe(2);
  second.start();
  await all.promise;
  await committed;
  expect(heard).toEqual(['one', 'two']);
  expect(settled).toEqual(['mine-1', 'mine-2']);
  expect(second.kept).toBe(0);
});

test('D18 two workers of different ids at one URL -> neither evicts the other', async () => {
  const { server, url } = await serve();
  const both = [manage(url).start(), manage(url, {}, 'grace').start()];
  await Promise.all(both.map((each) => each.confirm({ t: 'said', text: 'hello' })));
  expect(server.peers.map(({ id }) => id).toSorted()).toEqual(['ada', 'grace']);
  expect(both.map(({ state }) => state)).toEqual(['connected', 'connected']);
});

test('V2 server: a listener that commits later -> `confirm` waits for it, and rejects when it takes too long; the message stays', async () => {
  const { server, url } = await serve();
  const commits: (() => void)[] = [];
  server.on('message', (_peer, _payload, commit) => void commits.push(commit));
  const manager = manage(url, { confirmWithinMs: 300 }).start();
  await expect(manager.confirm({ t: 'said' }, { key: 'slow' })).rejects.toMatchObject({ code: 'RECONNECTION_NOT_CONFIRMED' });
  expect(manager.kept).toBe(1);
  const settled = new Promise<string>((resolve) => manager.once('settled', resolve));
  for (const commit of commits) commit();
  expect(await settled).toBe('slow');
  expect(manager.stats.snapshot(performance.now() as never).messages.latencyMs.p50).toBeGreaterThanOrEqual(300);
});

test('V4 server: a listener throws -> counted, the session goes on and the message is committed', async () => {
  const { server, url } = await serve();
  server.on('message', () => {
    throw new Error('of the listener');
  });
  const manager = manage(url).start();
  await manager.confirm({ t: 'said', n: 1 });
  await manager.confirm({ t: 'said', n: 2 });
  expect(server.listenerErrors).toBe(2);
  expect(server.peers).toHaveLength(1);
});

test('M3 manager: more than may wait -> refused by its code, nothing else is touched; a message that nobody would take is refused at once', () => {
  const manager = manage('ws://127.0.0.1:9', { keptMax: 2 });
  manager.send({ t: 'said', n: 1 });
  manager.send({ t: 'said', n: 2 });
  expect(() => manager.send({ t: 'said', n: 3 })).toThrow(expect.objectContaining({ code: 'RECONNECTION_KEPT_FULL', retryable: true }));
  // What may be dropped is never refused.
  manager.send({ t: 'said', n: 4 }, { lane: 'background' });
  expect(manager.kept).toBe(2);
  expect(() => manager.send({ t: 'said', text: 'x'.repeat(600_000) })).toThrow(
    expect.objectContaining({ code: 'RECONNECTION_MESSAGE_REFUSED' }),
  );
});

test('manager: no URL, or one that is none -> refused by its code', () => {
  for (const urls of [[], 'not a url'])
    expect(() => manage(urls as never)).toThrow(expect.objectContaining({ code: 'RECONNECTION_NO_URL' }));
});
