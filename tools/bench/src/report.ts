/** What a bench says: figures with their spread, the conditions they were taken under, and what could not be measured. */

export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Samples. */
  readonly n: number;
  readonly unit: string;
}

export interface BenchReport {
  readonly name: string;
  readonly conditions: Readonly<Record<string, unknown>>;
  readonly figures: Readonly<Record<string, Figure>>;
  /** A sentence each. */
  readonly notMeasured: readonly string[];
}

/** The figure of some samples, rounded to four significant digits. Throws for none: a verdict over nothing is a mistake. */
export function figureOf(samples: readonly number[], unit: string): Figure {
  if (samples.length === 0) throw new Error(`no sample of a figure in ${unit}`);
  const sorted = samples.toSorted((a, b) => a - b);
  return { median: rounded(quantile(sorted, 0.5)), min: rounded(sorted[0]!), max: rounded(sorted.at(-1)!), n: sorted.length, unit };
}

/** A percentile: `median` holds the percentile itself, `min` and `max` the extremes of all samples. */
export function percentileOf(samples: readonly number[], q: number, unit: string): Figure {
  const sorted = samples.toSorted((a, b) => a - b);
  return { ...figureOf(samples, unit), median: rounded(quantile(sorted, q)) };
}

/** The value below which a share `q` (0..1) of the sorted samples lies, between its two neighbours. */
export function quantile(sorted: readonly number[], q: number): number {
  const place = (sorted.length - 1) * q;
  const low = sorted[Math.floor(place)]!;
  const high = sorted[Math.ceil(place)]!;
  return low + (high - low) * (place - Math.floor(place));
}

/** A table for people. */
export function describeReport(report: BenchReport): string {
  const rows = Object.entries(report.figures).map(([key, { median, min, max, n, unit }]) => [
    key,
    String(median),
    `${min} .. ${max}`,
    String(n),
    unit,
  ]);
  const table = [['figure', 'median', 'range', 'n', 'unit'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  const conditions = Object.entries(report.conditions).map(
    ([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [`bench ${report.name}`, ...conditions, '', ...lines, ...report.notMeasured.map((sentence) => `not measured: ${sentence}`)].join(
    '\n',
  );
}

const rounded = (value: number): number => (value === 0 ? 0 : Number(value.toPrecision(4)));
