/** What a cgroup allows, from the files of version 2 and of version 1. */

/** Bytes of `memory.max` or `memory.limit_in_bytes`; undefined: no limit. */
export function memoryLimit(text: string): number | undefined {
  const value = Number(text.trim());
  // Version 1 says "none" by a number near 2^63.
  return Number.isFinite(value) && value > 0 && value < 2 ** 53 ? value : undefined;
}

/** Whole processors of `cpu.max` (`200000 100000`); undefined: no limit. At least 1. */
export function cpuLimit(text: string): number | undefined {
  const [quota, period] = text.trim().split(/\s+/).map(Number);
  if (quota === undefined || period === undefined || !(quota > 0) || !(period > 0)) return undefined;
  return Math.max(1, Math.floor(quota / period));
}
