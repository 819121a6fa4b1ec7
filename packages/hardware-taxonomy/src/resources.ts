/**
 * Countable resources of one machine, leased exclusively: GPUs by their id, memory and other amounts by their sum.
 *
 * E1 What is taken and what is free add up to the capacity. A demand is met whole or not at all.
 * E2 The same calls give the same devices: free ones are taken in order of their ids.
 */
import { assert } from '@holdfast/kernel';
import type { Demand } from './requirement.ts';

/** What there is: an amount, or units that have names. */
export type Resource = { readonly kind: 'amount'; readonly capacity: number } | { readonly kind: 'units'; readonly ids: readonly string[] };

/** What one lease holds: amounts, and the ids of units, by resource. */
export interface Holding {
  readonly amounts: Readonly<Record<string, number>>;
  readonly units: Readonly<Record<string, readonly string[]>>;
}
/** `short`: the first resource, by name, of which there is too little now; `never`: of which there is too little at all. */
export type Taken =
  | { readonly kind: 'taken'; readonly holding: Holding }
  | { readonly kind: 'short' | 'never'; readonly resource: string; readonly wanted: number; readonly free: number };

export interface ResourceLedger {
  /**
   * Takes all demands for `lease`, which holds nothing yet. `fitting` restricts the units of a resource to those that satisfy the
   * requirement (`fittingDevices`).
   */
  take(lease: string, demands: readonly Demand[], fitting?: Readonly<Record<string, readonly string[]>>): Taken;
  /** Gives back what `lease` holds; nothing if it holds nothing. */
  release(lease: string): void;
  /** How much of a resource is free now; 0 of an unknown one. */
  free(resource: string): number;
  /** How much there is at all. */
  capacity(resource: string): number;
  /** The machine changed. Leases keep what they hold; a resource below what is held has nothing free. */
  replace(resources: Readonly<Record<string, Resource>>): void;
  readonly leases: number;
}

/** Creates a ledger with everything free. Capacities that are negative or no number count as 0. */
export function createResourceLedger(initial: Readonly<Record<string, Resource>>): ResourceLedger {
  let resources = new Map(Object.entries(initial));
  const holdings = new Map<string, Holding>();

  const freeUnits = (resource: string, ids: readonly string[]): readonly string[] => {
    const taken = new Set([...holdings.values()].flatMap((holding) => holding.units[resource] ?? []));
    return [...ids].sort().filter((id) => !taken.has(id));
  };
  const amountTaken = (resource: string): number =>
    [...holdings.values()].reduce((sum, holding) => sum + (holding.amounts[resource] ?? 0), 0);
  const capacity = (name: string): number => {
    const resource = resources.get(name);
    if (!resource) return 0;
    if (resource.kind === 'units') return new Set(resource.ids).size;
    return Number.isFinite(resource.capacity) ? Math.max(0, Math.floor(resource.capacity)) : 0;
  };
  const free = (name: string): number => {
    const resource = resources.get(name);
    if (resource?.kind === 'units') return freeUnits(name, [...new Set(resource.ids)]).length;
    return Math.max(0, capacity(name) - amountTaken(name));
  };

  return {
    take(lease, demands, fitting = {}) {
      assert(!holdings.has(lease), 'a lease takes its resources once', { lease });
      const amounts: Record<string, number> = {};
      const units: Record<string, readonly string[]> = {};
      for (const { resource: name, amount } of [...demands].sort((a, b) => (a.resource < b.resource ? -1 : 1))) {
        const resource = resources.get(name);
        if (resource?.kind === 'units') {
          const allowed = [...new Set(resource.ids)].filter((id) => fitting[name]?.includes(id) ?? true);
          const found = freeUnits(name, allowed);
          if (found.length < amount)
            return { kind: allowed.length < amount ? 'never' : 'short', resource: name, wanted: amount, free: found.length };
          units[name] = found.slice(0, amount);
        } else {
          const left = free(name);
          if (left < amount) return { kind: capacity(name) < amount ? 'never' : 'short', resource: name, wanted: amount, free: left };
          amounts[name] = amount;
        }
      }
      const holding = { amounts, units };
      holdings.set(lease, holding);
      return { kind: 'taken', holding };
    },
    release: (lease) => void holdings.delete(lease),
    free,
    capacity,
    replace(next) {
      resources = new Map(Object.entries(next));
    },
    get leases() {
      return holdings.size;
    },
  };
}
