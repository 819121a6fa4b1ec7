/**
 * Queries of the API that the task store does not have: what was recorded, in the order it was, and what runs now.
 * The store's reader loads this file, over SQLite and over PostgreSQL: columns with capitals are quoted.
 */
import type { ArtifactPage, ResultPage } from '@holdfast/client';
import { siblingUrl } from '@holdfast/committer/sqlite';
import { type AttemptResult, isTerminal, type TaskBody, type TaskState } from '@holdfast/model';
import type { RunEvent } from '@holdfast/results';
import { type Kysely, sql } from 'kysely';

/** The URL of this file, for the reader thread. */
export const API_QUERIES_URL: string = siblingUrl(import.meta.url, 'reader-queries');

/** Named queries. */
export const storeQueries = {
  /** `finished`, `lost`, and `task` for what ended without a result, behind the event numbered `after`. */
  async 'api.results'(
    db: Kysely<unknown>,
    { run, after, limit }: { readonly run: number; readonly after: number; readonly limit: number },
  ): Promise<ResultPage> {
    const { rows } = await sql<ResultRow>`
      SELECT e.seq, e.n, e.kind, e.epoch, e.state, coalesce(e.reason, a.reason) AS reason, w.name AS worker, a.result, d.name
      FROM events AS e
      JOIN descriptions AS d ON d.run = e.run AND d.n = e.n
      LEFT JOIN attempts AS a ON a.run = e.run AND a.n = e.n AND a.epoch = e.epoch
      LEFT JOIN workers AS w ON w.worker = a.worker
      WHERE e.run = ${run} AND e.seq > ${after} AND e.kind IN ('task.finished', 'task.lost', 'task.cancelled')
      ORDER BY e.seq LIMIT ${limit + 1}`.execute(db);
    const page = rows.slice(0, limit);
    return { events: page.flatMap(eventsOf), after: page.at(-1)?.seq ?? after, more: rows.length > limit };
  },
  /** What attempts left, by task and epoch. A page ends between tasks. */
  async 'api.artifacts'(
    db: Kysely<unknown>,
    { run, after, limit }: { readonly run: number; readonly after: number; readonly limit: number },
  ): Promise<ArtifactPage> {
    const { rows } = await sql<ArtifactRow>`
      SELECT a.n, a.epoch, d.name AS task, w.name AS worker, a.result
      FROM attempts AS a
      JOIN descriptions AS d ON d.run = a.run AND d.n = a.n
      LEFT JOIN workers AS w ON w.worker = a.worker
      WHERE a.run = ${run} AND a.n > ${after} AND a.result LIKE '%"artifacts":%'
      ORDER BY a.n, a.epoch LIMIT ${limit + ATTEMPTS_OVER}`.execute(db);
    const last = rows.length > limit ? rows[limit - 1]!.n : undefined;
    const page = last === undefined ? rows : rows.filter((row) => row.n <= last);
    const artifacts = page.flatMap(({ n, epoch, task, worker, result }) =>
      // The text may speak of artifacts elsewhere.
      ((JSON.parse(result) as AttemptResult).artifacts ?? []).map((artifact) => ({ n, epoch, task, worker: worker ?? '', ...artifact })),
    );
    return { artifacts, after: page.at(-1)?.n ?? after, more: last !== undefined && page.length < rows.length };
  },
  /** `task` events of attempts that are out, by task. */
  async 'api.running'(db: Kysely<unknown>, { run }: { readonly run: number }): Promise<RunEvent[]> {
    const { rows } = await sql<RunningRow>`
      SELECT t.n, t.state, t.attempts AS attempt, a.epoch, w.name AS worker, d.name, d."predictedMs", d.body
      FROM tasks AS t
      JOIN attempts AS a ON a.run = t.run AND a.n = t.n AND a.epoch = t.epoch
      JOIN workers AS w ON w.worker = a.worker
      JOIN descriptions AS d ON d.run = t.run AND d.n = t.n
      WHERE t.run = ${run} AND t.state IN ('leased', 'running', 'paused')
      ORDER BY t.n LIMIT ${RUNNING_MAX}`.execute(db);
    return rows.map(({ body, ...row }) => ({ e: 'task', ...row, kind: (JSON.parse(body) as TaskBody).kind }));
  },
  /** Bodies' kinds and versions of a page of tasks, which the task store's summary leaves out. */
  async 'api.taskFacts'(
    db: Kysely<unknown>,
    { run, from, to }: { readonly run: number; readonly from: number; readonly to: number },
  ): Promise<{ n: number; kind: TaskBody['kind']; version: number }[]> {
    const { rows } = await sql<{ n: number; body: string; version: number }>`
      SELECT t.n, d.body, t.version
      FROM tasks AS t JOIN descriptions AS d ON d.run = t.run AND d.n = t.n
      WHERE t.run = ${run} AND t.n BETWEEN ${from} AND ${to} ORDER BY t.n`.execute(db);
    return rows.map(({ body, ...row }) => ({ ...row, kind: (JSON.parse(body) as TaskBody).kind }));
  },
  /** The ordinal of a run. */
  async 'api.ordinal'(db: Kysely<unknown>, { id }: { readonly id: string }): Promise<number | undefined> {
    const { rows } = await sql<{ run: number }>`SELECT run FROM runs WHERE id = ${id}`.execute(db);
    return rows[0]?.run;
  },
};

interface ResultRow {
  readonly seq: number;
  readonly n: number;
  readonly name: string;
  readonly kind: string;
  readonly epoch: number;
  readonly state: TaskState;
  readonly reason: string | null;
  readonly worker: string | null;
  readonly result: string | null;
}

interface ArtifactRow {
  readonly n: number;
  readonly epoch: number;
  readonly task: string;
  readonly worker: string | null;
  readonly result: string;
}

interface RunningRow {
  readonly n: number;
  readonly name: string;
  readonly state: TaskState;
  readonly epoch: number;
  readonly attempt: number;
  readonly worker: string;
  readonly predictedMs: number;
  readonly body: string;
}

function eventsOf(row: ResultRow): RunEvent[] {
  const { n, name, epoch, state } = row;
  const worker = row.worker ?? '';
  const reason = row.reason === null ? {} : { reason: row.reason };
  const ended: RunEvent = { e: 'task', n, name, state, ...reason };
  if (row.kind === 'task.finished' && row.result !== null) {
    return [{ e: 'finished', n, epoch, worker, result: JSON.parse(row.result) as AttemptResult, final: isTerminal(state) }];
  }
  if (row.kind === 'task.lost') {
    const lost: RunEvent = { e: 'lost', n, epoch, worker, reason: row.reason ?? 'lost' };
    return isTerminal(state) ? [lost, ended] : [lost];
  }
  return [ended];
}

const RUNNING_MAX = 4096;
/** More attempts than a task can have: so that all of the last task of a page are read. */
const ATTEMPTS_OVER = 64;
