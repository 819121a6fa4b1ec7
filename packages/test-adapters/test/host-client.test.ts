import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { HostEvent } from '../src/host-protocol.ts';
import { describeExit, type HostExit, openHost } from '../src/io/host.ts';

// Real processes on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

const path = resolve(import.meta.dirname, 'fixtures/hosts/misbehaving.mjs');

interface Heard {
  readonly events: readonly HostEvent[];
  readonly exit: HostExit;
  readonly bytes: number;
  readonly out: string;
}

/** Runs the host that misbehaves as named, to its end; `onReady` is called when it says that it is ready. */
async function hear(
  deed: string,
  onReady: (kill: (signal: 'SIGTERM' | 'SIGKILL') => void, out: string) => void = () => undefined,
): Promise<Heard> {
  const events: HostEvent[] = [];
  let bytes = 0;
  let out = '';
  const host = openHost(
    {
      program: { path, execArgv: [] },
      cwd: import.meta.dirname,
      env: { PATH: process.env['PATH'], HOST_DOES: deed },
      lineBytesMax: 1 << 20,
    },
    {
      event: (event) => {
        events.push(event);
        onReady(host.kill, out);
      },
      output: (stream, chunk) => {
        bytes += chunk.length;
        if (stream === 'out' && out.length < 100) out += chunk.toString('latin1', 0, 100);
      },
    },
  );
  host.send({ t: 'open', cwd: '/', suite: { adapter: 'fake', args: [] }, slot: 0 });
  return { events, exit: await host.exited, bytes, out };
}

/** Running, and no zombie that only waits to be reaped. */
function alive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('C1 host client: the host crashes -> its events, then its exit with the end of what it said', async () => {
  const { events, exit } = await hear('crash');
  expect(events).toMatchObject([{ t: 'ready' }]);
  expect(exit).toMatchObject({ code: 7, signal: null });
  expect(exit.stderrTail).toHaveLength(4096);
  expect(describeExit(exit)).toMatch(/^the host ended with exit code 7; its last words:\nx+\nlast words$/);
});

test('C1 host client: the host is killed -> the signal', async () => {
  const { exit } = await hear('killed');
  expect(describeExit(exit)).toBe('the host was killed by SIGKILL');
});

test('C2 host client: 100 MB of output -> handed on to the last byte, the event behind it is read', async () => {
  const { events, bytes, exit } = await hear('prints');
  expect([bytes, events.length, exit.code]).toEqual([100 << 20, 1, 0]);
});

test('C2 host client: invalid UTF-8 -> bytes are handed on, the tail is text', async () => {
  const { bytes, exit, events } = await hear('invalid');
  expect([bytes, events.length, exit.stderrTail.isWellFormed(), exit.stderrTail.startsWith('a')]).toEqual([6, 1, true, true]);
});

test('C2 host client: a line that is no event, a line without end -> the host is ended, with the reason', async () => {
  const noise = await hear('noise');
  expect(noise.exit).toMatchObject({ signal: 'SIGKILL', fault: expect.stringContaining('this is no event') });
  const endless = await hear('endless');
  expect(endless.exit).toMatchObject({ signal: 'SIGKILL', fault: 'said a line of more than 1048576 bytes' });
});

test('C3 host client: a daemon keeps the output open -> the exit comes all the same', async () => {
  const { exit, out } = await hear('daemon');
  const pid = Number(/daemon (\d+)/.exec(out)?.[1]);
  const lived = alive(pid);
  process.kill(pid, 'SIGKILL');
  expect([exit.code, lived]).toEqual([0, true]);
});

test('host client: SIGTERM is ignored -> SIGKILL ends the host and what it started', async () => {
  const { exit, out } = await hear('stubborn', (kill) => {
    kill('SIGTERM');
    kill('SIGKILL');
  });
  expect(exit.signal).toBe('SIGKILL');
  await expect.poll(() => alive(Number(/child (\d+)/.exec(out)?.[1]))).toBe(false);
});

test('host client: an event byte by byte, characters cut in two -> one event', async () => {
  const { events } = await hear('split');
  expect(events).toEqual([{ t: 'ready', runner: 'fake', version: 'é😀' }]);
});

test('host client: the program or the folder is not there -> an exit that says so', async () => {
  const exits = ['/nowhere/node', process.execPath].map((node) => {
    const cwd = node === process.execPath ? '/nowhere' : '/';
    const host = openHost({ program: { path, execArgv: [] }, cwd, env: {}, node }, { event: () => undefined });
    host.send({ t: 'list' });
    host.kill('SIGKILL');
    return host.exited;
  });
  for (const exit of await Promise.all(exits)) expect(describeExit(exit)).toContain('the host could not be started: ');
});
