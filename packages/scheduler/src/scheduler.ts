/**
 * Which task runs where, for one turn after another. Pure: it is told what there is and answers with placements.
 *
 * A1 A task is placed only on an active worker whose shape fits its class (D34), by the earliest alternative that any active worker has.
 * A2 Of the tasks that a worker can run, the one with the lowest rank goes first: no score and no cache comes between (D33).
 * A3 Shapes that fit fewer classes are filled first, so that rare machines stay free for what only they can do.
 * A4 A task wider than what is free keeps one worker free for it, one at a time and worker: it cannot be starved by narrow ones.
 * A5 At most `limitOf(key)` tasks of one key run; the others wait outside the queue and hold nothing back (D40).
 */
import { assert } from '@holdfast/kernel';
import { headTask, list, type One, popTask, putTask } from './class-queue.ts';
import { createConcurrencyKeys } from './concurrency-keys.ts';
import type { Placement, Scheduler, SchedulerOptions, SchedulerTask, SchedulerWorker } from './contract.ts';
import {
  avoids,
  byId,
  couldRun,
  freeOf,
  GONE,
  hasRoom,
  isActive,
  type KeyBucket,
  PARKED,
  QUEUED,
  type TaskEntry,
  widthOn,
  type WorkerEntry,
} from './entries.ts';
import { createExplain } from './explain.ts';
import { createFitIndex, type Shape } from './fit-index.ts';
import { type FlowState, PRIORITY_STEP, STRATEGIES, TAG_UNIT } from './order.ts';

/** Creates a scheduler without tasks or workers. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const state = createState(options);
  const { tasks, workers } = state;
  const placing = createPlacing(state);
  const explain = createExplain(state, options.fits);
  return {
    add: (given) => addTasks(state, options, given),
    remove(id) {
      const task = tasks.get(id);
      if (!task) return;
      state.takeOut(task);
      // Its entry in a heap is passed over when it comes up.
      task.place = GONE;
      tasks.delete(id);
    },
    requeue(id, avoid = false) {
      const task = tasks.get(id);
      if (task?.place.kind !== 'running') return;
      if (avoid) task.avoid = new Set([...(task.avoid ?? []), task.place.worker.spec.id]);
      state.stop(task);
      state.enqueue(task);
    },
    setWorker: (spec) => setWorker(state, spec),
    removeWorker: (id) => removeWorker(state, id),
    place: placing,
    explain,
    unplaceable(limit) {
      const found: string[] = [];
      for (const [id, task] of tasks) {
        if (found.length >= limit) break;
        if (task.place === QUEUED && task.one.best === 0 && explain(id).kind === 'noneFits') found.push(id);
      }
      return found.sort();
    },
    get queued() {
      return state.queued;
    },
    get running() {
      return [...workers.values()].reduce((sum, worker) => sum + worker.running.size, 0);
    },
  };
}

export type State = ReturnType<typeof createState>;

function createState(options: SchedulerOptions) {
  const limitOf = (key: string): number => Math.max(1, options.limitOf?.(key) ?? 1);
  const keys = createConcurrencyKeys(limitOf);
  const index = createFitIndex<TaskEntry, KeyBucket, WorkerEntry>(options.fits);
  const affinities = new Map<string, string>();
  const step = (options.priorityStep ?? PRIORITY_STEP) * TAG_UNIT;

  const state = {
    limitOf,
    keys,
    index,
    affinities,
    tasks: new Map<string, TaskEntry>(),
    workers: new Map<string, WorkerEntry>(),
    flows: new Map<string, FlowState>(),
    reserving: new Set<WorkerEntry>(),
    /** The tag that is being served. */
    virtual: 0,
    seq: 0,
    queued: 0,

    enqueue(task: TaskEntry): void {
      // First: what is queued is told from what is not by this.
      task.place = QUEUED;
      state.queued += 1;
      if (putTask(task, keys)) index.announce(task.one);
    },
    start(task: TaskEntry, worker: WorkerEntry, because: Placement['because']): Placement {
      const { id, concurrencyKey, affinity, priority } = task.spec;
      const cost = widthOn(task, worker);
      assert(worker.used + cost <= worker.spec.slots, 'a worker is never given more than it has', { worker: worker.spec.id, task: id });
      if (task.place === QUEUED) state.queued -= 1;
      task.place = { kind: 'running', worker, cost, because };
      worker.used += cost;
      worker.running.add(task);
      state.offerRoom(worker);
      if (concurrencyKey !== undefined) keys.started(concurrencyKey);
      if (affinity !== undefined) remember(affinities, affinity, worker.spec.id);
      state.virtual = Math.max(state.virtual, task.rank - priority * step);
      return { task: id, worker: worker.spec.id, cost, rank: task.rank, because };
    },
    /** Undoes `start`: slots and key are free again, and whoever waited for the key is back in the queue. */
    stop(task: TaskEntry): void {
      if (task.place.kind !== 'running') return;
      const { worker, cost } = task.place;
      worker.used -= cost;
      worker.running.delete(task);
      state.offerRoom(worker);
      state.leaveKey(task);
    },
    leaveKey(task: TaskEntry): void {
      const key = task.spec.concurrencyKey;
      for (const bucket of key === undefined ? [] : keys.ended(key)) {
        list(bucket, keys);
        index.announce(bucket.one);
      }
    },
    takeOut(task: TaskEntry): void {
      if (task.place.kind === 'reserved') state.unreserve(task.place.worker);
      else if (task.place === QUEUED) state.queued -= 1;
      else state.stop(task);
    },
    /** Keeps a worker free for a task, which has its place at its key already. */
    reserve(worker: WorkerEntry, task: TaskEntry): void {
      worker.reserved = task;
      task.place = { kind: 'reserved', worker };
      state.reserving.add(worker);
      if (task.spec.concurrencyKey !== undefined) keys.started(task.spec.concurrencyKey);
      state.offerRoom(worker);
    },
    unreserve(worker: WorkerEntry): TaskEntry | undefined {
      const task = worker.reserved;
      if (!task) return undefined;
      worker.reserved = undefined;
      task.place = PARKED;
      state.reserving.delete(worker);
      state.leaveKey(task);
      state.offerRoom(worker);
      return task;
    },
    /** Tells the worker's shape how much room it has now. */
    offerRoom: (worker: WorkerEntry): void => worker.shape.free.push(-freeOf(worker), worker),
    recount: (shape: Shape<One, WorkerEntry>): void =>
      index.recount(
        shape,
        [...shape.workers].filter(({ spec }) => isActive(spec)).map(({ spec }) => spec.slots),
      ),
  };
  return state;
}

