/**
 * Leases from grant to end: what verdicts made of them, what workers say of them, and what silence does to them.
 */
import { type MonoMs } from '@holdfast/kernel';
import type { Verdict } from '@holdfast/committer';
import { type AttemptResult, leaseText, type LeaseKey } from '@holdfast/model';
import type { EncodedMessage, WorkerMessage } from '@holdfast/protocol';
import type { Lane } from '@holdfast/reconnection-core';
import type { CancelledTask, Grant, LeaseRow, RunNow, TaskNow } from '@holdfast/task-store';
import { kindOf, packAssignments } from './assignments.ts';
import { ANY_CLASS, dropLease, expiryOf, grantedLease, type HeldLease, isFit, setEnding, type ToWorker, type Worker } from './fleet.ts';
import type { Shared } from './node.ts';
import type { Run } from './runs.ts';

type Told<Type extends WorkerMessage['t']> = Extract<WorkerMessage, { t: Type }>;

export interface Leases {
  /** Sends a message in the worker's session, if it has one. */
  tell(worker: Worker, message: ToWorker): void;
  hold(worker: Worker, lease: HeldLease): void;
  /** Assigns what a claim brought; gives it back when the worker went away or must tell its inventory first. */
  granted(worker: Worker, grants: readonly Grant[]): void;
  started(worker: Worker, message: Told<'started'>, done: () => void): void;
  paused(worker: Worker, message: Told<'paused'>, done: () => void): void;
  part(worker: Worker, message: Told<'part'>): void;
  /** `incomplete`: parts of the result are missing, so it must be offered again in a new session. */
  finished(worker: Worker, message: Told<'finished'>, done: () => void, incomplete: () => void): void;
  released(worker: Worker, message: LeaseKey, done: () => void): void;
  /** Its machine died, or took it down. `done` is called with the verdict. */
  lost(worker: Worker, key: LeaseKey, reason: string, done?: () => void): void;
  /** A hedged lease is alive after all. */
  unhedge(worker: Worker, lease: HeldLease): void;
  /** Leases that the store took away: stop them wherever they run. */
  revoke(rows: readonly LeaseRow[], as: 'cancelled' | 'released' | 'revoked'): void;
  /** A run is as the store says: tell its readers, forget it when it is over. */
  runIs(now: RunNow): void;
  /** The settled state of a task after a verdict, with all that follows. */
  taskIs(key: LeaseKey, value: TaskNow): void;
  /** Tells the readers of a run which of its tasks ended with their prerequisite. */
  tellCancelled(run: number, cancelled: readonly CancelledTask[]): void;
  /** When the silence of a worker matters next. */
  expiry(worker: Worker): MonoMs | undefined;
  /** The worker was silent for that long: act by policy (N4). */
  silent(worker: Worker): void;
  delayOver(task: string): void;
}

