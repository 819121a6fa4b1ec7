/** Decisions about single tasks: hello, claim, and all that becomes of a lease. */
import type { Verdict } from '@holdfast/committer';
import { isTerminal, type TaskState } from '@holdfast/model';
import type { Neighbours } from './neighbours.ts';
import type {
  CancelTask,
  Claim,
  Claimed,
  FinishAttempt,
  Grant,
  HedgeAttempt,
  HelloApplied,
  HelloWorker,
  LeaseOp,
  LoseAttempt,
  MakeReady,
  PauseAttempt,
  ReadyCount,
  ReleaseAttempt,
  StartAttempt,
  TaskNow,
  UnhedgeAttempt,
} from './ops.ts';
import { resumeOf } from './resume.ts';
import {
  applied,
  assertFollows,
  endRunIfDone,
  isRunnable,
  leaseRow,
  makeReady,
  NO_DEPENDENTS,
  otherLeases,
  readyCount,
  refused,
  releaseDependents,
  revokeActive,
  unready,
  writeTask,
} from './settle.ts';
import { type AttemptRecord, FORMER_MAX, type LeaseState, type ReadyRecord, type TaskRecord, type TaskTables } from './tables.ts';

export function helloWorker(tables: TaskTables, op: HelloWorker): Verdict<HelloApplied> {
  const known = tables.workerById(op.worker);
  if (known && known.principal !== op.principal) return refused('other_principal');
  if (known?.former.includes(op.incarnation)) return refused('superseded', { incarnation: known.incarnation });
  const replaced = known && known.incarnation !== op.incarnation ? [known.incarnation] : [];
  const sessionEpoch = (known?.sessionEpoch ?? 0) + 1;
  const worker = tables.putWorker({
    worker: known?.worker ?? 0,
    id: op.worker,
    principal: op.principal,
    incarnation: op.incarnation,
    former: [...replaced, ...(known?.former ?? [])].slice(0, FORMER_MAX),
    sessionEpoch,
    coordinator: op.coordinator,
    name: op.name,
    registration: op.registration,
    seen: op.wall,
  });
  return applied({ worker, sessionEpoch, held: tables.activeOf(worker).map((row) => leaseRow(tables, row)) });
}

export function claim(tables: TaskTables, op: Claim, { checkpoints }: Neighbours): Verdict<Claimed> {
  const worker = tables.worker(op.worker);
  if (worker?.sessionEpoch !== op.sessionEpoch) return refused('stale_session', { sessionEpoch: worker?.sessionEpoch ?? 0 });
  const grants: Grant[] = [];
  const { chosen, skipped } = choose(tables, op.classes, op.credits, (task) =>
    tables.active(task.run, task.n).some((row) => row.worker === op.worker),
  );
  for (const { row, task } of chosen) {
    const epoch = task.epoch + 1;
    tables.deleteReady(row);
    tables.insertAttempt({
      run: task.run,
      n: task.n,
      epoch,
      worker: op.worker,
      incarnation: worker.incarnation,
      state: 'leased',
      hedge: false,
      granted: op.wall,
      started: null,
      ended: null,
      reason: null,
      result: null,
    });
    // A hedge's second grant leaves the state to the lease that is out already.
    const state = task.state === 'queued' ? 'leased' : task.state;
    const next = { ...task, state, epoch, attempts: task.attempts + 1, ready: false };
    const granted = writeTask(tables, next, { kind: 'task.granted', epoch, worker: op.worker, wall: op.wall });
    const { name, body, policy } = tables.describe(task.run, task.n);
    const { timeoutMs, graceMs, onDisconnect } = policy;
    const grant = { run: task.run, n: task.n, epoch, name, class: row.class, body, timeoutMs, graceMs, onDisconnect };
    // A first attempt has no predecessor that could have left one.
    grants.push(epoch === 1 ? grant : { ...grant, ...resumeOf(tables, granted, checkpoints, op.wall) });
  }
  return applied({ grants, skipped });
}

