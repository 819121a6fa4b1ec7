/**
 * The digest of the leases a worker holds, kept by both ends and compared at every heartbeat (S5).
 * Independent of order; adding and removing are O(1).
 */

export interface HeldDigest {
  /** Returns whether it was new. */
  add(lease: string): boolean;
  /** Returns whether it was there. */
  remove(lease: string): boolean;
  has(lease: string): boolean;
  clear(): void;
  value(): { readonly count: number; readonly hash: number };
}

/** Creates an empty digest. Leases are texts `run.n.epoch`. */
export function createHeldDigest(): HeldDigest {
  const leases = new Set<string>();
  let hash = 0;
  return {
    add(lease) {
      if (leases.has(lease)) return false;
      leases.add(lease);
      hash = (hash ^ mixed(lease)) >>> 0;
      return true;
    },
    remove(lease) {
      if (!leases.delete(lease)) return false;
      hash = (hash ^ mixed(lease)) >>> 0;
      return true;
    },
    has: (lease) => leases.has(lease),
    clear() {
      leases.clear();
      hash = 0;
    },
    value: () => ({ count: leases.size, hash }),
  };
}

/** FNV-1a with the finaliser of MurmurHash3, so that neighbouring epochs do not cancel out. */
function mixed(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
