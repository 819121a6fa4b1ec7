/** Routes whose answers stay open: events and logs of a run. */
import type { ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { LogChunk } from '@holdfast/client';
import type { RunEvent } from '@holdfast/results';
import type { Queries } from '../queries.ts';
import type { RunEvents } from '../run-events.ts';
import { parseChunk, type RunLogs } from '../run-logs.ts';
import { type CallPorts, pathRun, queryInteger, type Routes } from './calls.ts';
import { type EventStream, openEventStream } from './event-stream.ts';
import { HttpProblem, SAFE_HEADERS } from './problem.ts';
import { findRun } from './run-routes.ts';

export interface Streams {
  /** Ends all streams of a token, or all: their readers come back for a snapshot. */
  cut(reason: string, keyId?: string): void;
  /** Ends the streams of tokens that are no longer valid. */
  sweep(): void;
  readonly size: number;
}

/** Adds `/events` and `/logs`. */
export function addStreamRoutes(routes: Routes, ports: CallPorts, queries: Queries, events: RunEvents, logs: RunLogs): Streams {
  const open = new Map<{ cut(reason: string): void }, string>();

  routes.on('GET', '/api/v1/runs/:id/events', 'read', async ({ context, principal }) => {
    const { id } = await findRun(queries, pathRun({ context, principal }));
    if (open.size >= STREAMS_MAX) throw new HttpProblem(429, 'too many open streams', { retryAfterSeconds: 5 });
    let unwatch = (): void => undefined;
    const stream: EventStream = openEventStream(context.env.outgoing, {
      backlogMax: ports.limits.streamBacklogMax,
      beatEveryMs: ports.limits.streamBeatEveryMs,
      ended: () => {
        unwatch();
        open.delete(stream);
      },
    });
    unwatch = events.watch(id, (event) => stream.offer(event));
    open.set(stream, principal.keyId);
    try {
      // Watching before reading: what is committed in between is told twice rather than never (E1).
      const running = await queries.running(id);
      stream.begin(await findRun(queries, id), running);
    } catch (error) {
      ports.log.error({ event: 'stream.failed', err: error }, 'an event stream failed');
      stream.cut('the snapshot could not be read');
    }
    return RESPONSE_ALREADY_SENT;
  });

  routes.on('GET', '/api/v1/runs/:id/logs', 'read', async (call) => {
    const { id, state } = await findRun(queries, pathRun(call));
    const n = queryInteger(call, 'n', { min: 1, max: Number.MAX_SAFE_INTEGER, default: 0 });
    if (n === 0) throw new HttpProblem(400, 'n, the number of a task, is required');
    const which = call.context.req.query('stream');
    if (which !== undefined && which !== 'out' && which !== 'err') throw new HttpProblem(400, 'stream is out or err');
    const task = await queries.task(id, n);
    if (!task) throw new HttpProblem(404, 'no such task');
    const follow = call.context.req.query('follow') === '1' && state !== 'finished' && state !== 'cancelled' && !TERMINAL.has(task.state);
    await writeLogs(
      call.context.env.outgoing,
      { id, n, which, follow, beatEveryMs: ports.limits.streamBeatEveryMs },
      events,
      logs,
      (stop) => {
        open.set(stop, call.principal.keyId);
        return () => open.delete(stop);
      },
    );
    return RESPONSE_ALREADY_SENT;
  });

  return {
    cut(reason, keyId) {
      for (const [stream, owner] of open) if (keyId === undefined || owner === keyId) stream.cut(reason);
    },
    sweep() {
      for (const [stream, owner] of open) if (!ports.tokens.isActive(owner)) stream.cut('the token ended');
    },
    get size() {
      return open.size;
    },
  };
}

interface LogRequest {
  readonly id: Parameters<RunLogs['open']>[0];
  readonly n: number;
  readonly which: 'out' | 'err' | undefined;
  readonly follow: boolean;
  /** An empty line at least that often: both ends notice a dead connection, and readers of NDJSON pass it over. */
  readonly beatEveryMs: number;
}

async function writeLogs(
  response: ServerResponse,
  request: LogRequest,
  events: RunEvents,
  logs: RunLogs,
  register: (stop: { cut(reason: string): void }) => () => void,
): Promise<void> {
  const ends = new Map<number, number>();
  let live: RunEvent[] | undefined = [];
  const write = (chunk: LogChunk): void => {
    if (chunk.offset < (ends.get(chunk.epoch) ?? 0)) return;
    ends.set(chunk.epoch, chunk.offset + Buffer.byteLength(chunk.text));
    if (request.which === undefined || chunk.stream === request.which) response.write(`${JSON.stringify(chunk)}\n`);
  };
  const tell = (event: RunEvent): void => {
    if (event.e === 'log' && event.n === request.n) {
      const { e: _kind, ...chunk } = event;
      write(chunk);
    } else if (event.e === 'ended' || (event.e === 'finished' && event.n === request.n && event.final)) stop.cut();
  };
  const unwatch = request.follow
    ? events.watch(request.id, (event) => {
        if (live) live.push(event);
        else tell(event);
        if (response.writableLength > FOLLOW_BACKLOG_MAX || (live?.length ?? 0) > LIVE_MAX) stop.cut();
      })
    : () => undefined;
  const beats = setInterval(() => response.write('\n'), request.beatEveryMs);
  const stop = {
    cut: (): void => {
      clearInterval(beats);
      unwatch();
      unregister();
      response.end();
    },
  };
  const unregister = register(stop);
  response.on('close', stop.cut);
  response.writeHead(200, { ...SAFE_HEADERS, 'content-type': 'application/x-ndjson', 'x-accel-buffering': 'no' });
  await logs.flush();
  const file = logs.open(request.id, request.n);
  if (file) {
    try {
      for await (const line of createInterface({ input: file, crlfDelay: Infinity })) {
        if (response.destroyed) break;
        const chunk = parseChunk(line);
        if (chunk) write(chunk);
        if (response.writableNeedDrain) await drained(response);
      }
    } finally {
      // A reader that left in the middle leaves it open.
      file.destroy();
    }
  }
  const kept = live;
  live = undefined;
  for (const event of kept) tell(event);
  if (!request.follow) stop.cut();
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
    if (response.destroyed) done();
  });

const STREAMS_MAX = 512;
const FOLLOW_BACKLOG_MAX = 8_388_608;
const LIVE_MAX = 10_000;
const TERMINAL: ReadonlySet<string> = new Set(['passed', 'failed', 'errored', 'timed_out', 'cancelled', 'dead_letter']);
