/**
 * A committer over Maps, for tests and the simulator. What it committed is as durable as the object itself, so a
 * simulated crash keeps the committer and drops everything else.
 *
 * C4 A batch that throws leaves every table as it was before the batch.
 */
import { createDispatch, inDoubt } from './dispatch.ts';
import type { Committer, StoreModule } from './port.ts';

/** A table of rows. Rows are never changed in place: `set` a new one. */
export interface MemoryTable<Key, Row> {
  get(key: Key): Row | undefined;
  has(key: Key): boolean;
  set(key: Key, row: Row): void;
  delete(key: Key): boolean;
  /** In order of first insertion. */
  values(): IterableIterator<Row>;
  entries(): IterableIterator<[Key, Row]>;
  readonly size: number;
}

/** What a memory module is opened with. */
export interface MemoryTx {
  /** The table of that name, made at first use; shared by all modules of the committer. */
  table<Key, Row>(name: string): MemoryTable<Key, Row>;
  /** Registers how to take back a change that a module made to a structure of its own. */
  undo(revert: () => void): void;
}

/** Creates a committer over empty tables. Errors: `STORE_DUPLICATE_MODULE`; `commit`: `STORE_UNKNOWN_OP`, `STORE_IN_DOUBT`. */
export function createMemoryCommitter(modules: readonly StoreModule<MemoryTx>[]): Committer {
  const tables = new Map<string, MemoryTable<never, never>>();
  let journal: (() => void)[] = [];
  const undo = (revert: () => void): void => {
    journal.push(revert);
  };
  const tx: MemoryTx = {
    table<Key, Row>(name: string): MemoryTable<Key, Row> {
      const known = tables.get(name);
      if (known) return known as unknown as MemoryTable<Key, Row>;
      const table = createTable<Key, Row>(undo);
      tables.set(name, table as unknown as MemoryTable<never, never>);
      return table;
    },
    undo,
  };
  const dispatch = createDispatch(modules, tx);

  return {
    commit(ops) {
      dispatch.check(ops);
      journal = [];
      try {
        const verdicts = ops.map((op) => dispatch.apply(op));
        journal = [];
        return verdicts;
      } catch (error) {
        const reverts = journal.reverse();
        journal = [];
        for (const revert of reverts) revert();
        throw inDoubt(error);
      }
    },
    close() {
      /* Nothing is held outside the heap. */
    },
  };
}

function createTable<Key, Row>(undo: (revert: () => void) => void): MemoryTable<Key, Row> {
  const rows = new Map<Key, Row>();
  const restore = (key: Key): void => {
    if (rows.has(key)) {
      const before = rows.get(key)!;
      undo(() => rows.set(key, before));
    } else {
      undo(() => rows.delete(key));
    }
  };
  return {
    get: (key) => rows.get(key),
    has: (key) => rows.has(key),
    set(key, row) {
      restore(key);
      rows.set(key, row);
    },
    delete(key) {
      if (!rows.has(key)) return false;
      restore(key);
      return rows.delete(key);
    },
    values: () => rows.values(),
    entries: () => rows.entries(),
    get size() {
      return rows.size;
    },
  };
}