/** The first `credits` ready rows over all classes, by rank; never a second attempt on the worker that has the first. */
function choose(
  tables: TaskTables,
  classes: readonly string[],
  credits: number,
  holds: (task: TaskRecord) => boolean,
): { chosen: { row: ReadyRecord; task: TaskRecord }[]; skipped: ReadyCount[] } {
  const skipped: ReadyCount[] = [];
  const chosen: { row: ReadyRecord; task: TaskRecord }[] = [];
  for (const className of [...new Set(classes)].sort()) {
    let found = 0;
    let passed = 0;
    let from: ReadyRecord | undefined;
    while (found < credits) {
      const wanted = credits - found;
      const rows = tables.readyFrom(className, from, wanted);
      for (const row of rows) {
        const task = tables.task(row.run, row.n)!;
        if (task.state !== 'queued' && holds(task)) {
          passed += 1;
          continue;
        }
        chosen.push({ row, task });
        found += 1;
      }
      if (rows.length < wanted) break;
      from = rows.at(-1);
    }
    skipped.push(...readyCount(className, passed));
  }
  chosen.sort((a, b) => a.row.rank - b.row.rank || a.row.run - b.row.run || a.row.n - b.row.n);
  return { chosen: chosen.slice(0, Math.max(0, credits)), skipped: chosen.length < credits ? skipped : [] };
}

export function startAttempt(tables: TaskTables, op: StartAttempt): Verdict<null> {
  const lease = findOpenLease(tables, op);
  if (lease.kind === 'refused') return lease;
  return move(tables, lease.value, 'leased', 'running', op.wall);
}

export function pauseAttempt(tables: TaskTables, op: PauseAttempt): Verdict<null> {
  const lease = findOpenLease(tables, op);
  if (lease.kind === 'refused') return lease;
  return op.paused ? move(tables, lease.value, 'running', 'paused', op.wall) : move(tables, lease.value, 'paused', 'running', op.wall);
}

function move(tables: TaskTables, { task, attempt }: Lease, from: LeaseState, to: LeaseState, wall: number): Verdict<null> {
  if (attempt.state !== from) return refused('bad_transition', { from: attempt.state, to });
  tables.putAttempt({ ...attempt, state: to, started: attempt.started ?? wall });
  // Beside a hedge the task shows the most active of its leases.
  const others = otherLeases(tables, task, attempt.epoch);
  const state: TaskState = to === 'paused' && others.some((row) => row.state === 'running') ? 'running' : to;
  assertFollows(task.state, state, task);
  const kind = to === 'paused' ? 'task.paused' : from === 'paused' ? 'task.resumed' : 'task.started';
  writeTask(tables, { ...task, state }, { kind, epoch: attempt.epoch, worker: attempt.worker, wall });
  return applied(null);
}

export function finishAttempt(tables: TaskTables, op: FinishAttempt, neighbours: Neighbours): Verdict<TaskNow> {
  const lease = findLease(tables, op);
  if (lease.kind === 'refused') return lease;
  const { task, attempt } = lease.value;
  const { result, wall } = op;
  if (result.artifacts) {
    const { blobs } = neighbours;
    // G19: what it names must be durable before it is.
    const missing = result.artifacts.find(({ digest }) => !blobs.has(digest));
    if (missing) return refused('missing_blob', { name: missing.name, digest: missing.digest });
    for (const { digest } of result.artifacts) blobs.reference(digest);
  }
  tables.putAttempt({ ...attempt, state: 'ended', ended: wall, result });
  const failures = task.failures + (RETRIED.has(result.outcome) ? 1 : 0);
  const again = RETRIED.has(result.outcome) && failures <= task.retries;
  return settle(tables, neighbours, { ...task, failures }, attempt, {
    to: again ? 'queued' : result.outcome,
    delayMs: again ? task.retryDelayMs : 0,
    fence: task.epoch + 1,
    reason: result.reason ?? null,
    kind: 'task.finished',
    wall,
  });
}

export function loseAttempt(tables: TaskTables, op: LoseAttempt, neighbours: Neighbours): Verdict<TaskNow> {
  const lease = findLease(tables, op);
  if (lease.kind === 'refused') return lease;
  const { task, attempt } = lease.value;
  tables.putAttempt({ ...attempt, state: 'lost', ended: op.wall, reason: op.reason });
  tables.count(task.run, { lostAttempts: 1 });
  const lost = task.lost + 1;
  const next = { ...task, lost };
  if (lost >= task.maxLost) {
    return settle(tables, neighbours, next, attempt, {
      to: 'dead_letter',
      delayMs: 0,
      fence: task.epoch + 1,
      reason: op.reason,
      kind: 'task.lost',
      wall: op.wall,
    });
  }
  return giveBack(tables, neighbours, next, attempt, 'task.lost', op.reason, op.wall);
}

