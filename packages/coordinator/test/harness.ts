/** Starts real coordinators on real folders, and speaks to them in raw bytes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@holdfast/client';
import { type RunningCoordinator, startCoordinator, type StartCoordinatorSettings } from '@holdfast/coordinator';
import { onTestFinished } from 'vitest';

export interface Started {
  readonly coordinator: RunningCoordinator;
  readonly client: Client;
  readonly dataFolder: string;
  readonly port: number;
}

/** A coordinator in a new folder, or in `dataFolder`; both end with the test. */
export async function startOne(settings: Partial<StartCoordinatorSettings> = {}): Promise<Started> {
  const dataFolder = settings.dataFolder ?? newFolder();
  const coordinator = await startCoordinator({ listen: { host: '127.0.0.1', port: 0 }, logLevel: 'debug', ...settings, dataFolder });
  const client = createClient({ url: coordinator.url, token: coordinator.adminToken });
  onTestFinished(async () => {
    client.close();
    await coordinator.close();
  });
  return { coordinator, client, dataFolder, port: Number(new URL(coordinator.url).port) };
}

/** A folder that is removed after the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-coordinator-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Sends bytes and returns all that came back until the other side closed. */
export function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (answer += chunk));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(answer) : reject(error),
    );
    socket.on('close', () => resolve(answer));
    socket.write(text);
  });
}

/** The status of a raw answer. */
export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);

/** A raw request that asks for the connection to be closed. */
export function rawRequest(method: string, target: string, headers: Readonly<Record<string, string>>, body = ''): string {
  const all: Record<string, string> = { connection: 'close', ...headers };
  if (body !== '') all['content-length'] ??= String(Buffer.byteLength(body));
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** A request with a token; the parsed answer beside its status. */
export async function api(
  started: Started,
  method: string,
  path: string,
  options: { readonly token?: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<{
  readonly status: number;
  readonly headers: Headers;
  readonly body: { readonly error?: { code: string; path?: string; message: string } };
}> {
  const response = await fetch(started.coordinator.url + path, {
    method,
    headers: {
      authorization: `Bearer ${options.token ?? started.coordinator.adminToken}`,
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

/** Resolves with the first value of `read` that is not undefined, asked again at every turn of the loop; names what it waits for. */
export async function eventually<Value>(
  what: string,
  read: () => Promise<Value | undefined> | Value | undefined,
  withinMs = 10_000,
): Promise<Value> {
  const from = performance.now();
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (performance.now() - from > withinMs) throw new Error(`waited ${withinMs} ms for ${what}`);
    await new Promise((next) => setTimeout(next, 10));
  }
}
