/** The HTTP API of a coordinator as typed calls. */
import { randomUUID } from 'node:crypto';
import type { Scope } from '@holdfast/auth';
import type { StatusValue, SubmitValue } from '@holdfast/coordinator-core';
import { CodedError } from '@holdfast/kernel';
import type { BlobDigest, BlobRef, Incarnation, RunId, TaskState, WorkerId } from '@holdfast/model';
import type { RunEnded, RunEvent } from '@holdfast/results';
import { readLines } from './lines.ts';
import type {
  ArtifactPage,
  LogChunk,
  MintedToken,
  ResultPage,
  RunDetail,
  RunView,
  SubmitRun,
  TaskDetail,
  TaskInput,
  TaskView,
  TokenView,
} from './shapes.ts';
import { createTransport, type Exchange, type Transport, type TransportOptions } from './transport.ts';
import { replayRun, watchRun, type WatchOptions } from './watch.ts';

export type ClientOptions = TransportOptions;

export interface Page {
  /** Rows at most, 1..1,000. Default 100. */
  readonly limit?: number;
  /** Rows behind this number. Default 0. */
  readonly after?: number;
}

/**
 * All methods reject with a `CodedError`: `COORDINATOR_UNREACHABLE` (after bounded tries), `AUTH_REFUSED` (401, 403; never tried again),
 * `API_REFUSED` with `status`, `code` and `path` in its details.
 */
