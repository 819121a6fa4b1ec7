import { expect, test } from 'vitest';
import { createScheduler, PRIORITY_STEP, type Scheduler, type SchedulerOptions, type SchedulerTask, STRATEGIES } from '../src/index.ts';

/** A shape `a+b` fits the classes `a` and `b` by their first alternative, `c2` among them as second one of `c`. */
const fits = (shape: string, className: string): number => {
  const parts = shape.split('+');
  return parts.includes(className) ? 1 : parts.includes(`${className}2`) ? 2 : 0;
};
const create = (workers: Readonly<Record<string, string>>, slots = 1, options: Partial<SchedulerOptions> = {}): Scheduler => {
  const scheduler = createScheduler({ fits, ...options });
  for (const [id, shape] of Object.entries(workers)) scheduler.setWorker({ id, shape, slots });
  return scheduler;
};
const task = (id: string, over: Partial<SchedulerTask> = {}): SchedulerTask => ({
  id,
  class: 'cpu',
  flow: 'run',
  priority: 5,
  predictedMs: 0,
  ...over,
});
const placed = (scheduler: Scheduler, limit?: number): string[] => scheduler.place(limit).map((one) => `${one.task}>${one.worker}`);
/** Ends what runs and places anew, until nothing does; the order in which tasks began. */
function drain(scheduler: Scheduler, each: (id: string) => void = () => {}): string[] {
  const order: string[] = [];
  for (let round = 0; round < 10_000; round += 1) {
    const now = scheduler.place();
    if (now.length === 0) return order;
    for (const { task: id } of now) {
      order.push(id);
      each(id);
      scheduler.remove(id);
    }
  }
  throw new Error('does not end');
}

test('A1 scheduler: a class that no shape fits -> stays queued and says so (D34)', () => {
  const scheduler = create({ w: 'cpu' });
  scheduler.add([task('g', { class: 'gpu' }), task('c')]);
  expect(placed(scheduler)).toEqual(['c>w']);
  expect(scheduler.explain('g')).toEqual({ kind: 'noneFits', class: 'gpu', shapes: ['cpu'] });
  expect(scheduler.unplaceable(10)).toEqual(['g']);
  scheduler.setWorker({ id: 'x', shape: 'cpu+gpu', slots: 1 });
  expect(placed(scheduler)).toEqual(['g>x']);
});

test('A1 scheduler: a second alternative -> taken only while nobody active has the first', () => {
  const scheduler = create({ second: 'gpu2' });
  scheduler.setWorker({ id: 'first', shape: 'gpu', slots: 1, state: 'cordoned' });
  scheduler.add([task('a', { class: 'gpu' })]);
  expect(placed(scheduler)).toEqual(['a>second']);
  scheduler.setWorker({ id: 'first', shape: 'gpu', slots: 1 });
  scheduler.add([task('b', { class: 'gpu' }), task('c', { class: 'gpu' })]);
  scheduler.remove('a');
  expect(placed(scheduler)).toEqual(['b>first']);
  expect(scheduler.explain('c')).toMatchObject({ kind: 'queued', ahead: 0 });
  expect(scheduler.removeWorker('first')).toEqual(['b']);
  expect(placed(scheduler)).toEqual(['b>second']);
});

test('A2 scheduler: an urgent task that came late -> goes before all others it can overtake (D33)', () => {
  const scheduler = create({ w: 'cpu' });
  scheduler.add([task('late', { priority: 9 }), task('normal')]);
  scheduler.add([task('urgent', { priority: 0 })]);
  expect(drain(scheduler)).toEqual(['urgent', 'normal', 'late']);
});

test('A3 scheduler: a task that a plain machine can run -> leaves the rare machine to what only it can do', () => {
  const scheduler = create({ a: 'cpu+gpu', z: 'cpu' });
  scheduler.add([task('plain'), task('rare', { class: 'gpu' })]);
  expect(placed(scheduler).sort()).toEqual(['plain>z', 'rare>a']);
});