export function releaseAttempt(tables: TaskTables, op: ReleaseAttempt, neighbours: Neighbours): Verdict<TaskNow> {
  const lease = findLease(tables, op);
  if (lease.kind === 'refused') return lease;
  const { task, attempt } = lease.value;
  tables.putAttempt({ ...attempt, state: 'released', ended: op.wall });
  return giveBack(tables, neighbours, task, attempt, 'task.released', null, op.wall);
}

/**
 * One lease ended without a result. The fence rises to the lowest lease that is still out; if there is none, above all epochs, and
 * the task is queued. If every lease still out wanted a hedge, the place for a second attempt comes back.
 */
function giveBack(
  tables: TaskTables,
  neighbours: Neighbours,
  task: TaskRecord,
  attempt: AttemptRecord,
  kind: 'task.lost' | 'task.released',
  reason: string | null,
  wall: number,
): Verdict<TaskNow> {
  const left = otherLeases(tables, task, attempt.epoch);
  if (left.length === 0)
    return settle(tables, neighbours, task, attempt, { to: 'queued', delayMs: 0, fence: task.epoch + 1, reason, kind, wall });
  const run = tables.run(task.run)!;
  const again = !task.ready && left.every((row) => row.hedge);
  const fence = Math.max(task.fence, left[0]!.epoch);
  writeTask(
    tables,
    { ...(again ? makeReady(tables, task, run.class) : task), fence },
    { kind, epoch: attempt.epoch, worker: attempt.worker, reason, wall },
  );
  return applied({
    state: task.state,
    class: run.class,
    ready: again,
    revoked: [],
    unready: false,
    run: { run: run.run, state: run.state, counts: run.counts, ended: false },
    released: [],
    cancelled: [],
  });
}

interface Settlement {
  readonly to: TaskState;
  readonly delayMs: number;
  readonly fence: number;
  readonly reason: string | null;
  readonly kind: 'task.finished' | 'task.lost' | 'task.released' | 'task.cancelled';
  readonly wall: number;
  readonly principal?: string;
}

/** Moves a task out of all its leases: to a terminal state or back to the queue, with all that follows for its run. */
function settle(
  tables: TaskTables,
  { checkpoints }: Neighbours,
  task: TaskRecord,
  attempt: AttemptRecord | undefined,
  to: Settlement,
): Verdict<TaskNow> {
  assertFollows(task.state, to.to, task);
  const run = tables.run(task.run)!;
  const revoked = revokeActive(tables, task, 'revoked', to.wall, attempt?.epoch ?? 0);
  const wasReady = unready(tables, task, run.class);
  const terminal = isTerminal(to.to);
  const bare: TaskRecord = {
    ...task,
    state: to.to,
    fence: to.fence,
    delayMs: to.delayMs,
    ready: false,
    reason: terminal && to.kind !== 'task.finished' ? to.reason : null,
    finalEpoch: terminal && to.kind === 'task.finished' ? attempt!.epoch : 0,
    ended: terminal ? to.wall : null,
  };
  const ready = isRunnable(bare) && run.state !== 'interrupted';
  const next = ready ? makeReady(tables, bare, run.class) : bare;
  writeTask(tables, next, {
    kind: to.kind,
    epoch: attempt?.epoch ?? 0,
    worker: attempt?.worker ?? null,
    principal: to.principal ?? null,
    reason: to.reason,
    wall: to.wall,
  });
  if (terminal) checkpoints.prune(task, to.wall);
  const { ready: released, cancelled } = terminal ? releaseDependents(tables, run, next, to.wall) : NO_DEPENDENTS;
  const now: TaskNow = {
    state: next.state,
    class: run.class,
    ready,
    revoked,
    unready: wasReady,
    run: endRunIfDone(tables, task.run, to.wall),
    released: readyCount(run.class, released),
    cancelled,
  };
  return applied(next.delayMs > 0 ? { ...now, delayMs: next.delayMs } : now);
}

