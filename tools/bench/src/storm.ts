/**
 * Thousands of sessions at once: what one costs while it is idle, and how long it takes until all are back and nothing is missing after
 * the server was killed, and after every link was cut; the cut also with socket.io, and with 50 workers of a coordinator.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { type EndProcess, startEnd } from './end-process.ts';
import { type BenchReport, type Figure, figureOf, quantile } from './report.ts';
import { startCoordinator } from './servers.ts';
import type { Reopened } from './storm-ends.ts';
import { usageOf } from './usage.ts';

type Samples = Readonly<Record<string, number>>;

/** A repetition is one life of all sessions: begun, idle, killed with the server, cut; then the same cut of socket.io. */
export async function benchStorm({ repetitions = 3, size = 5000, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const allowed = openFilesMax() - SPARE_FILES;
  const count = Math.min(size, allowed);
  const rounds: Samples[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    const ours = await sessionsFigures(count);
    const theirs = await socketIo(count);
    rounds.push({ ...ours, ...theirs });
    say(
      `${repetition}/${repetitions}: all back ${ours['resumed_all_ms']} ms after the server, ${ours['cut_resumed_all_ms']} ms after the cut; socket.io ${theirs['socketio_resumed_all_ms']} ms`,
    );
  }
  const reconnectMs = await workers(say);
  const figures: Record<string, Figure> = {};
  for (const name of Object.keys(rounds[0]!)) {
    figures[name] = figureOf(
      rounds.map((round) => round[name]!),
      unitOf(name),
    );
  }
  const sorted = reconnectMs.toSorted((a, b) => a - b);
  figures['reconnect_p50_ms'] = { ...figureOf(sorted, 'ms'), median: quantile(sorted, 0.5) };
  figures['reconnect_p99_ms'] = { ...figureOf(sorted, 'ms'), median: quantile(sorted, 0.99) };
  return {
    name: 'storm',
    conditions: {
      ...conditions,
      loadAfter: loadavg()[0],
      sizes: { sessions: count, workers: WORKERS, cutsOfWorkers: WORKER_CUTS },
      repetitions,
      processes: 'one server, one client with all sessions, loopback; for reconnect_* one coordinator and one client with 50 workers',
      kill: 'SIGKILL while each session has two messages under way, one more is sent while nobody listens; at once another server on the same port',
      journal: 'the server appends the key of each message to a file before it commits it; lost: sent and not in that file at the end',
      cut: 'every socket of the client is reset, with one message of each session under way in each direction',
      memory: 'resident, by /proc/PID/status; kb_per_idle_session from before the first session until all were idle for two beats',
      loop_delay: 'perf_hooks monitorEventLoopDelay, resolution 10 ms, which it includes; from listening until all are settled',
      socketio: 'socket.io 4.8, connectionStateRecovery, WebSocket only, plain emit, the same cut and the same messages',
    },
    figures,
    notMeasured: [
      ...(count < size ? [`${size} sessions: this process may open ${allowed + SPARE_FILES} files, so ${count} were taken`] : []),
      ...(usageOf(process.pid) ? [] : ['memory, processor time and descriptors: this system has no /proc']),
    ],
  };
}

/** One life of `count` sessions and the end of their first server. */
export async function sessionsFigures(count: number, rests: Rests = RESTS): Promise<Samples> {
  const journal = join(temporaryFolder(), 'journal');
  let server = startEnd('session-server', 'SERVER');
  const client = startEnd('session-client', 'CLIENT');
  try {
    const { url, port } = await listen(server, journal);
    const idle = await idleSessions(server, client, url, count, rests.idleMs);
    let sent = await client.ask<number>('send', 2);
    await client.ask('settled');

    await client.ask('expect');
    const begun = statSync(journal).size;
    sent += await client.ask<number>('send', 2);
    while (statSync(journal).size < begun * KILL_AT) await rest(1);
    const killedAt = Date.now();
    await server.kill();
    sent += await client.ask<number>('send', 1);
    server = startEnd('session-server', 'SERVER');
    const { at } = await server.ask<{ at: number }>('listen', { port, journal });
    const back = await client.ask<Reopened>('reopened');
    await client.ask('settled');
    const settledAt = Date.now();
    const delay = await server.ask<{ p99: number; max: number }>('delayMs');
    const stormed = usageOf(server.pid);
    const descriptors = descriptorsOf(server.pid);
    const crowd = usageOf(client.pid);
    const keys = readFileSync(journal, 'utf8').split('\n').filter(Boolean);
    const unique = new Set(keys).size;

    await rest(rests.apartMs);
    const cut = await cutInTraffic(server, client, count);
    return {
      ...idle,
      outage_ms: at - killedAt,
      resumed_all_ms: Math.max(0, back.at.at(-1)! - at),
      resumed_half_ms: Math.max(0, back.at[Math.floor(back.at.length / 2)]! - at),
      settled_all_ms: settledAt - at,
      lost: sent - unique,
      repeated: keys.length - unique,
      loop_delay_p99_ms: delay.p99,
      loop_delay_max_ms: delay.max,
      ...(stormed && { server_cpu_ms: stormed.cpuUs / 1000, server_rss_mb: stormed.rssMb, server_rss_peak_mb: stormed.rssPeakMb }),
      ...(descriptors === undefined ? {} : { server_descriptors: descriptors }),
      ...(crowd && { client_rss_mb: crowd.rssMb }),
      cut_resumed_all_ms: cut.resumedAllMs,
      cut_resumed: cut.resumed,
      cut_lost: cut.lost,
      cut_repeated: cut.repeated,
      cut_loop_delay_p99_ms: cut.delayP99,
    };
  } finally {
    await Promise.all([client.kill(), server.kill()]);
  }
}

async function idleSessions(server: EndProcess, client: EndProcess, url: string, count: number, idleMs: number): Promise<Samples> {
  await server.ask('collect');
  const before = usageOf(server.pid);
  const from = Date.now();
  await client.ask('connect', { url, count });
  const opened_all_ms = Date.now() - from;
  await rest(idleMs);
  const spentFrom = usageOf(server.pid);
  await rest(idleMs);
  const after = usageOf(server.pid);
  await server.ask('collect');
  const collected = usageOf(server.pid);
  if (!before || !after || !collected || !spentFrom) return { opened_all_ms };
  const each = (rssMb: number): number => ((rssMb - before.rssMb) * 1000) / count;
  return {
    opened_all_ms,
    kb_per_idle_session: each(after.rssMb),
    kb_per_idle_session_collected: each(collected.rssMb),
    idle_cpu_percent: (after.cpuUs - spentFrom.cpuUs) / (idleMs * 10),
  };
}

async function socketIo(count: number): Promise<Samples> {
  const server = startEnd('socketio-server', 'SERVER');
  const client = startEnd('socketio-client', 'CLIENT');
  try {
    const { url } = await listen(server);
    const idle = await idleSessions(server, client, url, count, RESTS.idleMs);
    const cut = await cutInTraffic(server, client, count);
    return {
      ...Object.fromEntries(Object.entries(idle).map(([name, value]) => [`socketio_${name}`, value])),
      socketio_resumed_all_ms: cut.resumedAllMs,
      socketio_resumed: cut.resumed,
      socketio_lost: cut.lost,
      socketio_repeated: cut.repeated,
      socketio_loop_delay_p99_ms: cut.delayP99,
    };
  } finally {
    await Promise.all([client.kill(), server.kill()]);
  }
}

/** Cuts everybody with messages under way in both directions, and counts what has not arrived when all have been back for a while. */
async function cutInTraffic(server: EndProcess, client: EndProcess, count: number) {
  type Counts = { readonly unique: number; readonly repeated: number };
  const counts = async (): Promise<readonly Counts[]> => [await server.ask<Counts>('received'), await client.ask<Counts>('received')];
  // socket.io recovers only who has heard something before.
  await server.ask('broadcast', 0);
  await quiet(counts);
  const [serverHad, clientHad] = await counts();
  await server.ask('resetDelay');
  const cutting = client.ask<{ at: number; sent: number }>('cutInTraffic');
  const down = await server.ask<number>('broadcast', 1);
  const { at, sent } = await cutting;
  const back = await client.ask<Reopened>('reopened');
  await client.ask('settled');
  const delay = await server.ask<{ p99: number }>('delayMs');
  await quiet(counts);
  const [serverHas, clientHas] = await counts();
  const arrived = serverHas!.unique - serverHad!.unique + clientHas!.unique - clientHad!.unique;
  if (down !== count) throw new Error(`${down} of ${count} were there to be sent to`);
  return {
    resumedAllMs: back.at.at(-1)! - at,
    resumed: back.resumed,
    lost: sent + down - arrived,
    repeated: serverHas!.repeated - serverHad!.repeated + clientHas!.repeated - clientHad!.repeated,
    delayP99: delay.p99,
  };
}

/** Resolves when nothing has arrived for three seconds. */
async function quiet(counts: () => Promise<unknown>): Promise<void> {
  for (let before = ''; ;) {
    const now = JSON.stringify(await counts());
    if (now === before) return;
    before = now;
    await rest(QUIET_MS);
  }
}

/** Milliseconds from a cut until each of 50 workers was resumed by the coordinator that operators start. */
async function workers(say: (line: string) => void): Promise<number[]> {
  const coordinator = await startCoordinator(temporaryFolder());
  const client = startEnd('session-client', 'CLIENT');
  try {
    const tokens: string[] = [];
    for (let worker = 0; worker < WORKERS; worker += 1)
      tokens.push((await coordinator.client.mintToken(`bench-${worker}`, ['worker:register'])).token);
    await client.ask('connect', { url: coordinator.url, count: WORKERS, tokens });
    const times: number[] = [];
    for (let cut = 1; cut <= WORKER_CUTS; cut += 1) {
      await rest(RESTS.apartMs);
      const at = await client.ask<number>('cut');
      const back = await client.ask<Reopened>('reopened');
      if (back.resumed !== WORKERS) throw new Error(`${back.resumed} of ${WORKERS} workers were resumed`);
      times.push(...back.at.map((when) => when - at));
    }
    say(`${WORKERS} workers, ${WORKER_CUTS} cuts: the last was back after ${Math.max(...times)} ms`);
    return times;
  } finally {
    await client.kill();
    await coordinator.stop();
  }
}

/** Listens below the ports that clients dial from: whoever dials a free one of those may meet himself. */
async function listen(server: EndProcess, journal?: string): Promise<{ readonly url: string; readonly port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      return { ...(await server.ask<{ url: string }>('listen', { port, journal })), port };
    } catch (error) {
      if (attempt >= 20 || !String(error).includes('EADDRINUSE')) throw error;
    }
  }
}

/** Node raises its soft limit to the hard one when it starts. */
function openFilesMax(): number {
  if (process.platform !== 'linux') return 10_000;
  const line = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return line === undefined || line === 'unlimited' ? Infinity : Number(line);
}

function descriptorsOf(pid: number): number | undefined {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/fd`).length : undefined;
}

const unitOf = (name: string): string =>
  name.endsWith('_ms')
    ? 'ms'
    : name.endsWith('_mb')
      ? 'MB'
      : name.includes('kb_per')
        ? 'kB'
        : name.endsWith('_percent')
          ? '% of a core'
          : /lost|repeated/.test(name)
            ? 'messages'
            : name.endsWith('resumed')
              ? 'sessions'
              : 'files';

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const WORKERS = 50;
const WORKER_CUTS = 6;
/** A quarter of the second round of messages is in the journal. */
const KILL_AT = 1.25;
interface Rests {
  /** Without a message, before memory is read. */
  readonly idleMs: number;
  /** Between two losses. */
  readonly apartMs: number;
}
/** Two beats; and a link proves itself by a beat after 5 s: until then earlier dials still count for the backoff. */
const RESTS: Rests = { idleMs: 6000, apartMs: 8500 };
const QUIET_MS = 3000;
const SPARE_FILES = 200;