export interface Client {
  readonly url: string;
  /** Accepts a run. `key` makes a repeated submit answer the same run; default: a random one, so that a retry is safe. */
  submit(run: SubmitRun, options?: { readonly key?: string }): Promise<SubmitValue>;
  /** Adds up to 1,000 tasks. `expect`: how many there are before, so that a retry adds nothing twice; then a repeat resolves. */
  addTasks(id: RunId, tasks: readonly TaskInput[], expect: number): Promise<void>;
  seal(id: RunId): Promise<void>;
  cancel(id: RunId): Promise<void>;
  interrupt(id: RunId): Promise<void>;
  resume(id: RunId): Promise<void>;
  cancelTask(id: RunId, n: number): Promise<void>;
  pauseTask(id: RunId, n: number): Promise<void>;
  unpauseTask(id: RunId, n: number): Promise<void>;
  run(id: RunId): Promise<RunDetail>;
  /** Newest first. */
  runs(options?: { readonly limit?: number; readonly before?: RunId }): Promise<readonly RunView[]>;
  /** By number. */
  tasks(id: RunId, options?: Page & { readonly state?: TaskState }): Promise<readonly TaskView[]>;
  task(id: RunId, n: number): Promise<TaskDetail>;
  /** What was recorded, in the order of the store. */
  results(id: RunId, options?: Page): Promise<ResultPage>;
  /** Follows a run to its end, through restarts of the coordinator; each attempt's end is told exactly once. */
  watchRun(id: RunId, options: WatchOptions): Promise<RunEnded>;
  /** Tells what is recorded of a run by now, and resolves: its state, all tasks, then each attempt's end in the order of the store. */
  replay(id: RunId, onEvent: (event: RunEvent) => void): Promise<void>;
  /** What a task printed. `follow`: until its end. */
  logs(id: RunId, options: LogOptions): AsyncGenerator<LogChunk>;
  /** What the tasks of a run left, a page at a time. */
  artifacts(id: RunId, options?: Page): Promise<ArtifactPage>;
  /** The bytes of an artifact, from the latest attempt that left it or from `epoch`. Whoever needs certainty checks their digest. */
  artifact(id: RunId, n: number, name: string, options?: { readonly epoch?: number }): Promise<AsyncIterable<Uint8Array>>;
  /** Which of up to 1,000 digests the coordinator lacks; it keeps the others for a day. */
  missingBlobs(digests: readonly BlobDigest[], signal?: AbortSignal): Promise<readonly BlobDigest[]>;
  /** Uploads bytes; `source` is opened anew at each try. Resolves once they are durable. */
  putBlob(ref: BlobRef, source: () => AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  /** The bytes of a blob. */
  openBlob(digest: BlobDigest, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  status(): Promise<StatusValue>;
  /** OpenMetrics text. */
  metrics(): Promise<string>;
  /** Whether the coordinator takes work. Never rejects; tried once. */
  isReady(): Promise<boolean>;
  drainWorker(worker: WorkerId): Promise<void>;
  reportDeath(worker: WorkerId, incarnation: Incarnation, reason: string): Promise<void>;
  tokens(): Promise<readonly TokenView[]>;
  mintToken(name: string, scopes: readonly Scope[], lifeMs?: number): Promise<MintedToken>;
  rotateToken(keyId: string): Promise<MintedToken>;
  revokeToken(keyId: string): Promise<void>;
  /** Closes all connections; calls under way reject, open streams end. */
  close(): void;
}

export interface LogOptions {
  readonly n: number;
  readonly stream?: 'out' | 'err';
  readonly follow?: boolean;
  /** Milliseconds without a byte after which the connection counts as dead: `STREAM_SILENT`. Default 25,000. */
  readonly silenceMaxMs?: number;
  readonly signal?: AbortSignal;
}

/** Creates a client; nothing is sent before the first call. Errors: `CLIENT_BAD_URL`. */
export function createClient(options: ClientOptions): Client {
  const transport = createTransport(options);
  const json = async <Value>(exchange: Exchange): Promise<Value> => JSON.parse(await transport.call(exchange)) as Value;
  const get = <Value>(path: string): Promise<Value> => json<Value>({ method: 'GET', path });
  const post = <Value>(path: string, body: unknown = {}): Promise<Value> => json<Value>({ method: 'POST', path, body });
  const runPath = (id: RunId, rest = ''): string => `/api/v1/runs/${encodeURIComponent(id)}${rest}`;
  const verb =
    (name: string) =>
    async (id: RunId): Promise<void> =>
      void (await post(runPath(id, `/${name}`)));
  const taskVerb =
    (name: string) =>
    async (id: RunId, n: number): Promise<void> =>
      void (await post(runPath(id, `/tasks/${n}/${name}`)));

  return {
    url: options.url,
    submit: (run, { key = randomUUID() } = {}) =>
      json({ method: 'POST', path: '/api/v1/runs', body: run, headers: { 'idempotency-key': key } }),
    addTasks: (id, tasks, expect) => addTasks(transport, runPath(id, '/tasks'), tasks, expect),
    seal: verb('seal'),
    cancel: verb('cancel'),
    interrupt: verb('interrupt'),
    resume: verb('resume'),
    cancelTask: taskVerb('cancel'),
    pauseTask: taskVerb('pause'),
    unpauseTask: taskVerb('unpause'),
    run: (id) => get(runPath(id)),
    runs: async (query = {}) => (await get<{ readonly runs: readonly RunView[] }>(`/api/v1/runs${queryText(query)}`)).runs,
    tasks: async (id, query = {}) => (await get<{ readonly tasks: readonly TaskView[] }>(runPath(id, `/tasks${queryText(query)}`))).tasks,
    task: (id, n) => get(runPath(id, `/tasks/${n}`)),
    results: (id, query = {}) => get(runPath(id, `/results${queryText(query)}`)),
    watchRun: (id, watch) => watchRun(transport, id, watch),
    replay: (id, onEvent) => replayRun(transport, id, onEvent),
    logs: (id, query) => readLogs(transport, runPath(id, '/logs'), query),
    artifacts: (id, query = {}) => get(runPath(id, `/artifacts${queryText(query)}`)),
    artifact: (id, n, name, query = {}) =>
      transport.open({ method: 'GET', path: runPath(id, `/tasks/${n}/artifacts/${encodeURIComponent(name)}${queryText(query)}`) }),
    missingBlobs: async (digests, signal) => {
      const exchange = { method: 'POST', path: '/api/v1/blobs/missing', body: { digests }, ...(signal ? { signal } : {}) } as const;
      return (await json<{ readonly missing: readonly BlobDigest[] }>(exchange)).missing;
    },
    putBlob: async ({ digest, size }, source, signal) =>
      void (await transport.call({
        method: 'PUT',
        path: `/api/v1/blobs/${digest}`,
        upload: { size, source },
        ...(signal ? { signal } : {}),
      })),
    openBlob: (digest, signal) => transport.open({ method: 'GET', path: `/api/v1/blobs/${digest}`, ...(signal ? { signal } : {}) }),
    status: () => get('/api/v1/status'),
    metrics: () => transport.call({ method: 'GET', path: '/metrics' }),
    isReady: () => isReady(transport),
    drainWorker: async (worker) => void (await post(`/api/v1/workers/${encodeURIComponent(worker)}/drain`)),
    reportDeath: async (worker, incarnation, reason) => void (await post('/api/v1/workers/death', { worker, incarnation, reason })),
    tokens: async () => (await get<{ readonly tokens: readonly TokenView[] }>('/api/v1/tokens')).tokens,
    mintToken: (name, scopes, lifeMs) => post('/api/v1/tokens', { name, scopes, ...(lifeMs === undefined ? {} : { lifeMs }) }),
    rotateToken: (keyId) => post(`/api/v1/tokens/${encodeURIComponent(keyId)}/rotate`),
    revokeToken: async (keyId) => void (await json({ method: 'DELETE', path: `/api/v1/tokens/${encodeURIComponent(keyId)}` })),
    close: transport.close,
  };
}

async function addTasks(transport: Transport, path: string, tasks: readonly TaskInput[], expect: number): Promise<void> {
  try {
    await transport.call({ method: 'POST', path, body: { tasks, expect } });
  } catch (error) {
    // The first try arrived, its answer did not.
    if (error instanceof CodedError && error.details['code'] === 'already_added') return;
    throw error;
  }
}

async function isReady(transport: Transport): Promise<boolean> {
  try {
    const response = await transport.openOnce({ method: 'GET', path: '/readyz' });
    response.resume();
    return true;
  } catch {
    return false;
  }
}

async function* readLogs(transport: Transport, path: string, options: LogOptions): AsyncGenerator<LogChunk> {
  const { n, stream, follow, silenceMaxMs = SILENCE_MAX_MS, signal } = options;
  const query = queryText({ n, ...(stream === undefined ? {} : { stream }), ...(follow ? { follow: 1 } : {}) });
  const response = await transport.open({ method: 'GET', path: `${path}${query}`, ...(signal === undefined ? {} : { signal }) });
  try {
    for await (const line of readLines(response, silenceMaxMs)) yield JSON.parse(line) as LogChunk;
  } finally {
    response.destroy();
  }
}

function queryText(values: object): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined);
  return pairs.length === 0 ? '' : `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`;
}

/** The coordinator sends an empty line every ten seconds. */
const SILENCE_MAX_MS = 25_000;
