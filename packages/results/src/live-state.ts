/**
 * What a live display needs to know and the fold does not keep: who runs what since when, and what is left to do.
 *
 * L1 An attempt is shown from its first news until its task leaves it or its worker is lost.
 * L2 All sums are kept by difference: one event is O(1), reading is O(workers + running).
 */
import { elapsed, type MonoMs } from '@holdfast/kernel';
import { isTerminal } from '@holdfast/model';
import type { RunEvent, TaskTold } from './run-event.ts';

export interface LiveWorker {
  readonly name: string;
  readonly slots: number;
  readonly state: 'here' | 'lost' | 'left';
  /** Longest running first. */
  readonly running: readonly LiveAttempt[];
}

export interface LiveAttempt {
  readonly n: number;
  readonly name: string;
  readonly since: MonoMs;
  /** 0: unknown. */
  readonly predictedMs: number;
}

export interface LiveState {
  apply(event: RunEvent, now: MonoMs): void;
  /** Sorted by name; those that left are gone. */
  workers(): readonly LiveWorker[];
  /** How many attempts run on `worker`. */
  runningOn(worker: string): number;
  /** Milliseconds until the end, from predictions and from what files took so far; undefined: cannot be told. */
  leftMs(now: MonoMs): number | undefined;
}

interface WorkerEntry {
  slots: number;
  state: LiveWorker['state'];
  readonly running: Map<string, LiveAttempt>;
}

export function createLiveState(): LiveState {
  const workers = new Map<string, WorkerEntry>();
  /** Where the attempts of each task run: worker by epoch. */
  const places = new Map<number, Map<number, string>>();
  const left = createWorkLeft();

  const workerOf = (name: string): WorkerEntry => {
    let worker = workers.get(name);
    if (!worker) workers.set(name, (worker = { slots: 0, state: 'here', running: new Map() }));
    return worker;
  };
  const stop = (n: number, epoch: number): void => {
    const ofTask = places.get(n);
    const place = ofTask?.get(epoch);
    if (place === undefined) return;
    workers.get(place)?.running.delete(`${n}.${epoch}`);
    ofTask!.delete(epoch);
    if (ofTask!.size === 0) places.delete(n);
  };
  const stopAll = (n: number): void => {
    for (const epoch of places.get(n)?.keys() ?? []) stop(n, epoch);
  };
  const start = (event: TaskTold, now: MonoMs): void => {
    const { n, epoch, worker } = event;
    if (worker === undefined || epoch === undefined || places.get(n)?.has(epoch)) return;
    const { name, predictedMs } = left.known(event);
    places.set(n, (places.get(n) ?? new Map<number, string>()).set(epoch, worker));
    workerOf(worker).running.set(`${n}.${epoch}`, { n, name, since: now, predictedMs });
  };
  const task = (event: TaskTold, now: MonoMs): void => {
    if (isTerminal(event.state)) {
      left.settle(event.n, event.durationMs);
      stopAll(event.n);
      return;
    }
    left.list(event);
    if (event.state === 'queued') stopAll(event.n);
    else start(event, now);
  };

  return {
    apply(event, now) {
      switch (event.e) {
        case 'worker': {
          const worker = workerOf(event.worker);
          worker.slots = event.slots;
          worker.state = event.change === 'lost' ? 'lost' : event.change === 'left' ? 'left' : 'here';
          if (event.change === 'left') workers.delete(event.worker);
          return;
        }
        case 'task':
          task(event, now);
          return;
        case 'finished':
          stop(event.n, event.epoch);
          if (event.final) left.settle(event.n, event.result.durationMs);
          return;
        case 'lost':
          stop(event.n, event.epoch);
          return;
        default:
      }
    },
    workers: () =>
      [...workers]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { slots, state, running }]) => ({
          name,
          slots,
          state,
          running: [...running.values()].sort((a, b) => a.since - b.since),
        })),
    runningOn: (name) => workers.get(name)?.running.size ?? 0,
    leftMs(now) {
      const here = [...workers.values()].filter(({ state }) => state === 'here');
      return left.ms(
        here.reduce((sum, { slots }) => sum + slots, 0),
        here.flatMap(({ running }) => [...running.values()].map(({ n, since }) => ({ n, ranMs: elapsed(since, now) }))),
      );
    },
  };
}

interface WorkLeft {
  list(event: TaskTold): void;
  settle(n: number, durationMs: number | undefined): void;
  /** What is known of a task, by this event or earlier ones. */
  known(event: TaskTold): { readonly name: string; readonly predictedMs: number };
  ms(slots: number, running: readonly { readonly n: number; readonly ranMs: number }[]): number | undefined;
}

/** The work that is left: predicted where known, else what a settled file took on average. */
function createWorkLeft(): WorkLeft {
  const open = new Map<number, { readonly name: string; readonly predictedMs: number }>();
  const settled = new Set<number>();
  let knownMs = 0;
  let unknown = 0;
  let doneMs = 0;
  let done = 0;
  return {
    list({ n, name, predictedMs = 0 }) {
      if (settled.has(n)) return;
      const before = open.get(n);
      open.set(n, { name: name || before?.name || `task ${n}`, predictedMs: before?.predictedMs || predictedMs });
      if (before !== undefined && (before.predictedMs > 0 || predictedMs === 0)) return;
      if (before !== undefined) unknown -= 1;
      if (predictedMs > 0) knownMs += predictedMs;
      else unknown += 1;
    },
    settle(n, durationMs) {
      if (settled.has(n)) return;
      settled.add(n);
      const predicted = open.get(n)?.predictedMs;
      open.delete(n);
      if (predicted !== undefined && predicted > 0) knownMs -= predicted;
      else if (predicted !== undefined) unknown -= 1;
      if (durationMs === undefined) return;
      doneMs += durationMs;
      done += 1;
    },
    known: ({ n, name, predictedMs = 0 }) => open.get(n) ?? { name, predictedMs },
    ms(slots, running) {
      if (open.size === 0) return 0;
      if (slots < 1 || (unknown > 0 && done === 0)) return undefined;
      const usual = done > 0 ? doneMs / done : 0;
      let total = knownMs + unknown * usual;
      let longest = 0;
      for (const { n, ranMs } of running) {
        const predicted = open.get(n)?.predictedMs || usual;
        total -= Math.min(ranMs, predicted);
        longest = Math.max(longest, predicted - ranMs);
      }
      return Math.max(0, longest, total / slots);
    },
  };
}
