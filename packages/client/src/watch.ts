/**
 * Follows a run to its end, through cuts and restarts.
 *
 * R1 Each attempt's end, (n, epoch), reaches the caller exactly once; `ended` once and last, after all of them.
 * R2 After every reconnect: snapshot, then the pages of results from where the last one ended, then live news.
 * R3 Reconnects have full jitter, at most 2 s apart, for at most `giveUpAfterMs` without a snapshot.
 */
import type { IncomingMessage } from 'node:http';
import { CodedError, hasCode } from '@holdfast/kernel';
import type { RunEnded, RunEvent } from '@holdfast/results';
import type { RunId } from '@holdfast/model';
import { readLines } from './lines.ts';
import type { ResultPage, RunView, StreamLine, TaskView } from './shapes.ts';
import { isRetryable, type Transport } from './transport.ts';

/** What happens to the stream itself, for people. */
export type WatchNotice =
  | { readonly kind: 'connected'; readonly resumed: boolean }
  | { readonly kind: 'disconnected'; readonly reason: string; readonly retryInMs: number };

export interface WatchOptions {
  /** Receives events in order. Called synchronously; what it throws ends the watch. */
  readonly onEvent: (event: RunEvent) => void;
  readonly onNotice?: (notice: WatchNotice) => void;
  readonly signal?: AbortSignal;
  /** Tells all tasks of the run once, as `task` events, before anything else of them. Default true. */
  readonly listTasks?: boolean;
  /** Milliseconds without a snapshot after which the watch fails with `COORDINATOR_UNREACHABLE`. Default 300,000. */
  readonly giveUpAfterMs?: number;
  /** Milliseconds without a line after which a connection counts as dead. Default 25,000. */
  readonly silenceMaxMs?: number;
}

/** Resolves with the run's end. Errors: `COORDINATOR_UNREACHABLE`, `AUTH_REFUSED`, `API_REFUSED`; the signal's reason. */
export async function watchRun(transport: Transport, id: RunId, options: WatchOptions): Promise<RunEnded> {
  const watch = { transport, id, options, after: 0, listed: options.listTasks === false, told: new Set<string>() };
  const giveUpAfterMs = options.giveUpAfterMs ?? GIVE_UP_AFTER_MS;
  let lastGood = performance.now();
  let failures = 0;
  let connections = 0;
  const connected = (): void => {
    options.onNotice?.({ kind: 'connected', resumed: connections > 0 });
    connections += 1;
    failures = 0;
    lastGood = performance.now();
  };
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const before = connections;
      const ended = await followOnce(watch, connected);
      if (ended) return ended;
      if (connections === before) throw cut(new Error('the stream ended before its snapshot'));
      await pause(Math.random() * BACKOFF_MS, options.signal);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isRetryable(error)) throw error;
      if (performance.now() - lastGood > giveUpAfterMs) throw error;
      failures += 1;
      const retryInMs = Math.floor(Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(failures, 10)));
      options.onNotice?.({ kind: 'disconnected', reason: (error as Error).message, retryInMs });
      await pause(retryInMs, options.signal);
    }
  }
}

/** Tells what is recorded by now: the run, its tasks, its results. Errors as `watchRun`. */
export async function replayRun(transport: Transport, id: RunId, onEvent: (event: RunEvent) => void): Promise<void> {
  const watch = { transport, id, options: { onEvent }, after: 0, listed: false, told: new Set<string>() };
  const run = JSON.parse(await transport.call({ method: 'GET', path: `/api/v1/runs/${id}` })) as RunView;
  onEvent({ e: 'run', state: run.state, counts: run.counts });
  await listTasks(watch);
  await pageResults(watch);
}

interface Watch {
  readonly transport: Transport;
  readonly id: RunId;
  readonly options: WatchOptions;
  /** Cursor of the pages of results. */
  after: number;
  listed: boolean;
  /** Attempts whose end was told, `n.epoch`. */
  readonly told: Set<string>;
}

/** One connection. Undefined: the coordinator asked for a new one. */
async function followOnce(watch: Watch, connected: () => void): Promise<RunEnded | undefined> {
  const { transport, id, options } = watch;
  const response: IncomingMessage = await transport.openOnce({
    method: 'GET',
    path: `/api/v1/runs/${id}/events`,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    for await (const text of readLines(response, options.silenceMaxMs ?? SILENCE_MAX_MS)) {
      const line = JSON.parse(text) as StreamLine | RunEvent;
      switch (line.e) {
        case 'beat':
          break;
        case 'resync':
          return undefined;
        case 'snapshot':
          connected();
          await catchUp(watch, line);
          break;
        case 'ended':
          // What was told live may have gaps only if the run ended while nobody listened: the pages close them.
          await pageResults(watch);
          options.onEvent(line);
          return line;
        default:
          tell(watch, line);
      }
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    if (hasCode(error, 'STREAM_SILENT') || (error as NodeJS.ErrnoException).code === 'ECONNRESET') throw cut(error);
    throw error;
  } finally {
    response.destroy();
  }
  throw cut(new Error('the stream ended early'));
}

async function catchUp(watch: Watch, snapshot: Extract<StreamLine, { e: 'snapshot' }>): Promise<void> {
  const { run } = snapshot;
  watch.options.onEvent({ e: 'run', state: run.state, counts: run.counts });
  if (!watch.listed) await listTasks(watch);
  for (const event of snapshot.running) tell(watch, event);
  await pageResults(watch);
}

async function listTasks(watch: Watch): Promise<void> {
  for (let after = 0; ;) {
    const text = await watch.transport.call({ method: 'GET', path: `/api/v1/runs/${watch.id}/tasks?limit=${PAGE}&after=${after}` });
    const { tasks } = JSON.parse(text) as { readonly tasks: readonly TaskView[] };
    for (const { n, name, state, kind, predictedMs, reason } of tasks) {
      watch.options.onEvent({ e: 'task', n, name, state, kind, predictedMs, ...(reason === null ? {} : { reason }) });
    }
    if (tasks.length < PAGE) break;
    after = tasks.at(-1)!.n;
  }
  watch.listed = true;
}

async function pageResults(watch: Watch): Promise<void> {
  for (;;) {
    const text = await watch.transport.call({ method: 'GET', path: `/api/v1/runs/${watch.id}/results?limit=${PAGE}&after=${watch.after}` });
    const page = JSON.parse(text) as ResultPage;
    for (const event of page.events) tell(watch, event);
    watch.after = page.after;
    if (!page.more) return;
  }
}

function tell(watch: Watch, event: RunEvent): void {
  if (event.e === 'finished' || event.e === 'lost') {
    const key = `${event.n}.${event.epoch}`;
    if (watch.told.has(key)) return;
    watch.told.add(key);
  } else if ((event.e === 'task' || event.e === 'cases') && event.epoch !== undefined && watch.told.has(`${event.n}.${event.epoch}`)) {
    // News of an attempt whose end was told already: it waited in the stream while the pages were read.
    if (event.e === 'cases' || LIVE.has(event.state)) return;
  }
  watch.options.onEvent(event);
}

const cut = (cause: unknown): CodedError =>
  new CodedError('COORDINATOR_UNREACHABLE', `follow the run: ${(cause as Error).message}`, {
    retryable: true,
    cause,
    details: { exitCode: 69 },
  });

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

const LIVE: ReadonlySet<string> = new Set(['leased', 'running', 'paused']);
const PAGE = 500;
const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 2000;
const GIVE_UP_AFTER_MS = 300_000;
const SILENCE_MAX_MS = 25_000;