function addTasks(state: State, options: SchedulerOptions, given: readonly SchedulerTask[]): void {
  const strategy = options.strategy ?? STRATEGIES.fair;
  const priorityStep = options.priorityStep ?? PRIORITY_STEP;
  const fresh = given.filter((task) => !state.tasks.has(task.id));
  for (const [name, arrived] of Map.groupBy(fresh, (task) => task.flow)) {
    const flow = state.flows.get(name) ?? { tag: 0, weight: options.weightOf?.(name) ?? 1 };
    const { ranks, flow: after } = strategy.ranks(arrived, flow, { virtual: state.virtual, seq: state.seq, priorityStep });
    state.seq += arrived.length;
    state.flows.set(name, after);
    for (const [index, spec] of arrived.entries()) {
      if (state.tasks.has(spec.id)) continue;
      const one = state.index.classOf(spec.class, spec.cost ?? 1);
      const task: TaskEntry = { spec, rank: ranks[index]!, one, place: QUEUED, avoid: undefined };
      state.tasks.set(spec.id, task);
      state.enqueue(task);
    }
  }
}

function setWorker(state: State, given: SchedulerWorker): void {
  const spec = { ...given, slots: Math.max(0, Math.floor(given.slots) || 0) };
  const shape = state.index.shapeOf(spec.shape);
  const known = state.workers.get(spec.id);
  const was = known?.shape;
  const worker: WorkerEntry = known ?? { spec, shape, used: 0, running: new Set(), reserved: undefined };
  worker.spec = spec;
  worker.shape = shape;
  state.workers.set(spec.id, worker);
  if (worker.reserved && (was !== shape || !couldRun(worker, worker.reserved))) giveUpFor(state, worker);
  if (was !== shape) was?.workers.delete(worker);
  shape.workers.add(worker);
  state.recount(shape);
  if (was && was !== shape) state.recount(was);
  state.offerRoom(worker);
}

function removeWorker(state: State, id: string): readonly string[] {
  const worker = state.workers.get(id);
  if (!worker) return [];
  giveUpFor(state, worker);
  const lost = [...worker.running].sort((a, b) => (a.spec.id < b.spec.id ? -1 : 1));
  state.workers.delete(id);
  worker.shape.workers.delete(worker);
  worker.spec = { ...worker.spec, slots: 0, state: 'draining' };
  for (const task of lost) {
    state.stop(task);
    state.enqueue(task);
  }
  state.recount(worker.shape);
  return lost.map((task) => task.spec.id);
}

