/** Splitting known work over machines without a coordinator, and the bound that no split can beat. */

export interface SplitItem {
  readonly id: string;
  /** ≥ 0. */
  readonly durationMs: number;
}
export interface Part {
  /** In the order in which they should run, longest first. */
  readonly ids: readonly string[];
  readonly durationMs: number;
}

/**
 * Longest first, each to the part with least so far (Graham 1969: at most 4/3 - 1/(3n) of the optimum). Deterministic: the same items in any order give
 * the same parts. A part is empty only when there are fewer items than parts. Complexity: O(k log k + k n) for k items and n parts.
 */
export function splitEvenly(items: readonly SplitItem[], parts: number): readonly Part[] {
  const sorted = [...items].sort((a, b) => b.durationMs - a.durationMs || (a.id < b.id ? -1 : 1));
  const made = Array.from({ length: Math.max(1, Math.floor(parts)) }, () => ({ ids: [] as string[], durationMs: 0 }));
  for (const { id, durationMs } of sorted) {
    // Of equal sums the one with fewer items, so that nothing stays empty while items of 0 ms are left.
    const least = made.reduce((a, b) =>
      b.durationMs < a.durationMs || (b.durationMs === a.durationMs && b.ids.length < a.ids.length) ? b : a,
    );
    least.ids.push(id);
    least.durationMs += durationMs;
  }
  return made;
}

/** No schedule is shorter: all work over all speed, or the longest item on the fastest machine. `speeds` in thousandths. */
export function lowerBoundMs(items: readonly Pick<SplitItem, 'durationMs'>[], speeds: readonly number[]): number {
  const total = items.reduce((sum, item) => sum + item.durationMs, 0);
  const longest = items.reduce((most, item) => Math.max(most, item.durationMs), 0);
  const all = speeds.reduce((sum, speed) => sum + Math.max(0, speed), 0);
  const fastest = speeds.reduce((most, speed) => Math.max(most, speed), 0);
  return all === 0 ? Infinity : Math.max((total * 1000) / all, (longest * 1000) / fastest);
}
