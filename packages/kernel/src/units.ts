/**
 * Units that the compiler keeps apart.
 *
 * Only `MonoMs` may decide anything; `WallMs` is for people. Both are integers or
 * fractions of milliseconds as the source clock gives them.
 */
declare const unit: unique symbol;

/** Milliseconds of a monotonic clock. Differences are meaningful inside one process only. */
export type MonoMs = number & { readonly [unit]: 'mono' };
/** Milliseconds since 1970 of a wall clock. For people; never decides anything. */
export type WallMs = number & { readonly [unit]: 'wall' };
/** A length of time in milliseconds. */
export type DurationMs = number & { readonly [unit]: 'duration' };

/** Marks a number as monotonic milliseconds. */
export const monoMs = (value: number): MonoMs => value as MonoMs;
/** Marks a number as wall-clock milliseconds since 1970. */
export const wallMs = (value: number): WallMs => value as WallMs;
/** Marks a number as a duration in milliseconds. */
export const durationMs = (value: number): DurationMs => value as DurationMs;

/** The moment `by` after `from`. */
export const after = (from: MonoMs, by: DurationMs): MonoMs => (from + by) as MonoMs;
/** The time that passed from `from` to `to`; negative when `to` is earlier. */
export const elapsed = (from: MonoMs, to: MonoMs): DurationMs => (to - from) as DurationMs;

/**
 * Reads a duration as people type it: `250ms`, `30s`, `5m`, `2h`, or a bare number of seconds.
 * At most nine digits and three decimals, rounded to whole milliseconds; undefined for anything else, such as a sign.
 */
export function parseDuration(text: string): DurationMs | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text.trim());
  if (!match) return undefined;
  const factor = DURATION_FACTORS[(match[2] ?? 's') as keyof typeof DURATION_FACTORS];
  return durationMs(Math.round(Number(match[1]) * factor));
}

/** A duration for people: `0.4 s`, `12.3 s`, `2 m 05 s`, `1 h 02 m`. Negative ones show as `0.0 s`. */
export function formatDuration(duration: DurationMs | number): string {
  const seconds = Math.max(0, duration) / 1000;
  const tenths = seconds.toFixed(1);
  if (Number(tenths) < 60) return `${tenths} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} m`;
}

const pad = (value: number): string => String(value).padStart(2, '0');
const DURATION_FACTORS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
