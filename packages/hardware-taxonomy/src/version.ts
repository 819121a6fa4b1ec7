/** Dotted versions as one comparable number: up to four parts of up to 65,535 would overflow, so they are compared as lists. */

/** `156.0.8078.73` as its numbers; a leading `v` and what follows the numbers (`-beta`, ` (Debian)`) are passed over. Undefined without a number. */
export function parseVersion(text: string): readonly number[] | undefined {
  const match = /^v?(\d{1,9}(?:\.\d{1,9}){0,7})/i.exec(text.trim());
  return match?.[1]!.split('.').map(Number);
}

/** Negative, 0 or positive; missing parts are 0, so that 8 = 8.0. */
export function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let part = 0; part < Math.max(a.length, b.length); part += 1) {
    const difference = (a[part] ?? 0) - (b[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export const formatVersion = (version: readonly number[]): string => version.join('.');
