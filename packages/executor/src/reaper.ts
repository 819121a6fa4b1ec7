/**
 * The reaper: a small program that outlives its worker by a moment and takes the worker's processes with it.
 *
 * R1 It acts on the end of its standard input, which the kernel brings however the worker died, `kill -9` included.
 * R2 A group is killed only if its leader is the process that was watched, or gone while the group lives on.
 * R3 It listens to no signal that a terminal or a service manager sends to all: it must be the last to go. A worker that closes in
 *    order, when nothing is left to watch, kills it.
 */
import { createInterface } from 'node:readline';
import type { DeathReport, ReaperMessage } from './reaper-link.ts';
import { createSweeper, killGroup, processStat } from './sweep.ts';

/** By marker. */
const watched = new Map<string, Extract<ReaperMessage, { t: 'watch' | 'expect' }>>();
let report: DeathReport | undefined;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
createInterface({ input: process.stdin, crlfDelay: Infinity })
  .on('line', (line) => {
    const message = JSON.parse(line) as ReaperMessage;
    if (message.t === 'watch' || message.t === 'expect') watched.set(message.marker, message);
    else if (message.t === 'unwatch') watched.delete(message.marker);
    else report = message;
  })
  .on('close', () => void reap());

async function reap(): Promise<void> {
  for (const message of watched.values()) {
    if (message.t === 'expect') continue;
    const { group, started } = message;
    const leader = processStat(group);
    if (leader === undefined || started === '' || leader.started === started) killGroup(group);
  }
  const sweeper = createSweeper();
  await Promise.all([...watched.keys()].map((marker) => sweeper.clear(marker, undefined)));
  if (report) await tell(report);
  process.exit(0);
}

/** Best effort: a coordinator that does not hear it finds out by the lease. */
async function tell(target: DeathReport): Promise<void> {
  const giveUpAt = performance.now() + (target.againForMs ?? AGAIN_FOR_MS);
  for (let waitMs = WAIT_MIN_MS; !(await tellOnce(target)); waitMs = Math.min(2 * waitMs, WAIT_MAX_MS)) {
    if (performance.now() + waitMs > giveUpAt) return;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** Whether asking again is of no use: it was told, or refused for good. */
async function tellOnce({ url, token, worker, incarnation, tls }: DeathReport): Promise<boolean> {
  const { request } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  const body = JSON.stringify({ worker, incarnation });
  return await new Promise<boolean>((resolve) => {
    const call = request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(REPORT_MS),
      ...tls,
    });
    call.on('response', ({ statusCode = 0 }) => {
      resolve(statusCode < 500 && statusCode !== 429);
      call.destroy();
    });
    call.on('error', () => resolve(false));
    call.on('close', () => resolve(false));
    call.end(body);
  });
}

const REPORT_MS = 2000;
const AGAIN_FOR_MS = 30_000;
const WAIT_MIN_MS = 100;
const WAIT_MAX_MS = 3000;
