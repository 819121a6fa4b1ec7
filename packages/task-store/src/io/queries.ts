/** Queries of the reader thread: everything that people, reports and the dashboard ask. Pages are keyset pages. */
import type { AttemptResult, Json, RunCounts, RunSpec, TaskBody, TaskPolicy, TaskState } from '@holdfast/model';
import type { Kysely } from 'kysely';
import type { AttemptState, EventRecord } from '../tables.ts';
import type { TaskSchema } from './query-schema.ts';

type Db = Kysely<TaskSchema>;

export interface RunSummary {
  readonly run: number;
  readonly id: string;
  readonly name: string;
  readonly principal: string;
  readonly class: string;
  readonly state: string;
  readonly counts: RunCounts;
  readonly createdWall: number;
  readonly endedWall: number | null;
}
export interface RunDetail extends RunSummary {
  readonly sealed: boolean;
  readonly spec: RunSpec;
  readonly client: Json;
}
export interface TaskSummary {
  readonly run: number;
  readonly n: number;
  readonly name: string;
  readonly state: TaskState;
  readonly epoch: number;
  readonly attempts: number;
  readonly lost: number;
  readonly predictedMs: number;
  /** Of the last attempt that has a result. */
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly durationMs: number | null;
  /** Of the latest attempt. */
  readonly worker: string | null;
}
export interface AttemptDetail {
  readonly epoch: number;
  readonly worker: string;
  readonly state: AttemptState;
  readonly grantedWall: number;
  readonly startedWall: number | null;
  readonly endedWall: number | null;
  readonly reason: string | null;
  readonly result: AttemptResult | null;
}
export interface ResultRow {
  readonly n: number;
  readonly name: string;
  readonly state: TaskState;
  readonly reason: string | null;
  /** Epoch whose result ended the task; 0: none did. */
  readonly finalEpoch: number;
  /** All attempts by epoch, the final one among them. */
  readonly attempts: readonly AttemptDetail[];
}
export interface TaskDetail extends ResultRow {
  readonly run: number;
  readonly epoch: number;
  readonly fence: number;
  readonly lost: number;
  readonly blocked: number;
  readonly delayMs: number;
  readonly ready: boolean;
  readonly predictedMs: number;
  readonly body: TaskBody;
  readonly policy: TaskPolicy;
  /** Numbers of the tasks that must pass first. */
  readonly after: readonly number[];
  readonly events: readonly EventRecord[];
}
export interface WorkerSummary {
  readonly worker: number;
  readonly id: string;
  readonly incarnation: string;
  readonly sessionEpoch: number;
  readonly coordinator: string;
  readonly name: string;
  readonly registration: Json;
  readonly seenWall: number;
  /** Leases that are out. */
  readonly leases: number;
}
export type EventPage = readonly EventRecord[];

