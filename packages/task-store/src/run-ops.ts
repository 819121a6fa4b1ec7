/** Decisions about runs as wholes: opening, adding, sealing, stopping, going on, and a coordinator's start. */
import type { Verdict } from '@holdfast/committer';
import { NO_COUNTS, type TaskSpec } from '@holdfast/model';
import type { Neighbours } from './neighbours.ts';
import type {
  AddedTasks,
  AddTasks,
  CancelledTask,
  CancelRun,
  InterruptRun,
  LeaseRow,
  OpenedRun,
  OpenRun,
  ResumedRun,
  ResumeRun,
  RunNow,
  RunStopped,
  SealRun,
  StartCoordinator,
  Started,
} from './ops.ts';
import {
  applied,
  endRunIfDone,
  isRunnable,
  leaseRow,
  makeReady,
  putRunState,
  refused,
  revokeActive,
  runNow,
  runRow,
  unready,
  writeTask,
} from './settle.ts';
import { RANK_STEP, type RunRecord, type TaskTables } from './tables.ts';

export function startCoordinator(tables: TaskTables, op: StartCoordinator): Verdict<Started> {
  const epoch = tables.raiseCoordinator(op.coordinator, op.wall);
  const active = tables.activeOf();
  const holders = [...new Set(active.map((row) => row.worker))].sort((a, b) => a - b);
  return applied({
    epoch,
    runs: tables.liveRuns().map(runRow),
    workers: holders.map((ordinal) => {
      const { worker, id, principal, incarnation, sessionEpoch } = tables.worker(ordinal)!;
      return { worker, id, principal, incarnation, sessionEpoch };
    }),
    leases: active.map((row) => leaseRow(tables, row)),
    ready: tables.readyCounts(),
    delayed: tables.delayed().map(({ run, n, delayMs }) => ({ run, n, delayMs })),
  });
}

export function openRun(tables: TaskTables, op: OpenRun): Verdict<OpenedRun> {
  const known = (op.key === undefined ? undefined : tables.runByKey(op.principal, op.key)) ?? tables.runById(op.id);
  if (known) {
    const same = known.key === (op.key ?? null) && known.keyHash === (op.keyHash ?? null) && known.principal === op.principal;
    return same ? applied({ run: known.run, id: known.id, existing: true }) : refused('idempotency_mismatch', { id: known.id });
  }
  const run = tables.insertRun({
    id: op.id,
    name: op.name,
    principal: op.principal,
    key: op.key ?? null,
    keyHash: op.keyHash ?? null,
    class: op.class,
    spec: op.spec,
    client: op.client ?? null,
    state: 'open',
    sealed: false,
    version: 1,
    created: op.wall,
    ended: null,
    counts: NO_COUNTS,
  });
  tables.insertEvent({
    run,
    n: 0,
    version: 1,
    kind: 'run.opened',
    epoch: 0,
    state: 'open',
    fence: 0,
    worker: null,
    principal: op.principal,
    reason: null,
    count: 0,
    wall: op.wall,
  });
  return applied({ run, id: op.id, existing: false });
}

export function addTasks(tables: TaskTables, op: AddTasks): Verdict<AddedTasks> {
  const run = tables.run(op.run);
  if (!run) return refused('unknown_run');
  const before = run.counts.total;
  // Before `run_closed`: a repeated call after sealing must still learn that its tasks are in.
  if (op.expect !== undefined && op.expect !== before) return refused('already_added', { total: before });
  if (run.sealed || run.state === 'cancelled' || run.state === 'finished') return refused('run_closed', { state: run.state });
  const stranger = op.tasks.findIndex((task, index) => (task.after ?? []).some((n) => !Number.isInteger(n) || n < 1 || n > before + index));
  if (stranger >= 0) return refused('unknown_dependency', { n: before + stranger + 1, after: [...(op.tasks[stranger]!.after ?? [])] });

  tables.count(op.run, { total: op.tasks.length, remaining: op.tasks.length });
  tables.insertEvent({
    run: op.run,
    n: before + 1,
    version: 1,
    kind: 'tasks.added',
    epoch: 0,
    state: 'queued',
    fence: 1,
    worker: null,
    principal: op.principal ?? null,
    reason: null,
    count: op.tasks.length,
    wall: op.wall,
  });
  const seq = tables.takeSeq(op.tasks.length);
  let ready = 0;
  const cancelled: CancelledTask[] = [];
  op.tasks.forEach((spec, index) => {
    const n = before + 1 + index;
    const added = addTask(tables, run, n, seq + index, spec, op.wall);
    if (added.ready) ready += 1;
    if (added.reason !== undefined) cancelled.push({ n, reason: added.reason });
  });
  return applied({ first: before + 1, count: op.tasks.length, ready, cancelled });
}

