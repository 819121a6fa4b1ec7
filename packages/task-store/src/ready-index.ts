/**
 * The `ready` rows in memory: one sorted list a class.
 *
 * Adding in order of rank and taking from the front cost no search and move nothing: taken rows stay in front of `head` until they are
 * half of the list. Anything else is one binary search and one move of pointers.
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
  const lists = new Map<string, SortedList>();
  const listOf = (className: string): SortedList => {
    const known = lists.get(className);
    if (known) return known;
    const list: SortedList = { rows: [], head: 0 };
    lists.set(className, list);
    return list;
  };
  const insert = (row: ReadyRecord): void => {
    const list = listOf(row.class);
    const at = position(list, row);
    if (at === list.rows.length) list.rows.push(row);
    else if (at === list.head && list.head > 0) {
      list.head -= 1;
      list.rows[list.head] = row;
    } else list.rows.splice(at, 0, row);
  };
  const remove = (row: ReadyRecord): boolean => {
    const list = listOf(row.class);
    const at = position(list, row);
    const found = list.rows[at];
    if (found === undefined || compareReady(found, row) !== 0) return false;
    if (at !== list.head) list.rows.splice(at, 1);
    else {
      list.head += 1;
      if (list.head * 2 > list.rows.length) {
        list.rows = list.rows.slice(list.head);
        list.head = 0;
      }
    }
    return true;
  };
  const sizeOf = (name: string): number => lists.get(name)!.rows.length - lists.get(name)!.head;
  const classes = (): string[] => [...lists.keys()].filter((name) => sizeOf(name) > 0).sort();
  return {
    insert(row) {
      insert(row);
      undo(() => remove(row));
    },
    delete(row) {
      if (remove(row)) undo(() => insert(row));
    },
    from(className, from, limit) {
      const list = lists.get(className);
      if (!list) return [];
      let start = from ? position(list, from) : list.head;
      const at = list.rows[start];
      if (from && at !== undefined && compareReady(at, from) === 0) start += 1;
      return list.rows.slice(start, start + limit);
    },
    counts: () => classes().map((name) => ({ class: name, count: sizeOf(name) })),
    all: () => classes().flatMap((name) => lists.get(name)!.rows.slice(lists.get(name)!.head)),
  };
}

interface SortedList {
  rows: ReadyRecord[];
  /** Index of the first row that is still there. */
  head: number;
}

/** By rank, then run, then number. */
const compareReady = (a: ReadyRecord, b: ReadyRecord): number => a.rank - b.rank || a.run - b.run || a.n - b.n;

/** Index of the first row not before `row`. */
function position({ rows, head }: SortedList, row: ReadyRecord): number {
  const last = rows.at(-1);
  if (last === undefined || compareReady(last, row) < 0) return rows.length;
  let low = head;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareReady(rows[middle]!, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