/** Named queries; `undefined` answers say that there is no such row. */
export const storeQueries = {
  /** Newest first; `before` is a run's ordinal. */
  async listRuns(db: Db, { limit, before }: { limit: number; before?: number }): Promise<RunSummary[]> {
    let query = selectRuns(db).orderBy('runs.run', 'desc').limit(limit);
    if (before !== undefined) query = query.where('runs.run', '<', before);
    return (await query.execute()).map(summary);
  },
  /** By public id, or by ordinal. */
  async run(db: Db, { id }: { id: string | number }): Promise<RunDetail | undefined> {
    const row = await selectRuns(db)
      .innerJoin('run_specs', 'run_specs.run', 'runs.run')
      .select(['run_specs.spec', 'run_specs.client'])
      .where(typeof id === 'number' ? 'runs.run' : 'runs.id', '=', id)
      .executeTakeFirst();
    if (!row) return undefined;
    return { ...summary(row), sealed: row.sealed === 1, spec: JSON.parse(row.spec) as RunSpec, client: JSON.parse(row.client) as Json };
  },
  /** By number, behind `afterN`. */
  async tasks(
    db: Db,
    { run, state, afterN, limit }: { run: number; state?: TaskState; afterN?: number; limit: number },
  ): Promise<TaskSummary[]> {
    let query = db
      .selectFrom('tasks')
      .innerJoin('descriptions as d', (join) => join.onRef('d.run', '=', 'tasks.run').onRef('d.n', '=', 'tasks.n'))
      .selectAll('tasks')
      .select(['d.name', 'd.predictedMs'])
      .where('tasks.run', '=', run)
      .where('tasks.n', '>', afterN ?? 0)
      .orderBy('tasks.n')
      .limit(limit);
    if (state !== undefined) query = query.where('tasks.state', '=', state);
    const rows = await query.execute();
    const attempts = await attemptsOf(db, run, rows);
    return rows.map((row) => {
      const own = attempts.get(row.n) ?? [];
      const result = own.findLast((attempt) => attempt.result !== null)?.result;
      return {
        run,
        n: row.n,
        name: row.name,
        state: row.state as TaskState,
        epoch: row.epoch,
        attempts: row.attempts,
        lost: row.lost,
        predictedMs: row.predictedMs,
        outcome: result?.outcome ?? null,
        reason: row.reason ?? result?.reason ?? own.at(-1)?.reason ?? null,
        durationMs: result?.durationMs ?? null,
        worker: own.at(-1)?.worker ?? null,
      };
    });
  },
  /** Tasks that are over or have an attempt with a result, by number. */
  async results(db: Db, { run, afterN, limit }: { run: number; afterN?: number; limit: number }): Promise<ResultRow[]> {
    const rows = await db
      .selectFrom('tasks')
      .innerJoin('descriptions as d', (join) => join.onRef('d.run', '=', 'tasks.run').onRef('d.n', '=', 'tasks.n'))
      .select(['tasks.n', 'd.name', 'tasks.state', 'tasks.reason', 'tasks.finalEpoch'])
      .where('tasks.run', '=', run)
      .where('tasks.n', '>', afterN ?? 0)
      .where((where) => where.or([where('tasks.ended', 'is not', null), where('tasks.failures', '>', 0)]))
      .orderBy('tasks.n')
      .limit(limit)
      .execute();
    const attempts = await attemptsOf(db, run, rows);
    return rows.map((row) => ({ ...row, state: row.state as TaskState, attempts: attempts.get(row.n) ?? [] }));
  },
  async task(db: Db, { run, n }: { run: number; n: number }): Promise<TaskDetail | undefined> {
    const row = await db
      .selectFrom('tasks')
      .innerJoin('descriptions as d', (join) => join.onRef('d.run', '=', 'tasks.run').onRef('d.n', '=', 'tasks.n'))
      .selectAll('tasks')
      .select(['d.name', 'd.predictedMs', 'd.body', 'd.policy'])
      .where('tasks.run', '=', run)
      .where('tasks.n', '=', n)
      .executeTakeFirst();
    if (!row) return undefined;
    const after = await db.selectFrom('dependencies').select('n').where('run', '=', run).where('dependent', '=', n).orderBy('n').execute();
    const events = await db
      .selectFrom('events')
      .leftJoin('workers', 'workers.worker', 'events.worker')
      .selectAll('events')
      // Every row names who did it: who asked, else the worker's principal, else the coordinator itself.
      .select((select) => select.fn.coalesce('events.principal', 'workers.principal', select.val('coordinator')).as('principal'))
      .where('run', '=', run)
      .where((where) =>
        where.or([
          where('n', '=', n),
          where.and([where('kind', '=', 'tasks.added'), where('n', '<=', n), where(where('n', '+', where.ref('count')), '>', n)]),
        ]),
      )
      .orderBy('seq')
      .execute();
    const { name, state, reason, finalEpoch, epoch, fence, lost, blocked, delayMs, predictedMs } = row;
    return {
      ...{ run, n, name, state: state as TaskState, reason, finalEpoch, epoch, fence, lost, blocked, delayMs, predictedMs },
      ready: row.ready === 1,
      body: JSON.parse(row.body) as TaskBody,
      policy: JSON.parse(row.policy) as TaskPolicy,
      after: after.map((dependency) => dependency.n),
      attempts: (await attemptsOf(db, run, [row])).get(n) ?? [],
      events: events as EventRecord[],
    };
  },
  /** By `seq`, behind `afterSeq`. */
  async events(db: Db, { run, afterSeq, limit }: { run: number; afterSeq?: number; limit: number }): Promise<EventPage> {
    const query = db
      .selectFrom('events')
      .selectAll()
      .where('run', '=', run)
      .where('seq', '>', afterSeq ?? 0);
    return (await query.orderBy('seq').limit(limit).execute()) as EventRecord[];
  },
  async workers(db: Db): Promise<WorkerSummary[]> {
    const rows = await db.selectFrom('workers').selectAll().orderBy('worker').execute();
    const held = await db
      .selectFrom('attempts')
      .select((select) => ['worker', select.fn.countAll<number>().as('leases')])
      .where('state', 'in', ['leased', 'running', 'paused'])
      .groupBy('worker')
      .execute();
    const leases = new Map(held.map((row) => [row.worker, row.leases]));
    return rows.map(({ seen, registration, ...row }) => ({
      ...row,
      registration: JSON.parse(registration) as Json,
      seenWall: seen,
      leases: leases.get(row.worker) ?? 0,
    }));
  },
};

const selectRuns = (db: Db) =>
  db.selectFrom('runs').innerJoin('classes', 'classes.class', 'runs.class').selectAll('runs').select('classes.name as className');

function summary(row: Awaited<ReturnType<ReturnType<typeof selectRuns>['executeTakeFirstOrThrow']>>): RunSummary {
  const { run, id, name, principal, className, state, created, ended } = row;
  const { total, remaining, passed, failed, errored, timedOut, cancelled, deadLetter, lostAttempts } = row;
  const counts = { total, remaining, passed, failed, errored, timedOut, cancelled, deadLetter, lostAttempts };
  return { run, id, name, principal, class: className, state, counts, createdWall: created, endedWall: ended };
}

/** Attempts of a page of tasks, by task, each by epoch. */
async function attemptsOf(db: Db, run: number, tasks: readonly { readonly n: number }[]): Promise<Map<number, AttemptDetail[]>> {
  const found = new Map<number, AttemptDetail[]>();
  if (tasks.length === 0) return found;
  const wanted = new Set(tasks.map((task) => task.n));
  const rows = await db
    .selectFrom('attempts')
    .innerJoin('workers', 'workers.worker', 'attempts.worker')
    .selectAll('attempts')
    .select('workers.name as workerName')
    .where('attempts.run', '=', run)
    .where('attempts.n', '>=', Math.min(...wanted))
    .where('attempts.n', '<=', Math.max(...wanted))
    .orderBy('attempts.n')
    .orderBy('attempts.epoch')
    .execute();
  for (const row of rows) {
    if (!wanted.has(row.n)) continue;
    const list = found.get(row.n) ?? [];
    list.push({
      epoch: row.epoch,
      worker: row.workerName,
      state: row.state as AttemptState,
      grantedWall: row.granted,
      startedWall: row.started,
      endedWall: row.ended,
      reason: row.reason,
      result: row.result === null ? null : (JSON.parse(row.result) as AttemptResult),
    });
    found.set(row.n, list);
  }
  return found;
}
