/** `holdfast coordinator` and `holdfast worker` with bad input: refused with a clear message and the right exit code. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { within } from './sandbox/condition.ts';
import { startFleet, stopAll } from './sandbox/fleet.ts';
import { readReport } from './sandbox/report.ts';
import { certificates } from './sandbox/certificates.ts';
import { git, inSandbox } from './sandbox/sandbox.ts';
import { nodeSuite, nodeTest } from './sandbox/suites.ts';

const NODE = ['node', '--test'];

test('coordinator: port in use, data below a file, off loopback without TLS, half of TLS, an address that is none -> each refused, nothing written', async () => {
  await inSandbox({}, async (box) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const port = (taken.address() as AddressInfo).port;
    writeFileSync(join(box.folder, 'file'), '');
    const data = join(box.folder, 'data');
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['--listen', `127.0.0.1:${port}`, '--data', data], 78, new RegExp(`${port}`)],
      [['--listen', '127.0.0.1:0', '--data', join(box.folder, 'file/below')], 78, /file\/below/],
      [['--listen', '0.0.0.0:0', '--data', data], 78, /0\.0\.0\.0.*TLS/s],
      [['--listen', '127.0.0.1:0', '--data', data, '--tls-cert', 'x.pem'], 2, /--tls-key/],
      [['--listen', '127.0.0.1:0', '--data', data, '--tls-cert', 'x.pem', '--tls-key', 'y.pem'], 78, /x\.pem/],
      [['--listen', 'nowhere', '--data', data], 2, /nowhere.*HOST:PORT/s],
    ];
    for (const [args, code, words] of cases) {
      const ended = await box.run(['coordinator', ...args], { cwd: box.folder });
      expect(ended.stderr, args.join(' ')).toMatch(words);
      expect(ended.code, `${args.join(' ')}\n${ended.stderr}`).toBe(code);
      expect(ended.stderr, 'no stack traces').not.toMatch(/^\s+at /m);
    }
    taken.close();
  });
});

test('coordinator: a second one on the same data -> exit 75, the first goes on; data of a newer version -> exit 78, untouched', async () => {
  await inSandbox({}, async (box) => {
    const fleet = await startFleet(box);
    const data = join(box.folder, 'coordinator');
    const second = await box.run(['coordinator', '--listen', '127.0.0.1:0', '--data', data], { cwd: box.folder });
    expect(second.code, second.stderr).toBe(75);
    expect(second.stderr).toContain(data);
    expect(await fleet.api.get('/api/v1/status')).toMatchObject({ workers: [] });
    await stopAll(fleet.coordinator());

    const store = new DatabaseSync(join(data, 'holdfast.db'));
    const { user_version: version } = store.prepare('PRAGMA user_version').get() as { user_version: number };
    const tables = store.prepare("SELECT name FROM sqlite_master WHERE name LIKE '%migration%'").all();
    const newer = makeNewer(store, version, tables as { name: string }[]);
    store.close();
    expect(newer, 'the store notes its version somewhere').toBe(true);
    const third = await box.run(['coordinator', '--listen', '127.0.0.1:0', '--data', data], { cwd: box.folder });
    expect(third.code, third.stderr).toBe(78);
    expect(third.stderr).toMatch(/newer/);
  });
});

test('run --connect to nobody -> exit 69 after bounded tries', async () => {
  await inSandbox({ 'test/a.test.js': nodeTest('a') }, async (box) => {
    const probe = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => probe.once('listening', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const { code, stderr } = await box.run(['run', '--connect', `http://127.0.0.1:${port}`, '--token', 'x', '--', ...NODE]);
    expect(code, stderr).toBe(69);
    expect(stderr).toContain(`127.0.0.1:${port}`);
  });
});

test('worker: wrong token, no token -> exit 77 after one try, exit 2 at once', async () => {
  await inSandbox({}, async (box) => {
    const answers = { status: 401, calls: 0 };
    const server = createServer().listen(0, '127.0.0.1');
    server.on('upgrade', (_, socket) => {
      answers.calls += 1;
      socket.end(`HTTP/1.1 ${answers.status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    });
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const worker = (...args: string[]) => box.run(['worker', '--connect', url, '--data', join(box.folder, 'w'), ...args]);
    for (const status of [401, 403]) {
      Object.assign(answers, { status, calls: 0 });
      const refused = await worker('--token', 'wrong');
      expect(refused.code, refused.stderr).toBe(77);
      expect(refused.stderr).toMatch(/refuses this token.*token create --scope worker:register/s);
      expect(answers.calls, 'no storm').toBe(1);
    }
    const missing = await worker();
    expect(missing.code, missing.stderr).toBe(2);
    expect(missing.stderr).toMatch(/--token/);
    server.close();
  });
});

test('worker: a coordinator that speaks another version -> exit 69, and what to do', async () => {
  await inSandbox({}, async (box) => {
    const server = createServer().listen(0, '127.0.0.1');
    server.on('upgrade', ({ headers }, socket) => {
      const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      const protocol = headers['sec-websocket-protocol']?.split(',')[0];
      const answer = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: upgrade', `sec-websocket-accept: ${accept}`];
      socket.write(`${[...answer, `sec-websocket-protocol: ${protocol}`].join('\r\n')}\r\n\r\n`);
      // A close frame: code 4426, then its reason.
      socket.end(Buffer.from([0x88, 4, 4426 >> 8, 4426 & 255, ...Buffer.from('no')]));
    });
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, stderr } = await box.run(['worker', '--connect', url, '--token', 't', '--data', join(box.folder, 'w')]);
    expect(code, stderr).toBe(69);
    expect(stderr).toMatch(/another protocol version.*same version of holdfast on both sides/);
    server.close();
  });
});

test('edge: an unknown protocol is closed 4426, a foreign Host and Origin are refused, a wrong token is 401', async () => {
  await inSandbox({}, async (box) => {
    const fleet = await startFleet(box);
    const token = await fleet.token('worker:register');
    const socket = new WebSocket(new URL('/api/v1/worker', fleet.url.replace('http', 'ws')), {
      protocols: ['holdfast.v99'],
      headers: { authorization: `Bearer ${token}` },
    } as never);
    const closed = await within(
      'the close of a socket of another version',
      new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve)),
      10_000,
    );
    expect(closed).toMatchObject({ code: 4426, reason: expect.stringContaining('holdfast.v1') });

    expect(await statusOf(fleet.url, { host: 'evil.example', authorization: `Bearer ${fleet.api.token}` })).toBe(421);
    expect(await statusOf(fleet.url, { origin: 'https://evil.example', authorization: `Bearer ${fleet.api.token}` })).toBe(403);
    expect(await statusOf(fleet.url, { authorization: 'Bearer wrong' })).toBe(401);
    expect(await statusOf(fleet.url, { authorization: `Bearer ${fleet.api.token}` })).toBe(200);
    await stopAll(fleet.coordinator());
  });
});

test('run on another state of the repository than every worker has -> refused with the difference; a worker with it takes it', async () => {
  await inSandbox(nodeSuite(['a']), async (box) => {
    const fleet = await startFleet(box);
    const old = box.clone('old-checkout');
    const worker = await fleet.work('old', { cwd: old });
    box.commit({ 'more.js': '' });
    box.gates.openAll();
    const args = ['run', ...fleet.flags, '--out', join(box.folder, 'out'), '--', ...NODE];
    const refused = await box.run(args);
    expect(refused.code, refused.stderr).toBe(2);
    expect(refused.stderr).toMatch(/commit: the run has [0-9a-f]{40}, the worker has [0-9a-f]{40} /);
    git(old, 'pull', '--quiet', box.project, 'main');
    const fresh = await fleet.work('fresh', { cwd: old });
    const run = await box.run(args);
    expect(run.code, run.stderr).toBe(0);
    expect(readReport(join(box.folder, 'out')).files.map(({ worker: name }) => name)).toEqual(['fresh']);
    await stopAll(worker, fresh, fleet.coordinator());
  });
});

test('tokens: create, list, rotate, revoke -> scopes and ends hold, a revoked token closes its live worker', async () => {
  await inSandbox({}, async (box) => {
    const fleet = await startFleet(box);
    const data = ['--data', join(box.folder, 'coordinator')];
    const create = (...args: string[]) => box.run(['token', 'create', ...data, ...args], { cwd: box.folder });
    expect(await create('--scope', 'everything')).toMatchObject({ code: 2 });
    expect(await create()).toMatchObject({ code: 2 });
    const reader = await create('--scope', 'read', '--name', 'reader', '--expires', '1h');
    expect(reader.code, reader.stderr).toBe(0);
    const readerToken = reader.stdout.trim();
    expect(reader.stdout.trim().split('\n')).toHaveLength(1);
    expect(await statusOf(fleet.url, { authorization: `Bearer ${readerToken}` })).toBe(200);
    const forbidden = await box.run(['cancel', 'x', '--connect', fleet.url, '--token', readerToken]);
    expect(forbidden.code, forbidden.stderr).toBe(77);

    const made = await create('--scope', 'worker:register', '--json');
    const { token, facts } = JSON.parse(made.stdout) as { token: string; facts: { keyId: string } };
    const worker = box.start(['worker', '--connect', fleet.url, '--token', token, '--name', 'doomed', '--data', join(box.folder, 'w')]);
    await fleet.connected('doomed');
    const listed = await box.run(['token', 'list', ...data], { cwd: box.folder });
    expect(listed.stdout).toMatch(new RegExp(`${facts.keyId}.*worker:register.*active`));
    expect(listed.stdout).not.toContain(token);
    expect(await box.run(['token', 'revoke', facts.keyId, ...data], { cwd: box.folder })).toMatchObject({ code: 0 });
    expect(await worker.ended(10_000)).toMatchObject({ code: 77 });

    const { keyId } = (
      JSON.parse((await box.run(['token', 'list', '--json', ...data], { cwd: box.folder })).stdout) as { keyId: string; name: string }[]
    ).find(({ name }) => name === 'reader')!;
    const rotated = await box.run(['token', 'rotate', keyId, ...data], { cwd: box.folder });
    expect(rotated.code, rotated.stderr).toBe(0);
    expect(await statusOf(fleet.url, { authorization: `Bearer ${rotated.stdout.trim()}` })).toBe(200);
    await stopAll(fleet.coordinator());
  });
});

test('TLS: a self-signed authority -> worker, run and status work with --tls-ca and refuse without', async () => {
  await inSandbox(nodeSuite(['a']), async (box) => {
    const { ca, cert, key } = certificates(box);
    box.gates.openAll();
    const fleet = await startFleet(box, ['--tls-cert', cert, '--tls-key', key], { ca });
    expect(fleet.url).toMatch(/^https:/);
    const worker = await fleet.work('secure');
    const ended = await box.run(['run', ...fleet.flags, '--out', join(box.folder, 'out'), '--', ...NODE]);
    expect(ended.code, ended.stderr).toBe(0);
    const distrustful = await box.run(['status', '--connect', fleet.url, '--token', fleet.api.token]);
    expect(distrustful.code, distrustful.stderr).toBe(69);
    expect(distrustful.stderr).toMatch(/certificate/i);
    await stopAll(worker, fleet.coordinator());
  });
});

/** Status of a GET of `/api/v1/status` with these headers; `fetch` would not send a Host of its own. */
function statusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return within(
    'an answer',
    new Promise<number>((resolve, reject) => {
      const call = request(new URL('/api/v1/status', url), { headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      call.on('error', reject);
      call.end();
    }),
    10_000,
  );
}

/** Notes a migration that no release has. */
function makeNewer(store: DatabaseSync, version: number, tables: readonly { name: string }[]): boolean {
  if (version > 0) {
    store.exec(`PRAGMA user_version = ${version + 1000}`);
    return true;
  }
  const table = tables.find(({ name }) => !name.startsWith('sqlite_') && !name.includes('lock'));
  if (!table) return false;
  const [row] = store.prepare(`SELECT * FROM ${table.name} ORDER BY 1 DESC LIMIT 1`).all() as Record<string, string | number>[];
  if (!row) return false;
  const values = Object.entries(row).map(([, value], index) =>
    index === 0 ? (typeof value === 'number' ? value + 1000 : `zzz_${value}`) : value,
  );
  store.prepare(`INSERT INTO ${table.name} VALUES (${values.map(() => '?').join(', ')})`).run(...values);
  return true;
}

test('worker: a certificate that is not trusted -> says so, calls again in case it is renewed, and ends when told to', async () => {
  await inSandbox({}, async (box) => {
    const { ca, cert, key } = certificates(box);
    const fleet = await startFleet(box, ['--tls-cert', cert, '--tls-key', key], { ca });
    const token = await fleet.token('worker:register');
    const worker = box.start(['worker', '--connect', fleet.url, '--token', token, '--data', join(box.folder, 'w')]);
    await worker.said(/certificate.*dialling again/);
    worker.kill('SIGTERM');
    expect(await worker.ended()).toMatchObject({ code: 0 });
    await stopAll(fleet.coordinator());
  });
});
