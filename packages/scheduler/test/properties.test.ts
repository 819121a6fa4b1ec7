/** Any sequence of events, against rules that a second reading of the events gives. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createScheduler, type Scheduler, type SchedulerTask, type SchedulerWorker } from '../src/index.ts';

const CLASSES = ['a', 'b', 'c'] as const;
/** Shape as a set of bits; `c` has `b` as its second alternative. */
const fits = (shape: string, className: string): number => {
  const bits = Number(shape);
  const bit = 1 << CLASSES.indexOf(className as 'a');
  return (bits & bit) !== 0 ? 1 : className === 'c' && (bits & 2) !== 0 ? 2 : 0;
};
const limitOf = (key: string): number => Number(key);

type Step =
  | { readonly do: 'add'; readonly tasks: readonly Omit<SchedulerTask, 'id'>[] }
  | { readonly do: 'worker'; readonly worker: SchedulerWorker }
  | { readonly do: 'removeWorker'; readonly id: string }
  | { readonly do: 'finish' | 'requeue' | 'cancel'; readonly pick: number };

const oneTask = fc.record({
  class: fc.constantFrom(...CLASSES),
  flow: fc.constantFrom('x', 'y'),
  priority: fc.nat(9),
  predictedMs: fc.nat(50),
  cost: fc.constantFrom<number | 'all'>(1, 1, 2, 'all'),
  concurrencyKey: fc.constantFrom(undefined, '1', '2'),
  affinity: fc.constantFrom(undefined, 'm'),
}) as fc.Arbitrary<Omit<SchedulerTask, 'id'>>;
const worker = fc.record({
  id: fc.constantFrom('p', 'q', 'r'),
  shape: fc.nat(7).map(String),
  slots: fc.nat(3),
  state: fc.constantFrom('active' as const, 'active' as const, 'cordoned' as const),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.array(oneTask, { maxLength: 4 }).map((tasks): Step => ({ do: 'add', tasks })),
  worker.map((one): Step => ({ do: 'worker', worker: one })),
  fc.constantFrom('p', 'q', 'r').map((id): Step => ({ do: 'removeWorker', id })),
  fc.record({ do: fc.constantFrom('finish' as const, 'finish' as const, 'requeue' as const, 'cancel' as const), pick: fc.nat(20) }),
);

interface Model {
  readonly tasks: Map<string, SchedulerTask>;
  readonly workers: Map<string, SchedulerWorker>;
  /** Task by worker and width. */
  readonly running: Map<string, { readonly worker: string; readonly cost: number }>;
}

function play(model: Model, scheduler: Scheduler, step: Step, at: number): void {
  const running = [...model.running.keys()];
  const waiting = [...model.tasks.keys()].filter((id) => !model.running.has(id));
  const picked = step.do === 'cancel' ? waiting : running;
  const id = 'pick' in step ? picked[step.pick % Math.max(1, picked.length)] : undefined;
  if (step.do === 'add') {
    const tasks = step.tasks.map((task, n) => ({ ...task, id: `${at}.${n}` }));
    for (const task of tasks) model.tasks.set(task.id, task);
    scheduler.add(tasks);
  } else if (step.do === 'worker') {
    model.workers.set(step.worker.id, step.worker);
    scheduler.setWorker(step.worker);
  } else if (step.do === 'removeWorker') {
    const held = running.filter((one) => model.running.get(one)!.worker === step.id);
    expect(scheduler.removeWorker(step.id)).toEqual(held.sort());
    for (const one of held) model.running.delete(one);
    model.workers.delete(step.id);
  } else if (id !== undefined) {
    model.running.delete(id);
    if (step.do === 'requeue') scheduler.requeue(id, true);
    else {
      model.tasks.delete(id);
      scheduler.remove(id);
    }
  }
}

const activeOf = (model: Model): SchedulerWorker[] => [...model.workers.values()].filter((one) => one.state !== 'cordoned');
const usedOf = (model: Model, id: string): number =>
  [...model.running.values()].reduce((sum, one) => sum + (one.worker === id ? one.cost : 0), 0);
const widthOn = (task: SchedulerTask, one: SchedulerWorker): number => (task.cost === 'all' ? one.slots : (task.cost as number));
const able = (task: SchedulerTask, one: SchedulerWorker): number =>
  one.slots > 0 && widthOn(task, one) <= one.slots ? fits(one.shape, task.class) : 0;
const runningOfKey = (model: Model, key: string): number =>
  [...model.running.keys()].filter((id) => model.tasks.get(id)!.concurrencyKey === key).length;

function check(model: Model, scheduler: Scheduler): void {
  for (const { task: id, worker: on, cost } of scheduler.place()) {
    const task = model.tasks.get(id)!;
    const one = model.workers.get(on)!;
    const level = able(task, one);
    const best = Math.min(
      ...activeOf(model)
        .map((other) => able(task, other))
        .filter((other) => other > 0),
    );
    expect([id, model.running.has(id), one.state === 'cordoned', level, cost]).toEqual([id, false, false, best, widthOn(task, one)]);
    model.running.set(id, { worker: on, cost });
    if (task.concurrencyKey !== undefined)
      expect(runningOfKey(model, task.concurrencyKey)).toBeLessThanOrEqual(limitOf(task.concurrencyKey));
  }
  for (const one of model.workers.values())
    if (one.state === 'active') expect(usedOf(model, one.id) <= one.slots || one.slots < 3).toBe(true);
  const kept = new Set([...model.tasks.keys()].flatMap((id) => keptFor(scheduler, id)));
  for (const [id, task] of model.tasks) if (!model.running.has(id)) checkWaiting(model, scheduler, task, kept);
  expect(scheduler.running).toBe(model.running.size);
}

function keptFor(scheduler: Scheduler, id: string): string[] {
  const why = scheduler.explain(id);
  return why.kind === 'reserved' ? [why.worker] : [];
}

/** Nothing waits that could run: work is conserved but for what A1, A4, A5 and avoidance say. */
function checkWaiting(model: Model, scheduler: Scheduler, task: SchedulerTask, kept: ReadonlySet<string>): void {
  const why = scheduler.explain(task.id);
  const levels = activeOf(model)
    .map((one) => ({ one, level: able(task, one) }))
    .filter(({ level }) => level > 0);
  const best = Math.min(...levels.map(({ level }) => level));
  const room = levels.filter(
    ({ one, level }) => level === best && !kept.has(one.id) && usedOf(model, one.id) + widthOn(task, one) <= one.slots,
  );
  // A task for which a worker is kept free has its place at its key already.
  const holdsKey = [...model.tasks.values()].filter(
    (one) => one.concurrencyKey === task.concurrencyKey && keptFor(scheduler, one.id).length > 0,
  ).length;
  const keyFull = task.concurrencyKey !== undefined && runningOfKey(model, task.concurrencyKey) + holdsKey >= limitOf(task.concurrencyKey);
  if (why.kind === 'noneFits') expect([...model.workers.values()].filter((one) => able(task, one) > 0)).toEqual([]);
  if (why.kind === 'reserved' || keyFull || requeued.has(task.id)) return;
  expect([task.id, room.map(({ one }) => one.id), why.kind]).toEqual([task.id, [], why.kind]);
}

/** A task that avoids a worker may wait while that one is free. */
const requeued = new Set<string>();

test('A1 to A5 scheduler: any events -> only what fits is placed, nothing waits that could run, keys and slots hold', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
      const model: Model = { tasks: new Map(), workers: new Map(), running: new Map() };
      const scheduler = createScheduler({ fits, limitOf });
      requeued.clear();
      for (const [at, one] of steps.entries()) {
        const before = new Set(model.running.keys());
        play(model, scheduler, one, at);
        if (one.do === 'requeue') for (const id of before) if (!model.running.has(id)) requeued.add(id);
        check(model, scheduler);
      }
      // Everybody leaves, one able machine comes: all that is left runs there in the end.
      for (const id of model.workers.keys()) scheduler.removeWorker(id);
      scheduler.setWorker({ id: 'last', shape: '7', slots: 3 });
      for (let round = 0; model.tasks.size > 0 && round < 1000; round += 1) {
        for (const { task } of scheduler.place()) {
          model.tasks.delete(task);
          scheduler.remove(task);
        }
      }
      expect([...model.tasks.keys()]).toEqual([]);
      expect([scheduler.queued, scheduler.running]).toEqual([0, 0]);
    }),
    { numRuns: 300 },
  );
});
