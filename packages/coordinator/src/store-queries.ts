/** The queries of the API over a reader of the store, whichever database that is. */
import type { ArtifactPage, AttemptView, ResultPage, RunView, TaskEventView, TaskView } from '@holdfast/client';
import type { RunId } from '@holdfast/model';
import type { RunEvent } from '@holdfast/results';
import type { RunDetail, RunSummary, TaskDetail as StoredTask, TaskSummary } from '@holdfast/task-store/sqlite';
import type { Queries } from './queries.ts';

/** Named queries of a store. */
export interface Reader {
  query(name: string, args: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** Asks `reader` for what the API answers. */
export function createQueries(reader: Reader): Queries {
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
