/**
 * What one batch works on: rows loaded in sets before or while the ops are decided, changed in memory, written back in sets.
 *
 * W1 Deciding is synchronous and never sees a row that was not loaded: it raises `Miss`, is undone, and decides again once the row is here.
 *    So hints are for speed and misses for correctness.
 * W2 Rows that others may change are locked before they are read, in one order: of collections, then of keys. What is missed later and
 *    would break the order raises `LockOrder`: the transaction begins again with everything known by then.
 * W3 Only what differs from what was loaded is written.
 */
import { assert } from '@holdfast/kernel';
import type { PostgresQueries } from './postgres-connection.ts';

/** A kind of rows: how they are loaded in sets and written in sets. Values are never changed in place. */
export interface Collection<Key, Value> {
  readonly name: string;
  /** Place in the order of loads, and so of locks: see `LOAD_ORDER`. */
  readonly order: number;
  /** Loading locks the rows, in the order of `compare`. */
  readonly locks?: { compare(a: Key, b: Key): number };
  /** What is loaded tells what else is needed: nothing of a later order is asked for before it is here. */
  readonly discovers?: boolean;
  text(key: Key): string;
  /** What must be loaded, and so locked, before it. */
  requires?(key: Key, needs: Needs): void;
  /** Merges what two ops need under one text. Default: the first. */
  merge?(a: Key, b: Key): Key;
  /** Sends its queries before it first awaits. Keys without a row are left out. Adds what will be needed with what it found. */
  load(
    db: PostgresQueries,
    keys: readonly Key[],
    needs: Needs,
    current: (key: Key) => Value | undefined,
  ): Promise<ReadonlyMap<string, Value>>;
  /** Sends its statements and returns what to wait for. Absent: never written. */
  write?(db: PostgresQueries, changes: readonly Change<Key, Value>[]): Promise<unknown>[];
}

export interface Change<Key, Value> {
  readonly key: Key;
  readonly before: Value | undefined;
  readonly now: Value | undefined;
}

/** Collects what is to be loaded. */
export interface Needs {
  add<Key, Value>(collection: Collection<Key, Value>, key: Key): void;
}

/** What a store module of PostgreSQL is opened with. */
export interface PostgresTx {
  /** The row; undefined: there is none. Throws `Miss` when that is not known yet. */
  get<Key, Value>(collection: Collection<Key, Value>, key: Key): Value | undefined;
  /** Replaces a row that was loaded or inserted; undefined deletes it. */
  set<Key, Value>(collection: Collection<Key, Value>, key: Key, value: Value | undefined): void;
  /** A row that cannot exist yet: its key was numbered just now. */
  insert<Key, Value>(collection: Collection<Key, Value>, key: Key, value: Value): void;
  /** Gives up on this try: `key` must be loaded, again if it was. */
  miss<Key, Value>(collection: Collection<Key, Value>, key: Key): never;
  /** Rows of a collection that this batch has loaded or made. */
  known<Key, Value>(collection: Collection<Key, Value>): IterableIterator<Value | undefined>;
  /** Adds a row to a log, in order. Logs are only written. */
  append<Row>(log: Log<Row>, row: Row): void;
  /** Raises and returns the epoch of a coordinator, from 1; the committer goes on under its own raised one. */
  raiseCoordinator(id: string, wall: number): number;
}

/** A table that is only appended to. */
export interface Log<Row> {
  readonly name: string;
  write(db: PostgresQueries, rows: readonly Row[]): Promise<unknown>[];
}

/** Places in the order of loads. Locks are taken in it: coordinators, workers, runs, numbers, blobs; what belongs to a run is guarded by its run. */
export const LOAD_ORDER = {
  coordinators: 0,
  find: 1,
  workers: 2,
  findHeld: 3,
  runs: 4,
  numbers: 5,
  blobs: 6,
  findOfRun: 7,
  rows: 8,
} as const;

/** Control flow inside a batch, never seen outside of the committer. */
export class Miss extends Error {
  readonly collection: AnyCollection;
  readonly key: unknown;
  constructor(collection: AnyCollection, key: unknown) {
    super(`${collection.name} was not loaded`);
    this.collection = collection;
    this.key = key;
  }
}
/** The same: the locks that are wanted come before one that is held. */
export class LockOrder extends Error {}

// oxlint-disable-next-line typescript/no-explicit-any -- a list of collections of all kinds; each is only used with its own keys.
type AnyCollection = Collection<any, any>;
interface Entry {
  readonly key: unknown;
  before: unknown;
  now: unknown;
}

export interface WorkingSet extends Omit<PostgresTx, 'raiseCoordinator'> {
  readonly needs: Needs;
  /** Asks for what a try has missed, even if an older state of it is here. */
  missed(miss: Miss): void;
  /** Loads all that is needed, and what is discovered to be needed. */
  load(db: PostgresQueries): Promise<void>;
  /** A place to go back to. */
  mark(): number;
  undo(mark: number): void;
  /** Sends all differences; empty when there are none. */
  write(db: PostgresQueries): Promise<unknown>[];
  /** Begins a new transaction, or, with `locksStay`, only forgets the rows after they were written. */
  clear(locksStay: boolean): void;
}

