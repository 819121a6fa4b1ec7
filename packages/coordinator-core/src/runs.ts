/** The runs that are not over, and how many runnable tasks there are by class: hints, the store decides. */
import type { RunCounts, RunId, RunOrd } from '@holdfast/model';
import type { RunRow } from '@holdfast/task-store';

export interface Run {
  readonly run: RunOrd;
  readonly id: RunId;
  readonly name: string;
  readonly class: string;
  readonly spec: RunRow['spec'];
  state: RunRow['state'];
  counts: RunCounts;
  /** What its readers were told last about why it waits; empty: nothing. */
  notice: string;
}

export interface Runs {
  add(row: RunRow): Run;
  remove(run: RunOrd): void;
  byOrd(run: RunOrd): Run | undefined;
  byId(id: RunId): Run | undefined;
  all(): IterableIterator<Run>;
  /** Adds to the hint of a class. */
  changeReady(name: string, by: number): void;
  /** A claim came back short: the store has counted what is left of a class. */
  setReady(name: string, count: number): void;
  /** Runnable tasks are on their way to the store, or have arrived there: a claim behind them will find them. */
  expectReady(name: string, by: number): void;
  /** What a claim that is asked for now may find. */
  ready(name: string): number;
  /** How often tasks of a class became runnable, at least; of all classes together. Whoever sees the same number has missed none. */
  growth(name: string): number;
  totalGrowth(): number;
  /** Classes of which a claim may find tasks. */
  classesReady(): ReadonlySet<string>;
  /** Runnable tasks that are in the store, by name of class. */
  readyCounts(): { class: string; count: number }[];
  /** Unfinished tasks of the runs that go on: an interrupted one waits for its owner, and takes no room in the queue. */
  remaining(): number;
  readonly size: number;
}

export function createRuns(): Runs {
  const byOrd = new Map<RunOrd, Run>();
  const byId = new Map<RunId, Run>();
  const ready = new Map<string, number>();
  const expected = new Map<string, number>();
  const growths = new Map<string, number>();
  let totalGrowth = 0;
  const setReady = (name: string, count: number): void => {
    if (count > 0) ready.set(name, count);
    else {
      ready.delete(name);
      growths.delete(name);
    }
  };
  const grow = (name: string): void => {
    totalGrowth += 1;
    growths.set(name, totalGrowth);
  };
  return {
    add(row) {
      const run: Run = { ...row, notice: '' };
      byOrd.set(row.run, run);
      byId.set(row.id, run);
      return run;
    },
    remove(ord) {
      const run = byOrd.get(ord);
      if (!run) return;
      byOrd.delete(ord);
      byId.delete(run.id);
    },
    byOrd: (ord) => byOrd.get(ord),
    byId: (id) => byId.get(id),
    all: () => byOrd.values(),
    changeReady(name, by) {
      setReady(name, (ready.get(name) ?? 0) + by);
      if (by > 0) grow(name);
    },
    setReady,
    expectReady(name, by) {
      const count = (expected.get(name) ?? 0) + by;
      if (count > 0) expected.set(name, count);
      else expected.delete(name);
      if (by > 0) grow(name);
    },
    growth: (name) => growths.get(name) ?? 0,
    totalGrowth: () => totalGrowth,
    ready: (name) => (ready.get(name) ?? 0) + (expected.get(name) ?? 0),
    classesReady: () => new Set([...ready.keys(), ...expected.keys()]),
    readyCounts: () => [...ready].map(([name, count]) => ({ class: name, count })).sort((a, b) => (a.class < b.class ? -1 : 1)),
    remaining() {
      let sum = 0;
      for (const run of byOrd.values()) if (run.state !== 'interrupted') sum += run.counts.remaining;
      return sum;
    },
    get size() {
      return byOrd.size;
    },
  };
}
