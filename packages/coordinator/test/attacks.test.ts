/** Rows 1 to 23 of docs/attacks.md that other files do not try, each against a real endpoint with a canary at work. */
import { connect, type Socket } from 'node:net';
import { WORKER_PATH } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { frame, rawLink, withCanary } from './attacker.ts';
import { api, exchange, rawRequest, startOne, statusOf } from './harness.ts';

const TEXT = 0x81;
const open = (port: number, text: string): { socket: Socket; answer: Promise<string> } => {
  const socket = connect(port, '127.0.0.1');
  const answer = new Promise<string>((resolve) => {
    let heard = '';
    socket.setEncoding('latin1').on('data', (data: string) => (heard += data));
    socket.on('error', () => undefined).on('close', () => resolve(heard));
  });
  socket.write(text);
  return { socket, answer };
};

test('row 1: 500 sockets that send a head byte by byte -> each 408 or dropped for a newer stranger, the API answers meanwhile', async () => {
  const started = await startOne({ limits: { headersWithinMs: 300, strangersGraceMs: 50 } });
  await withCanary(started, async () => {
    const slow = Array.from({ length: 500 }, () => open(started.port, 'GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nx'));
    const drip = setInterval(() => slow.forEach(({ socket }) => socket.writable && socket.write('x')), 50);
    expect((await api(started, 'GET', '/api/v1/status')).status).toBe(200);
    const answers = await Promise.all(slow.map(({ answer }) => answer));
    clearInterval(drip);
    expect(new Set(answers.map(statusOf).filter((status) => status !== 0))).toEqual(new Set([408]));
  });
});

test('row 3: an upgrade with 2,500 headers -> 431 or 400', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const many = Array.from({ length: 2500 }, (_, index) => `h${index}: 1`).join('\r\n');
    const head = `GET ${WORKER_PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${many}\r\n\r\n`;
    expect([400, 431]).toContain(statusOf(await exchange(started.port, head)));
    // Below the limit of bytes and above that of headers, a needed one the last.
    const few = Array.from({ length: 200 }, (_, index) => `h${index}: 1`).join('\r\n');
    const late = `GET ${WORKER_PATH} HTTP/1.1\r\n${few}\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`;
    expect([400, 421, 431]).toContain(statusOf(await exchange(started.port, late)));
  });
});

test('row 5: offers of extensions that are none -> 400 or a link without them, no exception', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const offers = [
      'permessage-deflate; client_max_window_bits=7',
      'permessage-deflate; server_max_window_bits=NaN',
      'a;;b=,',
      'x'.repeat(5000),
      '\t,,,',
    ];
    for (const offer of offers) {
      const headers = {
        host: '127.0.0.1',
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-extensions': offer,
      };
      const { socket, answer } = open(started.port, rawRequest('GET', WORKER_PATH, headers));
      socket.once('data', () => socket.destroy());
      const text = await answer;
      expect([400, 101], offer.slice(0, 40)).toContain(statusOf(text));
      expect(text.toLowerCase()).not.toContain('sec-websocket-extensions');
    }
  });
});

test('row 6: chunk extensions without end, transfer encodings that are none -> 400 or 413, closed', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const head = 'POST /api/v1/runs HTTP/1.1\r\nhost: 127.0.0.1\r\n';
    expect([400, 401, 413]).toContain(
      statusOf(await exchange(started.port, `${head}transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`)),
    );
    expect(statusOf(await exchange(started.port, `${head}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n`))).toBe(400);
    expect(
      statusOf(await exchange(started.port, `${head}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n`)),
    ).toBe(400);
    expect(statusOf(await exchange(started.port, `${head}content-length: +1\r\n\r\na`))).toBe(400);
  });
});