/** The worker can no longer be kept free for the task: it queues again at its old place. */
function giveUpFor(state: State, worker: WorkerEntry): void {
  const task = state.unreserve(worker);
  if (task) state.enqueue(task);
}

function createPlacing(state: State): Scheduler['place'] {
  const { index, workers } = state;

  function placeOn(shape: Shape<One, WorkerEntry>, limit: number, placed: Placement[]): void {
    const headRank = (one: One): number | undefined => headTask(one, state.keys)?.rank;
    // Tasks that found no worker this time: back at their places afterwards.
    const aside: TaskEntry[] = [];
    while (placed.length < limit && aside.length < ASIDE_MAX) {
      const worker = freest(shape);
      const one = worker && index.first(shape, headRank);
      if (!worker || !one) break;
      const task = popTask(one, state.keys);
      const chosen = chooseWorker(shape, task, worker);
      if (chosen) placed.push(state.start(task, chosen.worker, chosen.because));
      else {
        state.queued -= 1;
        task.place = PARKED;
        if (!reserve(shape, task)) aside.push(task);
      }
      index.taken(shape, one, headRank(one));
    }
    for (const task of aside) state.enqueue(task);
  }

  /** The worker of a shape with most room; entries that are no longer true are dropped on the way. */
  function freest(shape: Shape<One, WorkerEntry>): WorkerEntry | undefined {
    for (let worker = shape.free.peek(); worker !== undefined; worker = shape.free.peek()) {
      const free = -shape.free.peekKey();
      if (free > 0 && worker.shape === shape && free === freeOf(worker)) return worker;
      shape.free.pop();
    }
    return undefined;
  }

  /** The worker of the last task with the same affinity, else the freest one that the task does not avoid, else the freest. */
  function chooseWorker(shape: Shape<One, WorkerEntry>, task: TaskEntry, worker: WorkerEntry): Chosen | undefined {
    const warm = task.spec.affinity === undefined ? undefined : workers.get(state.affinities.get(task.spec.affinity) ?? '');
    if (warm && index.isEligible(warm.shape, task.one) && hasRoom(warm, task) && !avoids(task, warm))
      return { worker: warm, because: 'affinity' };
    if (!avoids(task, worker) && hasRoom(worker, task)) return { worker, because: 'first' };
    // The freest is not always one that is wholly free, and not always one where it has not failed.
    const other = [...shape.workers].filter((one) => hasRoom(one, task) && !avoids(task, one)).sort(byId)[0];
    if (other) return { worker: other, because: 'first' };
    if (!avoids(task, worker)) return undefined;
    // Another one fits and is busy: it waits for that one. With nobody else, the place where it failed is better than none.
    const others = [...workers.values()].some((one) => index.isEligible(one.shape, task.one) && couldRun(one, task));
    return others || !hasRoom(worker, task) ? undefined : { worker, because: 'first' };
  }

  /** Keeps the worker of this shape free that has least to finish before the task fits, if it has no such duty yet (A4). */
  function reserve(shape: Shape<One, WorkerEntry>, task: TaskEntry): boolean {
    if (task.one.cost === 1) return false;
    const missing = (worker: WorkerEntry): number => widthOn(task, worker) - (worker.spec.slots - worker.used);
    const [worker] = [...shape.workers]
      .filter((one) => !one.reserved && couldRun(one, task))
      .sort((a, b) => missing(a) - missing(b) || byId(a, b));
    if (!worker) return false;
    state.reserve(worker, task);
    return true;
  }

  return (limit = Infinity) => {
    const placed: Placement[] = [];
    for (const worker of [...state.reserving]) {
      const task = worker.reserved!;
      // Somebody with an earlier alternative has come.
      if (!index.isEligible(worker.shape, task.one)) {
        giveUpFor(state, worker);
        continue;
      }
      if (placed.length >= limit || worker.used + widthOn(task, worker) > worker.spec.slots) continue;
      state.unreserve(worker);
      placed.push(state.start(task, worker, 'reserved'));
    }
    for (const shape of index.shapesInOrder()) placeOn(shape, limit, placed);
    return placed;
  };
}

interface Chosen {
  readonly worker: WorkerEntry;
  readonly because: 'first' | 'affinity';
}

function remember(affinities: Map<string, string>, affinity: string, worker: string): void {
  affinities.delete(affinity);
  affinities.set(affinity, worker);
  if (affinities.size > AFFINITIES_MAX) affinities.delete(affinities.keys().next().value!);
}

const AFFINITIES_MAX = 10_000;
const ASIDE_MAX = 64;
