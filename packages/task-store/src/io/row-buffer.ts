/**
 * Rows that wait to be written together: one statement for many rows costs about half of as many statements.
 *
 * R1 Rows are written in the order in which they were pushed.
 */
import type { SqliteStatement, SqliteTx } from '@holdfast/committer/sqlite';

export interface RowBuffer {
  /** Takes the values of one row, in the order of the columns. */
  push(...row: readonly unknown[]): void;
  /** Writes all that wait. */
  flush(): void;
  /** Forgets all that wait: the transaction was rolled back. */
  clear(): void;
  /** Rows that wait. */
  readonly length: number;
}

/** `sql` ends where the rows begin: `INSERT INTO t VALUES`. `row` is one row as SQL, `(?, ?)`, with `width` parameters. */
export function createRowBuffer(tx: SqliteTx, sql: string, width: number, row: string = marks(width)): RowBuffer {
  const groups = GROUPS.map((size) => ({ size, statement: tx.prepare(`${sql} ${Array.from({ length: size }, () => row).join(', ')}`) }));
  let values: unknown[] = [];

  const write = (statement: SqliteStatement, from: number, count: number): void => {
    if (from === 0 && count * width === values.length) statement.run(values);
    else statement.run(values.slice(from * width, (from + count) * width));
  };
  return {
    push(...given) {
      for (const value of given) values.push(value);
    },
    flush() {
      const length = values.length / width;
      let from = 0;
      for (const { size, statement } of groups) {
        for (; length - from >= size; from += size) write(statement, from, size);
      }
      values = [];
    },
    clear() {
      values = [];
    },
    get length() {
      return values.length / width;
    },
  };
}

/** `(?, ?, ?)`. */
const marks = (count: number): string => `(${Array.from({ length: count }, () => '?').join(', ')})`;

/** Rows of one statement, largest first; the last must be 1. */
const GROUPS = [32, 8, 1] as const;