export function createLeases(shared: Shared): Leases {
  const { ops, runs, workersByOrd, touched } = shared;

  function tell(worker: Worker, message: ToWorker): void {
    offer(worker, message.t === 'stop' || message.t === 'inventory' || message.t === 'reconciled' ? 'critical' : 'high', message);
  }

  function offer(worker: Worker, lane: Lane, payload: ToWorker | EncodedMessage): void {
    if (!worker.session) return;
    worker.offered += 1;
    // Offering never has effects of its own: the messages leave when the session ticks.
    worker.session.handle({ kind: 'offered', lane, payload }, shared.now());
    touched.add(worker);
  }

  function hold(worker: Worker, lease: HeldLease): void {
    // The first lease begins the clock of silence anew: before it there was nothing to renew.
    if (worker.leases.size === 0) {
      worker.renewedAt = shared.now();
      worker.expiryStage = 0;
    }
    worker.leases.set(lease.text, lease);
    touched.add(worker);
  }

  function drop(worker: Worker, text: string): void {
    dropLease(worker, text);
    worker.digest.remove(text);
    // What it held may be a task that it was passed over for.
    worker.passedOver.clear();
    touched.add(worker);
  }

  function granted(worker: Worker, grants: readonly Grant[]): void {
    const fit = isFit(worker);
    const byRun = new Map<number, Grant[]>();
    for (const grant of grants) {
      const lease = grantedLease(worker, grant);
      if (!fit) {
        // Nothing was told of it yet, so nothing can have begun.
        worker.leases.set(lease.text, lease);
        released(worker, lease.key, () => {});
        continue;
      }
      hold(worker, lease);
      const list = byRun.get(grant.run);
      if (list) list.push(grant);
      else byRun.set(grant.run, [grant]);
    }
    for (const [ord, list] of byRun) assign(worker, ord, list);
  }

  function assign(worker: Worker, ord: number, list: readonly Grant[]): void {
    const run = runs.byOrd(ord);
    if (!run) return;
    if (!worker.knownRuns.has(ord)) {
      worker.knownRuns.add(ord);
      const bound = run.class === ANY_CLASS ? {} : { class: run.class };
      tell(worker, { t: 'run', run: ord, id: run.id, spec: run.spec as never, ...bound });
    }
    const { messages, tooLarge } = packAssignments(ord, list);
    for (const grant of tooLarge) refuseGrant(worker, grant);
    for (const message of messages) offer(worker, 'high', message);
    for (const grant of list) {
      if (tooLarge.length > 0 && tooLarge.includes(grant)) continue;
      worker.digest.add(leaseText(grant));
      shared.publish(run.id, {
        e: 'task',
        n: grant.n,
        name: grant.name,
        kind: kindOf(grant.body),
        state: 'leased',
        epoch: grant.epoch,
        worker: worker.registration.name,
      });
    }
  }

  /** The edge lets no such task in; a store that holds one all the same must not end the coordinator. */
  function refuseGrant(worker: Worker, grant: Grant): void {
    shared.note('warn', 'grant.tooLarge', { lease: leaseText(grant) });
    const result: AttemptResult = {
      outcome: 'errored',
      reason: 'the task and its checkpoint are too large to be sent',
      durationMs: 0,
      cases: [],
    };
    const { run, n, epoch } = grant;
    finished(
      worker,
      { t: 'finished', run, n, epoch, result: result as never },
      () => {},
      () => {},
    );
  }

  /** Publishes that a lease is in a state now. */
  function tellState(worker: Worker, key: LeaseKey, state: 'running' | 'paused'): void {
    const run = runs.byOrd(key.run);
    const name = worker.leases.get(leaseText(key))?.name ?? '';
    if (run) shared.publish(run.id, { e: 'task', n: key.n, name, state, epoch: key.epoch, worker: worker.registration.name });
  }

  const refused = (event: string, worker: Worker, key: LeaseKey, verdict: Verdict): void => {
    if (verdict.kind !== 'refused') return;
    shared.note('info', event, { worker: worker.id, lease: leaseText(key), reason: verdict.reason });
  };

  function finished(worker: Worker, message: Told<'finished'>, done: () => void, incomplete: () => void): void {
    const key: LeaseKey = { run: message.run, n: message.n, epoch: message.epoch };
    const text = leaseText(key);
    const lease = worker.leases.get(text);
    const ahead = lease?.parts ?? [];
    const given = message.result as AttemptResult;
    if (lease && (message.parts ?? 0) !== ahead.length) {
      shared.note('warn', 'result.incomplete', { lease: text, parts: ahead.length, announced: message.parts ?? 0 });
      lease.parts = [];
      return incomplete();
    }
    worker.digest.remove(text);
    if (lease) setEnding(worker, lease, 'finished');
    const result = ahead.length > 0 ? { ...given, cases: [...ahead.flat(), ...given.cases] } : given;
    ops.task({ op: 'task.finished', worker: worker.ord, ...key, result, wall: shared.wall() }, (verdict) => {
      if (verdict.kind === 'refused' && verdict.reason === 'missing_blob') {
        // G19: its bytes are not here, so there is no such result. The worker put them once; they went since, or it lies.
        if (lease) lease.ending = undefined;
        return lost(worker, key, `artifact ${String((verdict.row as { name?: unknown }).name)} of its result is not in the store`, done);
      }
      drop(worker, text);
      refused('result.refused', worker, key, verdict);
      if (verdict.kind === 'applied') {
        const run = runs.byOrd(key.run);
        if (run) {
          const final = !verdict.value.ready && verdict.value.delayMs === undefined;
          shared.publish(run.id, { e: 'finished', n: key.n, epoch: key.epoch, worker: worker.registration.name, result, final });
        }
        taskIs(key, verdict.value);
      }
      done();
    });
  }

  function lost(worker: Worker, key: LeaseKey, reason: string, done?: () => void): void {
    const text = leaseText(key);
    const lease = worker.leases.get(text);
    if (lease?.ending) return done?.();
    if (lease) setEnding(worker, lease, 'lost');
    worker.digest.remove(text);
    ops.task({ op: 'task.lost', worker: worker.ord, ...key, reason, wall: shared.wall() }, (verdict) => {
      drop(worker, text);
      refused('loss.refused', worker, key, verdict);
      if (verdict.kind === 'applied') {
        const run = runs.byOrd(key.run);
        if (run) shared.publish(run.id, { e: 'lost', n: key.n, epoch: key.epoch, worker: worker.registration.name, reason });
        taskIs(key, verdict.value);
      }
      done?.();
    });
  }

  function released(worker: Worker, message: LeaseKey, done: () => void): void {
    const key: LeaseKey = { run: message.run, n: message.n, epoch: message.epoch };
    const lease = worker.leases.get(leaseText(key));
    if (lease) setEnding(worker, lease, 'released');
    worker.digest.remove(leaseText(key));
    ops.task({ op: 'task.released', worker: worker.ord, ...key, wall: shared.wall() }, (verdict) => {
      drop(worker, leaseText(key));
      refused('release.refused', worker, key, verdict);
      if (verdict.kind === 'applied') taskIs(key, verdict.value);
      done();
    });
  }

  function taskIs(key: LeaseKey, value: TaskNow): void {
    if (value.ready) runs.changeReady(value.class, 1);
    if (value.unready) runs.changeReady(value.class, -1);
    for (const each of value.released) runs.changeReady(each.class, each.count);
    if (value.delayMs !== undefined) shared.delays.set(`${key.run}.${key.n}`, (shared.now() + value.delayMs) as MonoMs);
    revoke(value.revoked, 'revoked');
    tellCancelled(key.run, value.cancelled);
    const run = runs.byOrd(key.run);
    // Those who watch learn here that a task is queued again, or that it ended without a result.
    if (run && (value.state === 'queued' || value.state === 'dead_letter' || value.state === 'cancelled')) {
      shared.publish(run.id, { e: 'task', n: key.n, name: '', state: value.state });
    }
    runIs(value.run);
  }

  function tellCancelled(ord: number, cancelled: readonly CancelledTask[]): void {
    const run = runs.byOrd(ord);
    if (run) for (const { n, reason } of cancelled) shared.publish(run.id, { e: 'task', n, name: '', state: 'cancelled', reason });
  }

  function revoke(rows: readonly LeaseRow[], as: 'cancelled' | 'released' | 'revoked'): void {
    for (const row of rows) {
      const worker = workersByOrd.get(row.worker);
      if (!worker) continue;
      const key = { run: row.run, n: row.n, epoch: row.epoch };
      drop(worker, leaseText(key));
      // The store has taken the lease: the worker need not give it back.
      tell(worker, { t: 'stop', ...key, as: as === 'released' ? 'revoked' : as });
    }
  }

  function runIs(value: RunNow): void {
    const run = runs.byOrd(value.run);
    if (!run) return;
    run.state = value.state;
    run.counts = value.counts;
    if (!value.ended) return;
    shared.publish(run.id, { e: 'ended', state: value.state, counts: value.counts });
    shared.note('info', 'run.ended', { run: run.id, state: value.state });
    forget(run);
  }

  function forget(run: Run): void {
    runs.remove(run.run);
    for (const worker of shared.workers.values()) {
      if (worker.knownRuns.delete(run.run)) tell(worker, { t: 'forget', run: run.run });
    }
  }

  function silent(worker: Worker): void {
    touched.add(worker);
    const stage = worker.expiryStage;
    worker.expiryStage = stage === 0 ? 1 : 2;
    const reason = `no heartbeat of ${worker.registration.name} for ${Math.round((shared.now() - worker.renewedAt) / 1000)} s`;
    for (const lease of [...worker.leases.values()]) {
      if (lease.ending) continue;
      if (stage === 1 || lease.onDisconnect === 'replace') lost(worker, lease.key, reason);
      else if (lease.onDisconnect === 'hedge' && !lease.hedged) hedge(worker, lease);
    }
    if (worker.leases.size > 0) shared.note('warn', 'lease.expired', { worker: worker.id, leases: worker.leases.size, stage, reason });
  }

  function hedge(worker: Worker, lease: HeldLease): void {
    lease.hedged = true;
    ops.task({ op: 'task.hedge', worker: worker.ord, ...lease.key, wall: shared.wall() }, (verdict) => {
      if (verdict.kind === 'applied') runs.changeReady(verdict.value.class, 1);
      else shared.note('debug', 'hedge.refused', { worker: worker.id, lease: lease.text, reason: verdict.reason });
    });
  }

  return {
    tell,
    hold,
    granted,
    revoke,
    runIs,
    taskIs,
    tellCancelled,
    finished,
    lost,
    released,
    silent,
    started(worker, message, done) {
      ops.task(
        { op: 'task.started', worker: worker.ord, run: message.run, n: message.n, epoch: message.epoch, wall: shared.wall() },
        (verdict) => {
          if (verdict.kind === 'applied') tellState(worker, message, 'running');
          done();
        },
      );
    },
    paused(worker, message, done) {
      const { run, n, epoch, paused } = message;
      ops.task({ op: 'task.paused', worker: worker.ord, run, n, epoch, paused, wall: shared.wall() }, (verdict) => {
        if (verdict.kind === 'applied') tellState(worker, message, paused ? 'paused' : 'running');
        done();
      });
    },
    part(worker, message) {
      const lease = worker.leases.get(leaseText(message));
      if (!lease) return;
      if (message.part === 0) lease.parts = [];
      if (message.part === lease.parts.length) lease.parts.push(message.cases as never);
    },
    unhedge(worker, lease) {
      ops.task({ op: 'task.unhedge', ...lease.key, worker: worker.ord, sessionEpoch: worker.sessionEpoch }, (verdict) => {
        // Refused: the second attempt was granted meanwhile, or the lease is over. Either way a new silence hedges anew.
        lease.hedged = false;
        if (verdict.kind === 'applied') runs.changeReady(verdict.value.class, -1);
      });
    },
    expiry: (worker) => expiryOf(worker, shared.leaseTtl, shared.lostAfter),
    delayOver(task) {
      const [run, n] = task.split('.').map(Number);
      ops.task({ op: 'task.makeReady', run: run!, n: n! }, (verdict) => {
        if (verdict.kind === 'applied' && verdict.value.ready) runs.changeReady(verdict.value.class, 1);
      });
    },
  };
}
