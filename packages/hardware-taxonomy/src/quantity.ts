/** Numbers with units, as people write them, turned into integers of one base unit each. */

/** What a number counts. Base units: bytes, bytes per second, hertz, milliwatts, milliseconds, and plain counts. */
export type Unit = 'bytes' | 'bytesPerSecond' | 'hertz' | 'milliwatts' | 'milliseconds' | 'count';

/**
 * Reads `16GiB`, `2.4GHz`, `300W` or `12`; a bare number is in the base unit. Case decides nothing but `Gb` (bits are refused: memory is in bytes).
 * Undefined for anything else: no number, a unit of another quantity, a result beyond 2^53.
 */
export function parseQuantity(text: string, unit: Unit): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z/]*)$/.exec(text.trim());
  if (!match) return undefined;
  const factor = match[2] === '' ? 1 : factorOf(unit, match[2]!);
  if (factor === undefined) return undefined;
  const value = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The shortest exact way to write a value: `16GiB`, `2400MHz`, `12`. */
export function formatQuantity(value: number, unit: Unit): string {
  if (value === 0) return '0';
  const whole = UNITS[unit].findLast(([, factor]) => value % factor === 0);
  return whole ? `${value / whole[1]}${whole[0]}` : String(value);
}

/** About how much, for people: `11.7GiB`. */
export function roughQuantity(value: number, unit: Unit): string {
  const scale = UNITS[unit].filter(([name, factor]) => factor <= value && !DECIMAL_BYTES.has(name)).at(-1);
  if (!scale) return formatQuantity(value, unit);
  const tenths = Math.round((value * 10) / scale[1]) / 10;
  return `${tenths}${scale[0]}`;
}

/** The unit's names, for error messages: `B, KiB, MiB, ...`. */
export const unitNames = (unit: Unit): readonly string[] => UNITS[unit].map(([name]) => name);

const factorOf = (unit: Unit, name: string): number | undefined => {
  if (unit.startsWith('bytes') && /^[KMGT]i?b/.test(name)) return undefined;
  return UNITS[unit].find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
};

const BYTES: readonly (readonly [string, number])[] = [
  ['B', 1],
  ['KB', 1e3],
  ['KiB', 2 ** 10],
  ['MB', 1e6],
  ['MiB', 2 ** 20],
  ['GB', 1e9],
  ['GiB', 2 ** 30],
  ['TB', 1e12],
  ['TiB', 2 ** 40],
];
const DECIMAL_BYTES: ReadonlySet<string> = new Set(['KB', 'MB', 'GB', 'TB', 'KB/s', 'MB/s', 'GB/s', 'TB/s']);
/** Rising factors; the last one that divides a value names it. */
const UNITS: Readonly<Record<Unit, readonly (readonly [string, number])[]>> = {
  bytes: BYTES,
  bytesPerSecond: BYTES.map(([name, factor]) => [`${name}/s`, factor] as const),
  hertz: [
    ['Hz', 1],
    ['kHz', 1e3],
    ['MHz', 1e6],
    ['GHz', 1e9],
  ],
  milliwatts: [
    ['mW', 1],
    ['W', 1e3],
    ['kW', 1e6],
  ],
  milliseconds: [
    ['ms', 1],
    ['s', 1e3],
    ['m', 60_000],
    ['h', 3_600_000],
  ],
  count: [],
};
