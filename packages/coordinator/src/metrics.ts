/** Counters, gauges and histograms as OpenMetrics text. Label values are bounded: the code names them, never a user. */

export interface Counter {
  add(labels?: Readonly<Record<string, string>>, by?: number): void;
}
export interface Histogram {
  observe(value: number): void;
}
/** One sample of a gauge: its labels and its value. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

export interface Metrics {
  counter(name: string, help: string): Counter;
  histogram(name: string, help: string, bounds: readonly number[]): Histogram;
  /** `read` is called when the metrics are asked for. */
  gauge(name: string, help: string, read: () => readonly Sample[]): void;
  /** OpenMetrics 1.0 text, ending with `# EOF`. */
  text(): string;
}

/** At most so many label sets per counter; further ones are counted under `other`. */
const SERIES_MAX = 256;

/** Creates an empty registry. */
export function createMetrics(): Metrics {
  const families: (() => string)[] = [];
  return {
    counter(name, help) {
      const series = new Map<string, number>();
      families.push(() =>
        family(
          name,
          'counter',
          help,
          [...series].map(([labels, value]) => `${name}_total${labels} ${value}`),
        ),
      );
      return {
        add(labels = {}, by = 1) {
          const key = labelText(labels);
          const known =
            series.has(key) || series.size < SERIES_MAX
              ? key
              : labelText(Object.fromEntries(Object.keys(labels).map((label) => [label, 'other'])));
          series.set(known, (series.get(known) ?? 0) + by);
        },
      };
    },
    histogram(name, help, bounds) {
      const counts = bounds.map(() => 0);
      let count = 0;
      let sum = 0;
      families.push(() =>
        family(name, 'histogram', help, [
          ...bounds.map((bound, index) => `${name}_bucket{le="${bound}"} ${counts[index]}`),
          `${name}_bucket{le="+Inf"} ${count}`,
          `${name}_count ${count}`,
          `${name}_sum ${sum}`,
        ]),
      );
      return {
        observe(value) {
          count += 1;
          sum += value;
          for (const [index, bound] of bounds.entries()) if (value <= bound) counts[index]! += 1;
        },
      };
    },
    gauge(name, help, read) {
      families.push(() =>
        family(
          name,
          'gauge',
          help,
          read().map(([labels, value]) => `${name}${labelText(labels)} ${value}`),
        ),
      );
    },
    text: () => `${families.map((write) => write()).join('')}# EOF\n`,
  };
}

const family = (name: string, type: string, help: string, lines: readonly string[]): string =>
  [`# TYPE ${name} ${type}`, `# HELP ${name} ${help}`, ...lines, ''].join('\n');

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
