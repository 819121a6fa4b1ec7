/** The ports of a handshake for tests: nonces that replay from a seed, and digests that stories can write down. */
import type { Entropy, Mac, Random } from '@holdfast/kernel';

/** Not unpredictable, but never the same twice in practice: all that a protocol may rely on in a replay. Never for real secrets. */
export const seededEntropy = (random: Random): Entropy => ({
  bytes: (count) => Uint8Array.from({ length: count }, () => random.below(256)),
});

/** The one digest of `constantMac`. */
export const CONSTANT_DIGEST = 'a'.repeat(64);

/** A `Mac` whose digests are all the same: for stories about what comes after a proof. It protects nothing. */
export const constantMac: Mac = {
  hmac: () => CONSTANT_DIGEST,
  sha256: () => CONSTANT_DIGEST,
  equal: (one, other) => one === other,
};
