/**
 * Which classes of tasks may go to which shapes of workers, and which class goes first on each: the part that is touched once a class and not once a task.
 *
 * X1 A shape is eligible for a class iff it has the earliest alternative that any active worker has, and a worker wide enough.
 * X2 Each shape has one true entry for each class with a waiting task, keyed by the rank of the class's head; others are passed over when they come up.
 */
import type { SchedulerOptions } from './contract.ts';
import { createHeap, type Heap } from './heap.ts';

/** Tasks that ask for the same, slots included. `ready` holds what waits, by rank. */
export interface TaskClass<Task, Bucket> {
  readonly name: string;
  readonly cost: number | 'all';
  readonly ready: Heap<Task | Bucket>;
  /** By concurrency key. */
  readonly buckets: Map<string, Bucket>;
  /** The earliest alternative that an active worker has; 0: nobody has one. */
  best: number;
}

/** Workers that fit the same. `free` may hold entries that are no longer true. */
export interface Shape<One, Worker> {
  readonly name: string;
  readonly workers: Set<Worker>;
  readonly free: Heap<Worker>;
  readonly levels: Map<One, number>;
  readonly heads: Heap<One>;
  readonly headKeys: Map<One, number>;
  active: number;
  widest: number;
}

export interface FitIndex<One, Worker> {
  classOf(name: string, cost: number | 'all'): One;
  shapeOf(name: string): Shape<One, Worker>;
  /** The workers of a shape have changed: `slots` of those that are active. */
  recount(shape: Shape<One, Worker>, slots: readonly number[]): void;
  isEligible(shape: Shape<One, Worker>, one: One): boolean;
  /** A class has a head that goes before the one it had. */
  announce(one: One): void;
  /** The class that goes first on a shape. `headRank` tells the rank of a class's head, undefined without one. */
  first(shape: Shape<One, Worker>, headRank: (one: One) => number | undefined): One | undefined;
  /** The head of the class that `first` told is taken; `rank` is that of the next one. */
  taken(shape: Shape<One, Worker>, one: One, rank: number | undefined): void;
  /** Shapes with fewer classes first (A3), then by name. */
  shapesInOrder(): readonly Shape<One, Worker>[];
}

export function createFitIndex<Task, Bucket, Worker>(fits: SchedulerOptions['fits']): FitIndex<TaskClass<Task, Bucket>, Worker> {
  type One = TaskClass<Task, Bucket>;
  type Some = Shape<One, Worker>;
  const classes = new Map<string, One>();
  const shapes = new Map<string, Some>();
  let order: readonly Some[] | undefined;

  const isEligible = (shape: Some, one: One): boolean => one.best > 0 && shape.levels.get(one) === one.best;

  function judge(shape: Some, one: One): void {
    const wide = one.cost === 'all' ? shape.widest > 0 : shape.widest >= one.cost;
    shape.levels.set(one, wide ? Math.max(0, Math.floor(fits(shape.name, one.name)) || 0) : 0);
  }

  function setBest(one: One): void {
    let best = 0;
    for (const shape of shapes.values()) {
      const level = shape.levels.get(one)!;
      if (shape.active > 0 && level > 0 && (best === 0 || level < best)) best = level;
    }
    one.best = best;
    if (one.ready.size > 0) announce(one);
  }

  function announce(one: One): void {
    for (const shape of shapes.values()) if (isEligible(shape, one)) announceTo(shape, one, one.ready.peekKey());
  }

  function announceTo(shape: Some, one: One, rank: number): void {
    if (shape.headKeys.get(one) === rank) return;
    shape.headKeys.set(one, rank);
    shape.heads.push(rank, one);
  }

  return {
    classOf(name, cost) {
      const id = cost === 1 ? name : `${name} ${cost}`;
      const known = classes.get(id);
      if (known) return known;
      const made: One = { name, cost, ready: createHeap(), buckets: new Map(), best: 0 };
      classes.set(id, made);
      for (const shape of shapes.values()) judge(shape, made);
      setBest(made);
      order = undefined;
      return made;
    },
    shapeOf(name) {
      const known = shapes.get(name);
      if (known) return known;
      const heaps = { free: createHeap<Worker>(), heads: createHeap<One>(), headKeys: new Map<One, number>() };
      const made: Some = { name, workers: new Set(), levels: new Map(), ...heaps, active: 0, widest: 0 };
      shapes.set(name, made);
      for (const one of classes.values()) judge(made, one);
      return made;
    },
    recount(shape, slots) {
      const widest = slots.reduce((most, one) => Math.max(most, one), 0);
      const changed = widest !== shape.widest || slots.length > 0 !== shape.active > 0;
      shape.active = slots.length;
      shape.widest = widest;
      if (!changed) return;
      order = undefined;
      for (const one of classes.values()) {
        judge(shape, one);
        setBest(one);
      }
      if (shape.workers.size === 0) shapes.delete(shape.name);
    },
    isEligible,
    announce,
    first(shape, headRank) {
      for (let one = shape.heads.peek(); one !== undefined; one = shape.heads.peek()) {
        const key = shape.heads.peekKey();
        const isTrue = shape.headKeys.get(one) === key;
        const rank = isTrue && isEligible(shape, one) ? headRank(one) : undefined;
        if (rank === key) return one;
        shape.heads.pop();
        if (isTrue) shape.headKeys.delete(one);
        if (rank !== undefined) announceTo(shape, one, rank);
      }
      return undefined;
    },
    taken(shape, one, rank) {
      shape.heads.pop();
      shape.headKeys.delete(one);
      if (rank !== undefined) announceTo(shape, one, rank);
    },
    shapesInOrder() {
      const breadth = (shape: Some): number => [...shape.levels.values()].filter((level) => level > 0).length;
      order ??= [...shapes.values()]
        .map((shape) => ({ shape, classes: breadth(shape) }))
        .sort((a, b) => a.classes - b.classes || (a.shape.name < b.shape.name ? -1 : 1))
        .map((entry) => entry.shape);
      return order;
    },
  };
}
