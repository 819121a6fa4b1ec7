/**
 * The `ready` rows in memory: one sorted list a class.
 *
 * Adding in order of rank and taking from the front cost no search; anything else is one binary search and one move of pointers.
 */
import type { ReadyCount } from './ops.ts';
import type { ReadyRecord } from './tables.ts';

export interface ReadyIndex {
  insert(row: ReadyRecord): void;
  delete(row: ReadyRecord): void;
  from(className: string, from: ReadyRecord | undefined, limit: number): ReadyRecord[];
  counts(): ReadyCount[];
  all(): ReadyRecord[];
}

export function createReadyIndex(undo: (revert: () => void) => void): ReadyIndex {
  const lists = new Map<string, ReadyRecord[]>();
  const listOf = (className: string): ReadyRecord[] => {
    const known = lists.get(className);
    if (known) return known;
    const list: ReadyRecord[] = [];
    lists.set(className, list);
    return list;
  };
  const insert = (row: ReadyRecord): void => {
    const list = listOf(row.class);
    const at = position(list, row);
    if (at === list.length) list.push(row);
    else list.splice(at, 0, row);
  };
  const remove = (row: ReadyRecord): boolean => {
    const list = listOf(row.class);
    const at = position(list, row);
    if (list[at] === undefined || compareReady(list[at], row) !== 0) return false;
    if (at === 0) list.shift();
    else list.splice(at, 1);
    return true;
  };
  const classes = (): string[] => [...lists.keys()].filter((name) => lists.get(name)!.length > 0).sort();
  return {
    insert(row) {
      insert(row);
      undo(() => remove(row));
    },
    delete(row) {
      if (remove(row)) undo(() => insert(row));
    },
    from(className, from, limit) {
      const list = lists.get(className) ?? [];
      let start = from ? position(list, from) : 0;
      if (from && list[start] !== undefined && compareReady(list[start]!, from) === 0) start += 1;
      return list.slice(start, start + limit);
    },
    counts: () => classes().map((name) => ({ class: name, count: lists.get(name)!.length })),
    all: () => classes().flatMap((name) => lists.get(name)!),
  };
}

/** By rank, then run, then number. */
export const compareReady = (a: ReadyRecord, b: ReadyRecord): number => a.rank - b.rank || a.run - b.run || a.n - b.n;

/** Index of the first row not before `row`. */
function position(list: readonly ReadyRecord[], row: ReadyRecord): number {
  const last = list.at(-1);
  if (last === undefined || compareReady(last, row) < 0) return list.length;
  let low = 0;
  let high = list.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareReady(list[middle]!, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