export function hedgeAttempt(tables: TaskTables, op: HedgeAttempt): Verdict<{ readonly class: string }> {
  const lease = findOpenLease(tables, op);
  if (lease.kind === 'refused') return lease;
  const { task, attempt } = lease.value;
  if (task.ready) return refused('already_hedged');
  const className = tables.run(task.run)!.class;
  tables.putAttempt({ ...attempt, hedge: true });
  writeTask(tables, makeReady(tables, task, className), { kind: 'task.hedged', epoch: op.epoch, worker: attempt.worker, wall: op.wall });
  return applied({ class: className });
}

export function unhedgeAttempt(tables: TaskTables, op: UnhedgeAttempt): Verdict<{ readonly class: string }> {
  const lease = findOpenLease(tables, op);
  if (lease.kind === 'refused') return lease;
  const { task, attempt } = lease.value;
  if (tables.worker(op.worker)?.sessionEpoch !== op.sessionEpoch) return refused('stale_lease');
  if (!task.ready) return refused('not_hedged');
  const className = tables.run(task.run)!.class;
  tables.putAttempt({ ...attempt, hedge: false });
  unready(tables, task, className);
  writeTask(tables, { ...task, ready: false }, { kind: 'task.unhedged', epoch: op.epoch, worker: op.worker, wall: op.wall ?? 0 });
  return applied({ class: className });
}

export function makeTaskReady(tables: TaskTables, op: MakeReady): Verdict<{ readonly class: string; readonly ready: boolean }> {
  const task = tables.task(op.run, op.n);
  if (!task) return refused('unknown_task');
  if (task.delayMs === 0) return refused('not_delayed', { state: task.state });
  const run = tables.run(op.run)!;
  const next = { ...task, delayMs: 0 };
  const ready = isRunnable(next) && run.state !== 'interrupted';
  writeTask(tables, ready ? makeReady(tables, next, run.class) : next, { kind: 'task.ready', wall: op.wall ?? 0 });
  return applied({ class: run.class, ready });
}

export function cancelTask(tables: TaskTables, op: CancelTask, neighbours: Neighbours): Verdict<TaskNow> {
  const task = tables.task(op.run, op.n);
  if (!task) return refused('unknown_task');
  if (isTerminal(task.state)) return refused('terminal', { state: task.state, epoch: task.epoch });
  return settle(tables, neighbours, task, undefined, {
    to: 'cancelled',
    delayMs: 0,
    fence: task.epoch + 1,
    reason: null,
    kind: 'task.cancelled',
    wall: op.wall,
    principal: op.principal,
  });
}

interface Lease {
  readonly task: TaskRecord;
  readonly attempt: AttemptRecord;
}

/** The task and its lease, if that is still valid (O1). */
function findLease(
  tables: TaskTables,
  key: LeaseOp,
): { readonly kind: 'found'; readonly value: Lease } | Extract<Verdict, { kind: 'refused' }> {
  const task = tables.task(key.run, key.n);
  if (!task) return { kind: 'refused', reason: 'unknown_task' };
  const attempt = tables.attempt(key);
  const row = { state: task.state, epoch: task.epoch, fence: task.fence };
  // G21: only the holder speaks for a lease.
  if (attempt?.worker !== key.worker) return { kind: 'refused', reason: 'stale_lease', row };
  if (isActive(attempt) && key.epoch >= task.fence) return { kind: 'found', value: { task, attempt } };
  return { kind: 'refused', reason: attempt.result ? 'duplicate' : 'stale_lease', row };
}

/** The same where a recorded result is nothing but another way of being over. */
export function findOpenLease(tables: TaskTables, key: LeaseOp): ReturnType<typeof findLease> {
  const lease = findLease(tables, key);
  return lease.kind === 'refused' && lease.reason === 'duplicate' ? { ...lease, reason: 'stale_lease' } : lease;
}

/** Whether an attempt is out on a worker. */
export const isActive = (row: AttemptRecord): boolean => row.state === 'leased' || row.state === 'running' || row.state === 'paused';

const RETRIED: ReadonlySet<string> = new Set(['failed', 'errored', 'timed_out']);
