/** A peer that speaks WebSocket by hand, so that it can speak it wrong, and a canary that must live through all of it. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { WORKER_PATH, SUBPROTOCOL } from '@holdfast/protocol';
import { expect, onTestFinished } from 'vitest';
import { eventually, type Started } from './harness.ts';
import { handWorker } from './hand-worker.ts';

export interface RawLink {
  readonly socket: Socket;
  /** Resolves with the code of the close frame that the coordinator sent, or 1006 when it sent none. */
  readonly closed: Promise<number>;
}

/** Opens a link by hand: everything after 101 is up to the caller. */
export async function rawLink(port: number): Promise<RawLink> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET ${WORKER_PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n` +
      `sec-websocket-key: ${key}\r\nsec-websocket-protocol: ${SUBPROTOCOL}\r\n\r\n`,
  );
  let heard = Buffer.alloc(0);
  let opened = (): void => undefined;
  const open = new Promise<void>((resolve) => (opened = resolve));
  let head = -1;
  socket.on('data', (data: Buffer) => {
    heard = Buffer.concat([heard, data]).subarray(-65_536);
    if (head < 0 && heard.includes('\r\n\r\n')) {
      head = heard.indexOf('\r\n\r\n') + 4;
      expect(heard.subarray(0, head).toString()).toContain('101');
      heard = heard.subarray(head);
      opened();
    }
  });
  const closed = new Promise<number>((resolve) => socket.once('close', () => resolve(closeCodeOf(heard))));
  await open;
  return { socket, closed };
}

/** A frame of a client: masked unless asked otherwise, its first byte as given. */
export function frame(
  first: number,
  payload: Buffer | string = '',
  options: { readonly masked?: boolean; readonly length?: bigint } = {},
): Buffer {
  const data = Buffer.from(payload);
  const { masked = true, length = BigInt(data.length) } = options;
  const bit = masked ? 0x80 : 0;
  const size =
    length < 126n
      ? Buffer.of(bit | Number(length))
      : length < 65_536n
        ? Buffer.of(bit | 126, Number(length >> 8n), Number(length & 255n))
        : Buffer.concat([Buffer.of(bit | 127), bigEndian(length)]);
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([Buffer.of(first), size, masked ? Buffer.alloc(4) : Buffer.alloc(0), data]);
}

/** What every attack must leave alone: a worker with a task in its hands, and this process. */
export async function withCanary(started: Started, attack: () => Promise<void>): Promise<void> {
  const token = await started.coordinator.mintToken(['worker:register'], 'canary');
  const worker = await handWorker(started.coordinator.url, token, { worker: 'canary', slots: 1 });
  const { id } = await started.client.submit({ name: 'canary', tasks: [{ name: 'song', body: { kind: 'noop' } }], seal: true });
  const lease = await worker.assigned(1);
  await attack();
  expect(worker.socket.readyState, 'the link of the canary').toBe(worker.socket.OPEN);
  worker.finish(lease);
  await eventually('the canary to have finished', async () => ((await started.client.run(id)).counts.passed === 1 ? true : undefined));
  worker.socket.terminate();
}

function closeCodeOf(bytes: Buffer): number {
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = bytes[at + 1]! & 127;
    const [extra, length] =
      short < 126 ? [0, short] : short === 126 ? [2, bytes.readUInt16BE(at + 2)] : [8, Number(bytes.readBigUInt64BE(at + 2))];
    if ((bytes[at]! & 15) === 8) return length >= 2 ? bytes.readUInt16BE(at + 2 + extra) : 1005;
    at += 2 + extra + length;
  }
  return 1006;
}

function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