test('row 10: a cross-site form post, and a simple DELETE -> 415 or 403, nothing is made', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const before = (await started.client.runs()).length;
    const body = JSON.stringify({ name: 'r', tasks: [] });
    expect((await api(started, 'POST', '/api/v1/runs', { body, headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    const headers = { host: `127.0.0.1:${started.port}`, origin: 'https://evil', 'content-type': 'application/json' };
    expect(statusOf(await exchange(started.port, rawRequest('POST', '/api/v1/runs', headers, body)))).toBe(403);
    expect(statusOf(await exchange(started.port, rawRequest('DELETE', '/api/v1/tokens/x', headers)))).toBe(403);
    expect(await started.client.runs()).toHaveLength(before);
  });
});

test('row 12: 2,000 idle connections -> bounded, the oldest strangers dropped, workers keep their sessions', async () => {
  const started = await startOne({ limits: { strangersGraceMs: 20 } });
  await withCanary(started, async () => {
    const all: Socket[] = [];
    let gone = 0;
    for (let wave = 0; wave < 20; wave += 1) {
      const opened = Array.from({ length: 100 }, () => connect(started.port, '127.0.0.1').on('error', () => undefined));
      for (const socket of opened) socket.resume().once('close', () => (gone += 1));
      await Promise.all(opened.map((socket) => new Promise((met) => socket.once('connect', met).once('close', met))));
      all.push(...opened);
      expect((await api(started, 'GET', '/api/v1/status')).status).toBe(200);
    }
    await expect.poll(() => all.length - gone, { timeout: 20_000 }).toBeLessThan(1024);
    expect(gone).toBeGreaterThan(976);
    for (const socket of all) socket.destroy();
  });
});

const REFUSED_FRAMES: readonly (readonly [what: string, code: number, bytes: Buffer])[] = [
  ['an unmasked frame', 1002, frame(TEXT, 'x', { masked: false })],
  ['RSV1 without deflate', 1002, frame(0xc1, 'x')],
  ['RSV2', 1002, frame(0xa1, 'x')],
  ['RSV3', 1002, frame(0x91, 'x')],
  ['a reserved opcode', 1002, frame(0x83, 'x')],
  ['a reserved control opcode', 1002, frame(0x8b, 'x')],
  ['a fragmented ping', 1002, frame(0x09, 'x')],
  ['a ping of 126 bytes', 1002, frame(0x89, Buffer.alloc(126))],
  ['a continuation of nothing', 1002, frame(0x80, 'x')],
  ['a new message within another', 1002, Buffer.concat([frame(0x01, 'x'), frame(TEXT, 'y')])],
  ['close with 999', 1002, frame(0x88, Buffer.of(3, 231))],
  ['close with 1005', 1002, frame(0x88, Buffer.of(3, 237))],
  ['close of one byte', 1002, frame(0x88, 'x')],
  ['invalid UTF-8', 1007, frame(TEXT, Buffer.of(0xff, 0xfe))],
  ['invalid UTF-8 over two fragments', 1007, Buffer.concat([frame(0x01, Buffer.of(0xe2, 0x82)), frame(0x80, Buffer.of(0x28))])],
  ['invalid UTF-8 in a reason', 1007, frame(0x88, Buffer.of(3, 232, 0xff))],
  ['a length of 2^63', 1009, frame(TEXT, '', { length: 2n ** 63n })],
  ['a length of 2^53 + 1', 1009, frame(TEXT, '', { length: 2n ** 53n + 1n })],
  ['a length beyond a frame', 1009, frame(TEXT, '', { length: 1_048_576n + 4096n })],
  ['a deflated frame', 1002, frame(0xc1, Buffer.from('4bcc2a4b040000ffff', 'hex'))],
];

test('rows 14, 15, 16, 19: frames that RFC 6455 forbids, too long ones, deflated ones -> 1002, 1007, 1009, before anything is taken', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    for (const [what, code, bytes] of REFUSED_FRAMES) {
      const link = await rawLink(started.port);
      const before = process.memoryUsage().arrayBuffers;
      link.socket.write(bytes);
      expect(await link.closed, what).toBe(code);
      expect(process.memoryUsage().arrayBuffers - before, what).toBeLessThan(4_000_000);
    }
  });
});

test.for([
  ['of one byte', Buffer.from('x')],
  ['of nothing', Buffer.alloc(0)],
] as const)('row 17: a message in fragments %s without end -> 1008 at the 65th', async ([, piece]) => {
  const started = await startOne();
  await withCanary(started, async () => {
    const link = await rawLink(started.port);
    link.socket.write(frame(0x01, piece));
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => frame(0x00, piece)));
    link.socket.write(many);
    expect(await link.closed).toBe(1008);
  });
});

test('row 18: a frame of one byte a segment -> bounded: taken as what it is, or 1008', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const link = await rawLink(started.port);
    link.socket.setNoDelay(true);
    for (const byte of frame(TEXT, 'x'.repeat(3000))) {
      link.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    // What arrives whole is no hello.
    expect([1008, 4400]).toContain(await link.closed);
  });
});

test.for([
  ['pings', 0x89],
  ['pongs', 0x8a],
] as const)('row 20: a flood of %s -> 4429, and nothing is queued for it', async ([, first]) => {
  const started = await startOne();
  await withCanary(started, async () => {
    const link = await rawLink(started.port);
    const flood = Buffer.concat(Array.from({ length: 20_000 }, () => frame(first, 'x'.repeat(100))));
    link.socket.write(flood);
    expect(await link.closed).toBe(4429);
  });
});

test('row 23: a peer that never answers a close -> its socket is destroyed after 5 s', async () => {
  const started = await startOne();
  await withCanary(started, async () => {
    const link = await rawLink(started.port);
    const from = performance.now();
    link.socket.write(frame(TEXT, 'no hello'));
    expect(await link.closed).toBe(4400);
    // Not the 30 s that are the default of ws.
    expect(performance.now() - from).toBeLessThan(20_000);
  });
});
