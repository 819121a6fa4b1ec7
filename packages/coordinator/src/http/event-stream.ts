/**
 * One watcher of a run: NDJSON over a response that stays open.
 *
 * E1 The first line is `snapshot`. Events that are published while it is read wait and follow it: told twice perhaps, never missing.
 * E2 A reader that leaves more than `backlogMax` bytes unread gets `resync` and is cut off; it takes a new snapshot then.
 * E3 A line at least every `beatEveryMs`, so that both ends notice a dead connection.
 * E4 After `ended` the response ends.
 */
import type { ServerResponse } from 'node:http';
import type { RunView, StreamLine } from '@holdfast/client';
import type { RunEvent } from '@holdfast/results';
import { SAFE_HEADERS } from './problem.ts';

export interface EventStreamOptions {
  readonly backlogMax: number;
  readonly beatEveryMs: number;
  /** Called once, when the stream is over. */
  readonly ended: () => void;
}

export interface EventStream {
  offer(event: RunEvent): void;
  /** Writes the snapshot and all that waited for it. */
  begin(run: RunView, running: readonly RunEvent[]): void;
  /** Ends it with `resync`. */
  cut(reason: string): void;
}

/** Opens a stream on `response`. */
export function openEventStream(response: ServerResponse, options: EventStreamOptions): EventStream {
  let waiting: RunEvent[] | undefined = [];
  let over = false;

  const finish = (): void => {
    if (over) return;
    over = true;
    clearInterval(beats);
    options.ended();
    if (response.writableLength > 0) setTimeout(() => response.destroy(), CUT_AFTER_MS).unref();
    response.end();
  };
  const write = (line: StreamLine | RunEvent): void => {
    if (over) return;
    response.write(`${JSON.stringify(line)}\n`);
    if (line.e === 'ended' || line.e === 'resync') finish();
    else if (response.writableLength > options.backlogMax) write({ e: 'resync', reason: 'the reader is too slow' });
  };
  const cut = (reason: string): void => write({ e: 'resync', reason });
  const beats = setInterval(() => {
    if (!waiting) write({ e: 'beat' });
  }, options.beatEveryMs);

  response.on('close', finish);
  response.writeHead(200, { ...SAFE_HEADERS, 'content-type': 'application/x-ndjson', 'x-accel-buffering': 'no' });
  response.flushHeaders();

  return {
    offer(event) {
      if (!waiting) write(event);
      else if (waiting.length < WAITING_MAX) waiting.push(event);
      else cut('the snapshot took too long');
    },
    begin(run, running) {
      const events = waiting ?? [];
      waiting = undefined;
      write({ e: 'snapshot', run, running });
      for (const event of events) write(event);
      if (run.state !== 'finished' && run.state !== 'cancelled') return;
      const wallMs = run.endedWall === null ? {} : { wallMs: Math.max(0, run.endedWall - run.createdWall) };
      write({ e: 'ended', state: run.state, counts: run.counts, ...wallMs });
    },
    cut,
  };
}

const WAITING_MAX = 10_000;
const CUT_AFTER_MS = 5000;