/** Creates the working set of one batch. */
export function createWorkingSet(): WorkingSet {
  const tables = new Map<AnyCollection, Map<string, Entry>>();
  const logs = new Map<Log<unknown>, unknown[]>();
  /** What is still to be loaded. */
  let needed = new Map<AnyCollection, Map<string, unknown>>();
  /** Every lock that any try has asked for: the next try asks for all of them at once, in order. */
  const wanted = new Map<AnyCollection, Map<string, unknown>>();
  let held = new Map<AnyCollection, Set<string>>();
  let last: { readonly collection: AnyCollection; readonly key: unknown } | undefined;
  let journal: (() => void)[] = [];

  const tableOf = (collection: AnyCollection): Map<string, Entry> => {
    const known = tables.get(collection);
    if (known) return known;
    const made = new Map<string, Entry>();
    tables.set(collection, made);
    return made;
  };

  const add = (collection: AnyCollection, key: unknown, again = false): void => {
    const text = collection.text(key);
    if (!again && tables.get(collection)?.has(text)) return;
    collection.requires?.(key, needs);
    into(needed, collection, text, key);
    if (collection.locks) into(wanted, collection, text, key);
  };
  const needs: Needs = { add: (collection, key) => add(collection, key) };

  /** W2. */
  const takeLocks = (collection: AnyCollection, keys: unknown[]): void => {
    const compare = collection.locks!.compare;
    keys.sort(compare);
    const mine = held.get(collection) ?? new Set<string>();
    held.set(collection, mine);
    for (const key of keys) {
      const text = collection.text(key);
      if (mine.has(text)) continue;
      if (last && (last.collection.order > collection.order || (last.collection === collection && compare(last.key, key) > 0)))
        throw new LockOrder();
      mine.add(text);
      last = { collection, key };
    }
  };

  /** Sends the loads of one round: everything that is needed, up to what may discover more. */
  const round = (db: PostgresQueries, sent: Promise<void>[]): void => {
    const ordered = [...needed.entries()].sort(([a], [b]) => a.order - b.order);
    let until = Infinity;
    for (const [collection, keys] of ordered) {
      if (collection.order > until) break;
      if (collection.discovers) until = collection.order;
      needed.delete(collection);
      const list = [...keys.values()];
      if (collection.locks) takeLocks(collection, list);
      const table = tableOf(collection);
      const current = (key: unknown): unknown => table.get(collection.text(key))?.now;
      const loaded = collection.load(db, list, needs, current) as Promise<ReadonlyMap<string, unknown>>;
      sent.push(
        loaded.then((rows) => {
          for (const key of list) {
            const value = rows.get(collection.text(key));
            table.set(collection.text(key), { key, before: value, now: value });
          }
        }),
      );
    }
  };

  const put = (collection: AnyCollection, key: unknown, value: unknown, isNew: boolean): void => {
    const table = tableOf(collection);
    const text = collection.text(key);
    const entry = table.get(text);
    if (entry) {
      const former = entry.now;
      journal.push(() => (entry.now = former));
      entry.now = value;
      return;
    }
    if (!isNew) throw new Miss(collection, key);
    table.set(text, { key, before: undefined, now: value });
    journal.push(() => table.delete(text));
  };

  return {
    needs,
    missed: ({ collection, key }) => add(collection, key, true),
    get(collection, key) {
      const entry = tables.get(collection)?.get(collection.text(key));
      if (!entry) throw new Miss(collection, key);
      return entry.now as never;
    },
    set: (collection, key, value) => put(collection, key, value, false),
    insert: (collection, key, value) => put(collection, key, value, true),
    miss(collection, key): never {
      throw new Miss(collection, key);
    },
    *known(collection) {
      for (const entry of tables.get(collection)?.values() ?? []) yield entry.now as never;
    },
    append(log, row) {
      const rows = logs.get(log as Log<unknown>) ?? [];
      logs.set(log as Log<unknown>, rows);
      rows.push(row);
      journal.push(() => rows.pop());
    },
    async load(db) {
      for (let rounds = 0; needed.size > 0; rounds += 1) {
        assert(rounds < ROUNDS_MAX, 'loading comes to an end', { needed: [...needed.keys()].map(({ name }) => name).join() });
        const sent: Promise<void>[] = [];
        try {
          round(db, sent);
        } finally {
          await allOf(sent);
        }
      }
    },
    mark: () => journal.length,
    undo(mark) {
      while (journal.length > mark) journal.pop()!();
    },
    write(db) {
      const sent: Promise<unknown>[] = [];
      for (const [collection, table] of [...tables].sort(([a], [b]) => a.order - b.order)) {
        if (!collection.write) continue;
        const changes = [...table.values()].filter((entry) => entry.now !== entry.before);
        if (changes.length > 0) sent.push(...collection.write(db, changes));
      }
      for (const [log, rows] of logs) if (rows.length > 0) sent.push(...log.write(db, rows));
      return sent;
    },
    clear(locksStay) {
      tables.clear();
      logs.clear();
      journal = [];
      if (locksStay) return;
      held = new Map();
      last = undefined;
      needed = new Map();
      for (const [collection, keys] of wanted) needed.set(collection, new Map(keys));
    },
  };

  function into(target: Map<AnyCollection, Map<string, unknown>>, collection: AnyCollection, text: string, key: unknown): void {
    const keys = target.get(collection) ?? new Map<string, unknown>();
    target.set(collection, keys);
    const there = keys.get(text);
    keys.set(text, there !== undefined && collection.merge ? collection.merge(there, key) : (there ?? key));
  }
}

/** Waits for all of them, so that nothing of a failed try is under way when the next one begins; then throws what failed first. */
export async function allOf<Value>(sent: readonly Promise<Value>[]): Promise<Value[]> {
  const settled = await Promise.allSettled(sent);
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

const ROUNDS_MAX = 1000;
