/** What clients ask for: each request is answered once, after what it asked for is durable. */
import { durationMs } from '@holdfast/kernel';
import { NO_COUNTS, type RunId } from '@holdfast/model';
import type { Op, Verdict } from '@holdfast/committer';
import type { RunStopped } from '@holdfast/task-store';
import type { ClientReply, ClientRequest } from './contract.ts';
import { classOf, type Worker } from './fleet.ts';
import type { Leases } from './leases.ts';
import type { Shared } from './node.ts';
import { whyNone } from './notices.ts';
import type { Run } from './runs.ts';
import { statusOf } from './status.ts';

type Asked<Kind extends ClientRequest['kind']> = Extract<ClientRequest, { kind: Kind }>;

export interface Requests {
  /** `open`: the node takes requests; else all but `status` are refused 503, or wait for the recovery. */
  take(token: number, principal: string, request: ClientRequest, open: boolean): void;
  /** Recovery is over: takes the requests that came before. */
  mayGo(): void;
}

export function createRequests(shared: Shared, leases: Leases): Requests {
  const { ops, runs } = shared;
  let early: { readonly token: number; readonly principal: string; readonly request: ClientRequest }[] = [];
  let recovered = false;

  const reply = (token: number, answer: ClientReply): void => shared.emit({ kind: 'reply', token, reply: answer });
  const refuse = (token: number, status: 400 | 404 | 409 | 422 | 429 | 503 | 507, code: string, message: string): void =>
    reply(token, { ok: false, status, code, message });
  const refuseVerdict = (token: number, verdict: Verdict): void => {
    if (verdict.kind !== 'refused') return;
    const status =
      verdict.reason === 'unknown_run' || verdict.reason === 'unknown_task' ? 404 : verdict.reason === 'unknown_dependency' ? 422 : 409;
    refuse(token, status, verdict.reason, REFUSALS[verdict.reason] ?? verdict.reason);
  };

  /** Answers 404 unless the run is one that is not over. */
  function withRun(token: number, id: RunId, act: (run: Run) => void): void {
    const run = runs.byId(id);
    if (run) act(run);
    else refuse(token, 404, 'unknown_run', `no run ${id} is open here; it may be over`);
  }

  function take(token: number, principal: string, request: ClientRequest, open: boolean): void {
    if (request.kind === 'status') return reply(token, { ok: true, value: statusOf(shared, durationMs(0)) as never });
    if (!recovered) return void early.push({ token, principal, request });
    if (!open) return refuse(token, 503, 'draining', 'the coordinator is about to restart');
    switch (request.kind) {
      case 'submit':
        return submit(token, principal, request);
      case 'addTasks':
        return withRun(token, request.id, (run) => addTasks(token, principal, run, request.tasks, request.expect));
      case 'seal':
        return withRun(token, request.id, (run) =>
          seal(token, principal, run, () => reply(token, { ok: true, value: { id: run.id, state: run.state } })),
        );
      case 'cancelRun':
        return withRun(token, request.id, (run) => stopRun(token, principal, run, 'task.cancelRun', 'cancelled'));
      case 'interruptRun':
        return withRun(token, request.id, (run) => stopRun(token, principal, run, 'task.interruptRun', 'released'));
      case 'resumeRun':
        return withRun(token, request.id, (run) => resume(token, principal, run));
      case 'cancelTask':
        return withRun(token, request.id, (run) => cancelTask(token, principal, run, request.n));
      case 'pauseTask':
        return withRun(token, request.id, (run) => pauseTask(token, run, request.n, request.paused));
      case 'drainWorker': {
        const worker = shared.workers.get(request.worker);
        if (!worker) return refuse(token, 404, 'unknown_worker', `no worker ${request.worker} is known`);
        worker.draining = true;
        leases.tell(worker, { t: 'drain' });
        return reply(token, { ok: true, value: { worker: worker.id, held: worker.leases.size } });
      }
    }
  }

  function submit(token: number, principal: string, request: Asked<'submit'>): void {
    if (runs.remaining() + request.tasks.length > shared.options.queuedMax) return refuseFull(token);
    const mismatch = whyNone(shared, classOf(request.fingerprint));
    if (mismatch) return refuse(token, 409, 'fingerprint_mismatch', mismatch);
    const { id, name, spec, key, keyHash, client } = request;
    const op = {
      op: 'task.openRun',
      id,
      name,
      principal,
      spec,
      class: classOf(request.fingerprint),
      wall: shared.wall(),
      ...(key === undefined ? {} : { key, keyHash: keyHash ?? '' }),
      ...(client === undefined ? {} : { client }),
    } as const;
    ops.task(op, (verdict) => {
      if (verdict.kind === 'refused') return refuseVerdict(token, verdict);
      const { run: ord, existing } = verdict.value;
      const known = runs.byOrd(ord);
      // The run of this key is over already: its answer is its id.
      if (existing && !known) return reply(token, { ok: true, value: { id: verdict.value.id, tasks: 0, existing: true } });
      const run = known ?? runs.add({ run: ord, id, name, state: 'open', spec, class: op.class, counts: NO_COUNTS });
      const answer = (): void => reply(token, { ok: true, value: { id: run.id, tasks: request.tasks.length, existing } });
      if (!known) shared.publish(run.id, { e: 'run', state: 'open', counts: NO_COUNTS });
      add(principal, run, request.tasks, 0, (added) => {
        // A repeated submit finds its tasks there.
        if (added.kind === 'refused' && added.reason !== 'already_added' && added.reason !== 'run_closed')
          return refuseVerdict(token, added);
        if (request.seal) seal(token, principal, run, answer);
        else answer();
      });
    });
  }

  function add(
    principal: string,
    run: Run,
    tasks: Asked<'submit'>['tasks'],
    expect: number | undefined,
    then: (verdict: Verdict) => void,
  ): void {
    if (tasks.length === 0) return then({ kind: 'applied', value: null });
    const op = {
      op: 'task.addTasks',
      run: run.run,
      tasks,
      principal,
      wall: shared.wall(),
      ...(expect === undefined ? {} : { expect }),
    } as const;
    // A worker with room claims them in the same transaction: they need not wait for a second one.
    const runnable = run.state === 'open' ? tasks.filter((task) => (task.after ?? []).length === 0).length : 0;
    runs.expectReady(run.class, runnable);
    ops.task(op, (verdict) => {
      runs.expectReady(run.class, -runnable);
      if (verdict.kind === 'applied') {
        runs.changeReady(run.class, verdict.value.ready);
        const { total, remaining, cancelled } = run.counts;
        const dropped = verdict.value.cancelled.length;
        run.counts = {
          ...run.counts,
          total: total + tasks.length,
          remaining: remaining + tasks.length - dropped,
          cancelled: cancelled + dropped,
        };
        leases.tellCancelled(run.run, verdict.value.cancelled);
      }
      then(verdict);
    });
  }

  function addTasks(token: number, principal: string, run: Run, tasks: Asked<'addTasks'>['tasks'], expect: number | undefined): void {
    if (runs.remaining() + tasks.length > shared.options.queuedMax) return refuseFull(token);
    add(principal, run, tasks, expect, (verdict) => {
      if (verdict.kind === 'refused') refuseVerdict(token, verdict);
      else reply(token, { ok: true, value: verdict.value as never });
    });
  }

  function seal(token: number, principal: string, run: Run, then: () => void): void {
    ops.task({ op: 'task.sealRun', run: run.run, principal, wall: shared.wall() }, (verdict) => {
      if (verdict.kind === 'refused') return refuseVerdict(token, verdict);
      leases.runIs(verdict.value);
      then();
    });
  }

  function stopRun(
    token: number,
    principal: string,
    run: Run,
    name: 'task.cancelRun' | 'task.interruptRun',
    as: 'cancelled' | 'released',
  ): void {
    ops.any({ op: name, run: run.run, principal, wall: shared.wall() } as Op, (verdict) => {
      if (verdict.kind === 'refused') return refuseVerdict(token, verdict);
      const stopped = verdict.value as RunStopped;
      runs.changeReady(stopped.class, -stopped.unready);
      leases.revoke(stopped.revoked, as);
      if (!stopped.run.ended) shared.publish(run.id, { e: 'run', state: stopped.run.state, counts: stopped.run.counts });
      leases.runIs(stopped.run);
      reply(token, { ok: true, value: { id: run.id, state: stopped.run.state, stopped: stopped.revoked.length } });
    });
  }

  function resume(token: number, principal: string, run: Run): void {
    ops.task({ op: 'task.resumeRun', run: run.run, principal, wall: shared.wall() }, (verdict) => {
      if (verdict.kind === 'refused') return refuseVerdict(token, verdict);
      const { state, counts } = verdict.value.run;
      run.state = state;
      run.counts = counts;
      runs.changeReady(run.class, verdict.value.ready);
      shared.publish(run.id, { e: 'run', state, counts });
      reply(token, { ok: true, value: { id: run.id, state, ready: verdict.value.ready } });
    });
  }

  function cancelTask(token: number, principal: string, run: Run, n: number): void {
    ops.task({ op: 'task.cancel', run: run.run, n, principal, wall: shared.wall() }, (verdict) => {
      if (verdict.kind === 'refused') return refuseVerdict(token, verdict);
      leases.revoke(verdict.value.revoked, 'cancelled');
      leases.taskIs({ run: run.run, n, epoch: 0 }, { ...verdict.value, revoked: [] });
      reply(token, { ok: true, value: { id: run.id, n, state: verdict.value.state } });
    });
  }

  function pauseTask(token: number, run: Run, n: number, paused: boolean): void {
    const holders: Worker[] = [];
    for (const worker of shared.workers.values()) {
      for (const lease of worker.leases.values()) {
        if (lease.key.run !== run.run || lease.key.n !== n) continue;
        leases.tell(worker, { t: 'pause', ...lease.key, paused });
        holders.push(worker);
      }
    }
    if (holders.length === 0) return refuse(token, 409, 'not_running', `task ${n} does not run now`);
    reply(token, { ok: true, value: { id: run.id, n, asked: holders.length } });
  }

  const refuseFull = (token: number): void =>
    refuse(
      token,
      429,
      'queue_full',
      `${runs.remaining()} tasks are unfinished, ${shared.options.queuedMax} is the limit; nothing was accepted`,
    );

  return {
    take,
    mayGo() {
      recovered = true;
      for (const { token, principal, request } of early) take(token, principal, request, true);
      early = [];
    },
  };
}

const REFUSALS: Readonly<Record<string, string>> = {
  idempotency_mismatch: 'this idempotency key belongs to another submission',
  already_added: 'these tasks were added before',
  run_closed: 'the run takes no more tasks',
  unknown_dependency: 'a task names a dependency that is not in the run',
  terminal: 'it is over already',
};
