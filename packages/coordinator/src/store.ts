/** The database of a coordinator: a writer thread over `<data>/holdfast.db`, and a reader thread from the first query on. */
import { join } from 'node:path';
import { authStoreUrl } from '@holdfast/auth/sqlite';
import type { ArtifactPage, AttemptView, ResultPage, RunView, TaskEventView, TaskView } from '@holdfast/client';
import type { AsyncCommitter } from '@holdfast/committer';
import { openSqliteReader, openSqliteThread, type SqliteReader } from '@holdfast/committer/sqlite';
import { CodedError, hasCode } from '@holdfast/kernel';
import type { RunId } from '@holdfast/model';
import type { RunEvent } from '@holdfast/results';
import {
  type RunDetail,
  type RunSummary,
  SQLITE_STORE_URL,
  type TaskDetail as StoredTask,
  type TaskSummary,
} from '@holdfast/task-store/sqlite';
import type { Queries } from './queries.ts';
import { API_QUERIES_URL } from './reader-queries.ts';

export interface Store extends Pick<AsyncCommitter, 'commit'> {
  readonly queries: Queries;
  close(): Promise<void>;
}

/**
 * Opens the writer. `bytesMax` bounds the file, for tests of a full disk.
 * Errors: those of the store, each with an exit code in its details: 75 when trying again may help, else 78.
 */
export async function openStore(dataFolder: string, bytesMax?: number): Promise<Store> {
  const path = join(dataFolder, 'holdfast.db');
  try {
    const writer = await openSqliteThread({
      path,
      modules: [SQLITE_STORE_URL, authStoreUrl],
      ...(bytesMax === undefined ? {} : { bytesMax }),
    });
    const reader = createLazyReader(() => openSqliteReader({ path, queries: [SQLITE_STORE_URL, API_QUERIES_URL] }));
    return {
      commit: (ops) => writer.commit(ops),
      queries: createQueries(reader),
      close: async () => {
        await reader.close();
        await writer.close();
      },
    };
  } catch (error) {
    throw withExitCode(error);
  }
}

/** Work begins without the reader's thread, and who never asks never pays for it. A start that failed is tried again by the next query. */
function createLazyReader(open: () => Promise<SqliteReader>): SqliteReader {
  let opening: Promise<SqliteReader> | undefined;
  let closed = false;
  const obtain = (): Promise<SqliteReader> => {
    if (closed) return Promise.reject(new CodedError('STORE_CLOSED', 'ask the store: it is closed'));
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  return {
    query: async (name, args) => (await obtain()).query(name, args),
    async close() {
      closed = true;
      const reader = await opening?.catch(() => undefined);
      await reader?.close();
    },
  };
}

function withExitCode(error: unknown): unknown {
  if (!(error instanceof CodedError)) return error;
  const exitCode = RETRY_LATER.some((code) => hasCode(error, code)) ? 75 : 78;
  return new CodedError(error.code, error.message, { retryable: error.retryable, details: { ...error.details, exitCode }, cause: error });
}

function createQueries(reader: SqliteReader): Queries {
  const ask = async <Value>(name: string, args: unknown): Promise<Value> => (await reader.query(name, args)) as Value;
  const ordinalOf = (id: RunId): Promise<number | undefined> => ask('api.ordinal', { id });
  return {
    async run(id) {
      const found = await ask<RunDetail | undefined>('run', { id });
      return found && { ...runView(found), sealed: found.sealed, client: found.client };
    },
    async runs(limit, before) {
      const ordinal = before === undefined ? undefined : await ordinalOf(before);
      if (before !== undefined && ordinal === undefined) return [];
      const found = await ask<RunSummary[]>('listRuns', { limit, ...(ordinal === undefined ? {} : { before: ordinal }) });
      return found.map(runView);
    },
    async tasks(id, after, limit, state) {
      const run = await ordinalOf(id);
      if (run === undefined) return [];
      const found = await ask<TaskSummary[]>('tasks', { run, afterN: after, limit, ...(state === undefined ? {} : { state }) });
      if (found.length === 0) return [];
      const facts = await ask<TaskFacts[]>('api.taskFacts', { run, from: found[0]!.n, to: found.at(-1)!.n });
      const byNumber = new Map(facts.map((fact) => [fact.n, fact]));
      return found.map((task) => taskView(task, byNumber.get(task.n)!));
    },
    async task(id, n) {
      const run = await ordinalOf(id);
      const found = run === undefined ? undefined : await ask<StoredTask | undefined>('task', { run, n });
      if (!found) return undefined;
      const { name, state, epoch, lost, predictedMs, reason, policy, body, after } = found;
      const version = found.events.at(-1)?.version ?? 0;
      const attempts: readonly AttemptView[] = found.attempts;
      const view = { n, name, kind: body.kind, state, epoch, attempts: attempts.length, lost, predictedMs, reason, version };
      return { ...view, policy, after, attemptRows: attempts, events: found.events.map((event) => eventView(event, attempts)) };
    },
    async results(id, after, limit) {
      const run = await ordinalOf(id);
      return run === undefined ? { events: [], after, more: false } : ask<ResultPage>('api.results', { run, after, limit });
    },
    async artifacts(id, after, limit) {
      const run = await ordinalOf(id);
      return run === undefined ? { artifacts: [], after, more: false } : ask<ArtifactPage>('api.artifacts', { run, after, limit });
    },
    async running(id) {
      const run = await ordinalOf(id);
      return run === undefined ? [] : ask<RunEvent[]>('api.running', { run });
    },
  };
}

interface TaskFacts {
  readonly n: number;
  readonly kind: TaskView['kind'];
  readonly version: number;
}

const runView = ({ id, name, principal, state, counts, createdWall, endedWall }: RunSummary): RunView => ({
  id: id as RunId,
  name,
  principal,
  state: state as RunView['state'],
  counts,
  createdWall,
  endedWall,
});

const taskView = (task: TaskSummary, { kind, version }: TaskFacts): TaskView => {
  const { n, name, state, epoch, attempts, lost, predictedMs, reason } = task;
  return { n, name, kind, state, epoch, attempts, lost, predictedMs, reason, version };
};

function eventView(event: StoredTask['events'][number], attempts: readonly AttemptView[]): TaskEventView {
  const { seq, version, kind, epoch, state, principal, reason, wall } = event;
  return { seq, version, kind, epoch, state, principal, reason, wall, worker: attempts.find((one) => one.epoch === epoch)?.worker ?? null };
}

const RETRY_LATER = ['STORE_LOCKED', 'STORE_FULL', 'STORE_IN_DOUBT', 'STORE_READER_LOST'];
