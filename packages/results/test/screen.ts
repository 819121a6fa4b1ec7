/* oxlint-disable no-control-regex -- a terminal is about control characters */
/** A terminal of `columns` × `rows` that understands what the painter writes, and refuses everything else. */
export interface TestScreen {
  write(text: string): void;
  columns(): number;
  /** Scrolled off and visible lines, without trailing spaces, up to the cursor. */
  lines(): string[];
  /** How many times something was written. */
  readonly writes: number;
}

export function createTestScreen(columns: number, rows: number): TestScreen {
  const grid: string[] = [''];
  let row = 0;
  let column = 0;
  let writes = 0;
  const put = (char: string): void => {
    if (column === columns) {
      column = 0;
      down();
    }
    grid[row] = grid[row]!.padEnd(column).slice(0, column) + char + grid[row]!.slice(column + 1);
    column += 1;
  };
  const down = (): void => {
    row += 1;
    if (row === grid.length) grid.push('');
  };
  const top = (): number => Math.max(0, grid.length - rows);
  return {
    write(text) {
      writes += 1;
      for (const token of text.match(/\u001b\[\??[0-9;]*[A-Za-z]|[^]/g) ?? []) {
        const up = /^\u001b\[(\d+)A$/.exec(token);
        if (up) row = Math.max(top(), row - Number(up[1]));
        else if (token === '\u001b[K') grid[row] = grid[row]!.slice(0, column);
        else if (token === '\n') {
          column = 0;
          down();
        } else if (token === '\r') column = 0;
        else if (!/^\u001b\[(\?2026[hl]|[0-9;]*m)$/.test(token)) {
          if (token.startsWith('\u001b')) throw new Error(`unexpected ${JSON.stringify(token)}`);
          put(token);
        }
      }
    },
    columns: () => columns,
    lines: () => grid.slice(0, row).map((line) => line.trimEnd()),
    get writes() {
      return writes;
    },
  };
}
