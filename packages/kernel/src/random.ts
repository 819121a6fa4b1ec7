/**
 * Seeded randomness for decisions (backoff, simulation). Not for secrets: see `Entropy`.
 *
 * R1 The same seed and the same calls give the same values, on every platform.
 * R2 A fork depends on the seed and the label only, never on how much its parent was used.
 */

/** A replayable source of chance. Fork it by label; never share one between two machines. */
export interface Random {
  /** A float in [0, 1), 32 bits of it random. */
  float(): number;
  /** An integer in [0, limit). `limit` is a positive integer up to 2^32. */
  below(limit: number): number;
  /** True with probability `p` (0..1). */
  chance(p: number): boolean;
  /** One element. The list must not be empty. */
  pick<T>(from: readonly T[]): T;
  /** An independent source for `label` (R2). The seed of a fork is `seed/label`, so a label that holds `/` names a fork of a fork. */
  fork(label: string): Random;
}

/** Creates a source from a seed. Source: sfc32 by Chris Doty-Humphrey (PractRand), seeded by a 32-bit FNV-1a hash. */
export function createRandom(seed: string | number): Random {
  const name = String(seed);
  const next = sfc32(hash32(name, 1), hash32(name, 2), hash32(name, 3));
  const float = (): number => next() / 4_294_967_296;
  const below = (limit: number): number => Math.floor(float() * limit);
  return {
    float,
    below,
    chance: (p) => float() < p,
    pick: (from) => {
      if (from.length === 0) throw new RangeError('pick from an empty list');
      return from[below(from.length)]!;
    },
    fork: (label) => createRandom(`${name}/${label}`),
  };
}

/** FNV-1a over UTF-16 code units, 32 bits, unsigned. Stable across versions: digests and tests rely on it. */
export function hash32(text: string, salt = 0): number {
  let hash = (0x811c9dc5 ^ salt) >>> 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash >>> 0;
}

function sfc32(first: number, second: number, third: number): () => number {
  let a = first | 0;
  let b = second | 0;
  let c = third | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 15; round += 1) next();
  return next;
}