test('A4 scheduler: a wide task among many narrow ones -> one worker is kept free for it', () => {
  const scheduler = create({ a: 'cpu', b: 'cpu' }, 2);
  scheduler.add(['1', '2', '3', '4'].map((id) => task(id)));
  expect(scheduler.place()).toHaveLength(4);
  scheduler.add([task('wide', { cost: 2 })]);
  scheduler.add(['5', '6', '7', '8', '9'].map((id) => task(id)));
  scheduler.remove('1');
  expect(placed(scheduler)).toEqual([]);
  expect(scheduler.explain('wide')).toEqual({ kind: 'reserved', worker: 'a', free: 1, cost: 2 });
  const other = ['2', '3', '4'].find((id) => (scheduler.explain(id) as { worker: string }).worker === 'a')!;
  scheduler.remove(other);
  expect(placed(scheduler)[0]).toBe('wide>a');
});

test('A4 scheduler: a whole machine is asked for and the freest one is not free -> the one that is free', () => {
  const scheduler = createScheduler({ fits });
  scheduler.setWorker({ id: 'big', shape: 'cpu', slots: 8 });
  scheduler.setWorker({ id: 'small', shape: 'cpu', slots: 2 });
  scheduler.add([task('one')]);
  expect(placed(scheduler)).toEqual(['one>big']);
  scheduler.add([task('all', { cost: 'all' })]);
  expect(placed(scheduler)).toEqual(['all>small']);
  scheduler.add([task('nine', { cost: 9 })]);
  expect(scheduler.explain('nine').kind).toBe('noneFits');
});

test('A5 scheduler: many tasks of one key -> as many at a time as allowed, others go past them (D40)', () => {
  const scheduler = create({ w: 'cpu' }, 10, { limitOf: () => 2 });
  scheduler.add([...['a', 'b', 'c', 'd'].map((id) => task(id, { concurrencyKey: 'db' })), task('free')]);
  expect(placed(scheduler)).toEqual(['a>w', 'b>w', 'free>w']);
  expect(scheduler.explain('c')).toEqual({ kind: 'keyFull', key: 'db', running: 2, limit: 2 });
  scheduler.remove('d');
  scheduler.remove('a');
  expect(placed(scheduler)).toEqual(['c>w']);
  scheduler.remove('b');
  scheduler.remove('c');
  expect(placed(scheduler)).toEqual([]);
  expect(scheduler.queued + scheduler.running).toBe(1);
});

test('scheduler: a task failed on a machine -> elsewhere if another one fits, there again if none does', () => {
  const scheduler = create({ a: 'cpu', b: 'cpu' });
  scheduler.add([task('x'), task('other')]);
  expect(placed(scheduler)).toEqual(['x>a', 'other>b']);
  scheduler.requeue('x', true);
  expect(placed(scheduler)).toEqual([]);
  scheduler.remove('other');
  expect(placed(scheduler)).toEqual(['x>b']);
  scheduler.removeWorker('b');
  expect(placed(scheduler)).toEqual(['x>a']);
});

test('scheduler: affinity -> the machine that had its predecessor, while it has room', () => {
  const scheduler = create({ a: 'cpu', b: 'cpu' }, 2);
  scheduler.add([task('1', { affinity: 'model' })]);
  expect(placed(scheduler)).toEqual(['1>a']);
  scheduler.add([task('2', { affinity: 'model' }), task('3', { affinity: 'model' })]);
  expect(scheduler.place().map((one) => [one.task, one.worker, one.because])).toEqual([
    ['2', 'a', 'affinity'],
    ['3', 'b', 'first'],
  ]);
});

test('scheduler: a cordoned worker -> keeps what it runs and gets nothing new', () => {
  const scheduler = create({ w: 'cpu' }, 2);
  scheduler.add([task('a'), task('b')]);
  expect(placed(scheduler, 1)).toEqual(['a>w']);
  scheduler.setWorker({ id: 'w', shape: 'cpu', slots: 2, state: 'cordoned' });
  expect(placed(scheduler)).toEqual([]);
  expect(scheduler.explain('b')).toEqual({ kind: 'allCordoned', workers: ['w'] });
  expect(scheduler.explain('a').kind).toBe('running');
});

