/**
 * Makes the executor of a worker: takes orders, keeps their lifecycle, and leaves nothing behind.
 *
 * One attempt per slot is the caller's business; attempts of one executor do not wait for each other.
 */
import { resolve } from 'node:path';
import type { Clock, Timers } from '@holdfast/kernel';
import { type AttemptEvent, leaseText } from '@holdfast/model';
import { hostProgram, type HostProgram } from '@holdfast/test-adapters/host';
import type { Surroundings } from './attempt.ts';
import { beginAttempt, type RunningAttempt } from './begin-attempt.ts';
import type { Executor, WorkerPolicy } from './executor.ts';
import { createPlaces } from './place.ts';
import { type DeathReport, openReaper } from './reaper-link.ts';
import { createScratch } from './scratch.ts';
import { createSweeper } from './sweep.ts';
import { createWarmHosts } from './warm-hosts.ts';

export interface ExecutorOptions {
  /** Absolute folder of the worker's checkout: runs without `cwd` work here, and by default nothing outside is allowed. */
  readonly root: string;
  /** What tasks may do. */
  readonly policy: WorkerPolicy;
  /** Environment that the policy lets through in part. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds between two checkpoints of a folder at least. Default 1,000. */
  readonly checkpointEveryMs?: number;
  /** Where the reaper tells that this process has died. Default: nowhere; `reportDeathTo` sets it later. */
  readonly report?: DeathReport;
  /** The host program of an adapter; throws for one that it does not know. Default: those of @holdfast/test-adapters. */
  readonly hostProgram?: (adapter: string) => HostProgram;
  /**
   * Told, in a sentence, when a test host that was closed in order ended badly: a global teardown failed, which makes the
   * plain command fail, too. It comes after the attempts of its run, at the latest before `close` resolves. Default: dropped.
   */
  readonly teardownFailed?: (reason: string) => void;
}

export interface ExecutorPorts {
  readonly clock: Clock;
  readonly timers: Timers;
}

/** An executor over real processes. */
export interface ProcessExecutor extends Executor {
  /** Sets or changes where the reaper tells that this process has died, with one POST of `{ worker, incarnation }`. */
  reportDeathTo(target: DeathReport): void;
  /** Process id of the reaper; undefined where there is none. */
  reaperPid(): number | undefined;
}

/**
 * Starts an executor and its reaper. Events may come inside a call of `start`, `stop` or `pause`.
 * Whatever is wrong with an order shows in its `ended` event; nothing throws for it.
 */
export function createExecutor(options: ExecutorOptions, ports: ExecutorPorts, emit: (event: AttemptEvent) => void): ProcessExecutor {
  const { policy } = options;
  const root = resolve(options.root);
  const reaper = openReaper();
  if (options.report) reaper.report(options.report);
  const scratch = createScratch();
  const around: Surroundings = {
    scratch,
    checkpointEveryMs: options.checkpointEveryMs ?? CHECKPOINT_EVERY_MS,
    ...ports,
    policy,
    folders: policy.folders ?? [root],
    sweeper: createSweeper(),
    reaper,
    hostProgram: options.hostProgram ?? hostProgram,
    teardownFailed: (reason) => options.teardownFailed?.(reason),
  };
  const hosts = createWarmHosts(around);
  const places = createPlaces(root, options.env ?? process.env, around);
  const current = new Map<string, RunningAttempt>();
  const waiting: (() => void)[] = [];
  let closing = false;

  return {
    start(order, run, slot) {
      const key = leaseText(order);
      // A worker starts (task, epoch) once; the same order again is the same attempt.
      if (current.has(key)) return;
      if (closing) {
        const lease = { run: order.run, n: order.n, epoch: order.epoch };
        emit({ kind: 'ended', lease, result: { outcome: 'cancelled', reason: 'the worker is closing', durationMs: 0, cases: [] } });
        return;
      }
      const running = beginAttempt(order, places.ofAttempt(order, run, slot), around, hosts, emit);
      current.set(key, running);
      void running.over.then((finish) => {
        current.delete(key);
        finish();
        if (current.size === 0) for (const wake of waiting.splice(0)) wake();
      });
    },
    stop: (lease) => current.get(leaseText(lease))?.overseer.stop(),
    pause: (lease, paused) => current.get(leaseText(lease))?.overseer.pause(paused),
    checkpointSettled: (lease, seq, problem) => current.get(leaseText(lease))?.settled(seq, problem),
    prewarm(suite, run, slot) {
      const place = places.ofHost(suite, run, slot);
      // What is wrong is told by the first order that needs the host.
      if (!closing && place.ok) hosts.prewarm(place.value);
    },
    runEnded: (run) => hosts.runEnded(run),
    async close() {
      closing = true;
      for (const running of current.values()) running.overseer.stop();
      if (current.size > 0) await new Promise<void>((resolve) => waiting.push(resolve));
      await hosts.close();
      await reaper.close();
      scratch.close();
    },
    reportDeathTo: (target) => reaper.report(target),
    reaperPid: () => reaper.pid(),
  };
}

const CHECKPOINT_EVERY_MS = 1000;
