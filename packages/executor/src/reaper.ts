/**
 * The reaper: a small program that outlives its worker by a moment and takes the worker's processes with it.
 *
 * R1 It acts on the end of its standard input, which the kernel brings however the worker died, `kill -9` included.
 * R2 A group is killed only if its leader is the process that was watched, or gone while the group lives on.
 * R3 It listens to no signal that a terminal or a service manager sends to all: it must be the last to go. A worker that closes in
 *    order, when nothing is left to watch, kills it.
 */
import { createInterface } from 'node:readline';
import type { LeaseKey } from '@holdfast/model';
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
  if (report) await tell(report, await keptOf(report));
  process.exit(0);
}

/** The leases whose results lie in the spool: the worker's next life has them. */
async function keptOf({ spool }: DeathReport): Promise<readonly LeaseKey[]> {
  if (spool === undefined) return [];
  try {
    const { spooledKeys } = await import('@holdfast/reconnection-core/spool');
    const leases = spooledKeys(spool).flatMap((key) => {
      const [run = 0, n = 0, epoch = 0] = RESULT_KEY.exec(key)?.slice(1).map(Number) ?? [];
      return run > 0 ? [{ run, n, epoch }] : [];
    });
    return leases.slice(0, KEPT_MAX);
  } catch {
    /* ignored: what cannot be read is lost. */
    return [];
  }
}

/** Best effort: a coordinator that does not hear it finds out by the lease. */
async function tell(target: DeathReport, kept: readonly LeaseKey[]): Promise<void> {
  const giveUpAt = performance.now() + (target.againForMs ?? AGAIN_FOR_MS);
  for (let waitMs = WAIT_MIN_MS; !(await tellOnce(target, kept)); waitMs = Math.min(2 * waitMs, WAIT_MAX_MS)) {
    if (performance.now() + waitMs > giveUpAt) return;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** Whether asking again is of no use: it was told, or refused for good. */
async function tellOnce({ url, token, worker, incarnation, tls }: DeathReport, kept: readonly LeaseKey[]): Promise<boolean> {
  const { request } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  const body = JSON.stringify({ worker, incarnation, ...(kept.length > 0 ? { kept } : {}) });
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

/** `run.n.epoch`; checkpoints have a fourth part. */
const RESULT_KEY = /^(\d+)\.(\d+)\.(\d+)$/;
const KEPT_MAX = 4096;
const REPORT_MS = 2000;
const AGAIN_FOR_MS = 30_000;
const WAIT_MIN_MS = 100;
const WAIT_MAX_MS = 3000;
