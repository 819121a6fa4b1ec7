/** Where a verb speaks: data on standard output, words for people on standard error. */

export interface Console {
  /** One line for people. */
  say(line: string): void;
  /** One line of data. */
  print(line: string): void;
  /** One JSON value as data. */
  printJson(value: unknown): void;
}

export const processConsole: Console = {
  say: (line) => void process.stderr.write(`${line}\n`),
  print: (line) => void process.stdout.write(`${line}\n`),
  printJson: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
};

/** Rows as aligned columns, two spaces apart; the first row is the head. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