/** Returns whether the task is runnable at once, and why it was cancelled if it was. */
function addTask(
  tables: TaskTables,
  run: RunRecord,
  n: number,
  seq: number,
  spec: TaskSpec,
  wall: number,
): { readonly ready: boolean; readonly reason?: string } {
  const { name, predictedMs, body, policy } = spec;
  let blocked = 0;
  let failed = 0;
  for (const after of new Set(spec.after)) {
    const state = tables.task(run.run, after)!.state;
    if (state === 'passed') continue;
    blocked += 1;
    // Only open prerequisites are waited for; one that can never pass ends this task at once.
    if (TERMINAL_UNPASSED.has(state)) failed ||= after;
    else tables.insertDependency(run.run, after, n);
  }
  const ready = blocked === 0 && run.state === 'open';
  const row = {
    run: run.run,
    n,
    rank: seq + policy.priority * RANK_STEP,
    retries: policy.retries,
    retryDelayMs: policy.retryDelayMs,
    maxLost: policy.maxLost,
    onDisconnect: policy.onDisconnect,
    state: 'queued' as const,
    epoch: 0,
    fence: 1,
    attempts: 0,
    lost: 0,
    failures: 0,
    blocked,
    delayMs: 0,
    ready,
    version: 1,
    finalEpoch: 0,
    reason: null,
    ended: null,
  };
  tables.insertTask(row, { name, predictedMs, body: JSON.stringify(body), policy }, run.class);
  if (ready) tables.insertReady({ class: run.class, rank: row.rank, run: run.run, n });
  if (failed === 0) return { ready };
  const reason = `task ${failed} did not pass`;
  writeTask(tables, { ...row, state: 'cancelled', fence: 1, reason, ended: wall }, { kind: 'task.cancelled', wall, reason });
  tables.count(run.run, { remaining: -1, cancelled: 1 });
  return { ready: false, reason };
}

export function sealRun(tables: TaskTables, op: SealRun): Verdict<RunNow> {
  const run = tables.run(op.run);
  if (!run) return refused('unknown_run');
  if (run.sealed || run.state === 'cancelled') return applied(runNow(run, false));
  const state = run.state === 'open' ? 'sealed' : run.state;
  putRunState(tables, { ...run, sealed: true, state }, 'run.sealed', op.wall, op.principal ?? null);
  return applied(endRunIfDone(tables, op.run, op.wall));
}

export function cancelRun(tables: TaskTables, op: CancelRun, { checkpoints }: Neighbours): Verdict<RunStopped> {
  const run = tables.run(op.run);
  if (!run) return refused('unknown_run');
  if (run.state === 'finished' || run.state === 'cancelled') return refused('terminal', { state: run.state });
  const revoked: LeaseRow[] = [];
  let removed = 0;
  let cancelled = 0;
  for (const task of tables.unfinished(op.run)) {
    revoked.push(...revokeActive(tables, task, 'revoked', op.wall));
    if (unready(tables, task, run.class)) removed += 1;
    cancelled += 1;
    if (task.epoch > 0) checkpoints.prune(task, op.wall);
    writeTask(
      tables,
      { ...task, state: 'cancelled', fence: task.epoch + 1, delayMs: 0, ready: false, ended: op.wall },
      { kind: 'task.cancelled', wall: op.wall, principal: op.principal },
    );
  }
  const counts = tables.count(op.run, { remaining: -cancelled, cancelled });
  putRunState(tables, { ...run, state: 'cancelled', ended: op.wall }, 'run.cancelled', op.wall, op.principal);
  return applied({ run: { run: op.run, state: 'cancelled', counts, ended: true }, class: run.class, revoked, unready: removed });
}

export function interruptRun(tables: TaskTables, op: InterruptRun): Verdict<RunStopped> {
  const run = tables.run(op.run);
  if (!run) return refused('unknown_run');
  if (run.state === 'finished' || run.state === 'cancelled') return refused('terminal', { state: run.state });
  if (run.state === 'interrupted') return applied({ run: runNow(run, false), class: run.class, revoked: [], unready: 0 });
  const revoked: LeaseRow[] = [];
  let removed = 0;
  for (const task of tables.unfinished(op.run)) {
    const leases = revokeActive(tables, task, 'released', op.wall);
    revoked.push(...leases);
    const wasReady = unready(tables, task, run.class);
    if (wasReady) removed += 1;
    const next = { ...task, ready: false, delayMs: 0 };
    if (leases.length > 0) {
      const event = { kind: 'task.released', epoch: task.epoch, wall: op.wall, principal: op.principal } as const;
      writeTask(tables, { ...next, state: 'queued', fence: task.epoch + 1 }, event);
    } else if (wasReady || task.delayMs > 0) {
      tables.putTask(next);
    }
  }
  const next = { ...run, state: 'interrupted' as const };
  putRunState(tables, next, 'run.interrupted', op.wall, op.principal);
  return applied({ run: runNow(next, false), class: run.class, revoked, unready: removed });
}

export function resumeRun(tables: TaskTables, op: ResumeRun): Verdict<ResumedRun> {
  const run = tables.run(op.run);
  if (!run) return refused('unknown_run');
  if (run.state === 'finished' || run.state === 'cancelled') return refused('terminal', { state: run.state });
  if (run.state !== 'interrupted') return applied({ run: runRow(run), ready: 0 });
  const state = run.sealed ? ('sealed' as const) : ('open' as const);
  const next = putRunState(tables, { ...run, state }, 'run.resumed', op.wall, op.principal);
  let ready = 0;
  for (const task of tables.unfinished(op.run)) {
    if (!isRunnable(task)) continue;
    tables.putTask(makeReady(tables, task, run.class));
    ready += 1;
  }
  return applied({ run: runRow(next), ready });
}

const TERMINAL_UNPASSED = new Set(['failed', 'errored', 'timed_out', 'cancelled', 'dead_letter']);
