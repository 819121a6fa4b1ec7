/** The conformance suite of the protocol, against the coordinator that ships and against one that lies. Attack rows 24 to 42 with their codes. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { coordinatorFrame, SUBPROTOCOL } from '@holdfast/protocol';
import { checkEndpoint } from '@holdfast/protocol/conformance';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { eventually, startOne } from './harness.ts';
import { handWorker, helloText, openLink, proofText } from './hand-worker.ts';

test(
  'conformance: the real coordinator -> every check passes; its workers stay, nothing of the tries is left',
  { timeout: 120_000 },
  async () => {
    const { coordinator, client } = await startOne();
    const token = await coordinator.mintToken(['worker:register'], 'w');
    const canary = await handWorker(coordinator.url, token);
    const { id } = await client.submit({ name: 'r', tasks: [{ name: 'a', body: { kind: 'noop' } }], seal: true });
    const lease = await canary.assigned(1);
    const beating = setInterval(canary.beat, 1000);
    onTestFinished(() => clearInterval(beating));
    const results = await checkEndpoint({ url: coordinator.url, token });
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
    expect(results.length).toBeGreaterThan(40);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(canary.socket.readyState).toBe(canary.socket.OPEN);
    canary.finish(lease);
    await eventually('the canary to pass', async () => ((await client.task(id, 1)).state === 'passed' ? true : undefined));
  },
);

test('conformance: a coordinator that welcomes everybody and proves nothing -> most checks fail', { timeout: 120_000 }, async () => {
  const http = createServer();
  const server = new WebSocketServer({ server: http, handleProtocols: () => SUBPROTOCOL });
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const text = String(data);
      if (text.includes('"hello"')) socket.send(JSON.stringify({ f: 'challenge', protocol: 2, nonce: '0'.repeat(64) }));
      else if (text.includes('"proof"'))
        socket.send(
          JSON.stringify(
            coordinatorFrame.parse({
              f: 'welcome', protocol: 2, proof: '0'.repeat(64), session: 's', token: 't', fresh: 'first',
              heartbeatEveryMs: 3000, leaseTtlMs: 10_000, lostAfterMs: 120_000, coordinator: { id: 'c', epoch: 1 },
            }),
          ),
        ); // prettier-ignore
    });
    socket.on('error', () => undefined);
  });
  http.listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate();
    http.close();
  });
  await eventually('the server to listen', () => http.address() ?? undefined);
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const results = await checkEndpoint({ url, token: `hf_0000000000000000_${'A'.repeat(43)}`, withinMs: 200 });
  const failed = results.filter(({ passed }) => !passed).map(({ name }) => name);
  expect(failed).toEqual(
    expect.arrayContaining(['handshake: the right proof', 'row 25: the wrong secret', 'row 38: a gap in the numbers']),
  );
  expect(failed.length).toBeGreaterThan(results.length * 0.75);
});

test('row 28 29: a token without the scope -> 4403; a rotated one ends on the live link at the first use of the new one -> 4401', async () => {
  const { coordinator, client } = await startOne();
  const reader = await coordinator.mintToken(['read'], 'reader');
  await expect(handWorker(coordinator.url, reader).then(({ closed }) => closed)).resolves.toBe(4403);
  const old = await client.mintToken('w', ['worker:register']);
  const worker = await handWorker(coordinator.url, old.token);
  const rotated = await client.rotateToken(old.facts.keyId);
  const second = await handWorker(coordinator.url, old.token, { worker: 'w2' });
  await eventually('both workers', async () => ((await client.status()).workers.length === 2 ? true : undefined));
  const third = await handWorker(coordinator.url, rotated.token, { worker: 'w3' });
  expect([await worker.closed, await second.closed]).toEqual([4401, 4401]);
  await eventually('the third worker', async () => ((await client.status()).workers.some(({ name }) => name === 'w3') ? true : undefined));
  expect(third.socket.readyState).toBe(third.socket.OPEN);
  await expect(handWorker(coordinator.url, old.token).then(({ closed }) => closed)).resolves.toBe(4401);
});

test('row 25: right and wrong proofs -> no secret, proof key or token crosses the wire or stands in the log', async () => {
  const { coordinator } = await startOne();
  const token = await coordinator.mintToken(['worker:register'], 'w');
  const socket = openLink(coordinator.url);
  const heard: string[] = [];
  const hello = helloText(token);
  socket.on('message', (data) => {
    const text = (data as Buffer).toString('utf8');
    heard.push(text);
    const frame = coordinatorFrame.parse(JSON.parse(text));
    if (frame.f === 'challenge') socket.send(proofText(token, hello, frame));
  });
  socket.once('open', () => socket.send(hello));
  await eventually('the welcome', () => (heard.some((text) => text.includes('"welcome"')) ? true : undefined));
  for (const text of [hello, ...heard]) expect(text).not.toContain(token.slice(-43));
  socket.terminate();
});