test('R1 scheduler: two flows of one and three shares, one with ten times the work -> served one to three', () => {
  const scheduler = create({ w: 'cpu' }, 1, { weightOf: (flow) => (flow === 'three' ? 3 : 1) });
  scheduler.add(Array.from({ length: 1000 }, (_, n) => task(`one${n}`, { flow: 'one' })));
  for (let n = 0; n < 100; n += 1) scheduler.remove(scheduler.place()[0]!.task);
  scheduler.add(Array.from({ length: 300 }, (_, n) => task(`three${n}`, { flow: 'three' })));
  const next = drain(scheduler).slice(0, 200);
  expect(next.filter((id) => id.startsWith('three')).length).toBeGreaterThanOrEqual(148);
  expect(next.filter((id) => id.startsWith('three')).length).toBeLessThanOrEqual(152);
});

test('G22 scheduler: urgent work without end -> the least urgent task starts within the bound', () => {
  for (const strategy of [STRATEGIES.fair, STRATEGIES.fifo, STRATEGIES.deadline]) {
    const scheduler = create({ w: 'cpu' }, 1, { strategy });
    scheduler.add([task('patient', { priority: 9, flow: 'other' })]);
    let dispatches = 0;
    for (let n = 0; scheduler.explain('patient').kind !== 'unknown' && n < 11 * PRIORITY_STEP; n += 1) {
      scheduler.add([task(`urgent${n}`, { priority: 0, deadlineMs: 1 })]);
      for (const { task: id } of scheduler.place()) {
        dispatches += 1;
        scheduler.remove(id);
      }
    }
    expect([strategy.name, scheduler.explain('patient').kind]).toEqual([strategy.name, 'unknown']);
    // A deadline is worth less than one step more.
    const steps = strategy.name === 'deadline' ? 10 : 9;
    expect(dispatches).toBeLessThanOrEqual(steps * PRIORITY_STEP + 1);
    expect(dispatches).toBeGreaterThan(8 * PRIORITY_STEP);
  }
});

test('R3 scheduler: one arrival -> longest first, unknown ones where a typical one would be; with deadlines the urgent one', () => {
  const lengths = { short: 10, long: 1000, unknown: 0, middle: 100 };
  const tasks = Object.entries(lengths).map(([id, predictedMs]) => task(id, { predictedMs }));
  const first = create({ w: 'cpu' });
  first.add(tasks);
  expect(drain(first)).toEqual(['long', 'unknown', 'middle', 'short']);
  const fifo = create({ w: 'cpu' }, 1, { strategy: STRATEGIES.fifo });
  fifo.add(tasks);
  expect(drain(fifo)).toEqual(['short', 'long', 'unknown', 'middle']);
  const deadline = create({ w: 'cpu' }, 1, { strategy: STRATEGIES.deadline });
  deadline.add([...tasks, task('due', { deadlineMs: 5000 }), task('soon', { deadlineMs: 60 })]);
  expect(drain(deadline).slice(0, 2)).toEqual(['soon', 'due']);
});

test('scheduler: slots that are no number, an id twice, what nobody knows -> nothing, once, nothing', () => {
  const scheduler = createScheduler({ fits });
  scheduler.setWorker({ id: 'w', shape: 'cpu', slots: Number.NaN });
  scheduler.add([task('a'), task('a')]);
  scheduler.add([task('a', { class: 'gpu' })]);
  expect([scheduler.queued, placed(scheduler)]).toEqual([1, []]);
  scheduler.remove('nobody');
  scheduler.requeue('nobody');
  expect([scheduler.removeWorker('nobody'), scheduler.explain('nobody')]).toEqual([[], { kind: 'unknown' }]);
  scheduler.setWorker({ id: 'w', shape: 'cpu', slots: 1 });
  expect(placed(scheduler)).toEqual(['a>w']);
});
