/**
 * What kinds of hardware can do, from the general to the single device: a capability stated for a vendor holds for its models unless a model says
 * otherwise. And how kinds relate: what measurements on one are worth on another.
 *
 * G1 A kind inherits along one line of parents; the nearest statement counts. A cycle is refused when it would come about.
 * G2 A transfer score is the best product along relationships, so that it never rises on the way.
 */
import { bad, ok, type Result } from '@holdfast/kernel';

/** From the general to the single. A parent's scope is never narrower than its child's. */
export const CAPABILITY_SCOPES = ['global', 'class', 'vendor', 'model', 'device'] as const;
export type CapabilityScope = (typeof CAPABILITY_SCOPES)[number];

/** 0 unknown, 1 minimal, 2 basic, 3 average, 4 good, 5 excellent. */
export type CapabilityRating = 0 | 1 | 2 | 3 | 4 | 5;
export const RATINGS = ['unknown', 'minimal', 'basic', 'average', 'good', 'excellent'] as const;

/** What one kind states of itself. */
export interface CapabilityProfile {
  /** `gpu`, `gpu.nvidia`, `gpu.nvidia.a100`, or a device's id. */
  readonly id: string;
  readonly scope: CapabilityScope;
  readonly parent?: string;
  readonly provides: Readonly<Record<string, CapabilityRating>>;
  /** Capabilities without which those above are worth nothing. */
  readonly requires?: readonly string[];
  /** Capabilities that cannot be used beside those above. */
  readonly incompatible?: readonly string[];
}

/** All that holds for a kind, own statements and inherited ones. */
export interface ResolvedCapabilities {
  readonly id: string;
  /** From the kind itself to its most general ancestor. */
  readonly line: readonly string[];
  readonly provides: Readonly<Record<string, { readonly rating: CapabilityRating; readonly from: string }>>;
  /** Required capabilities that nothing in the line provides, sorted. */
  readonly missing: readonly string[];
  /** Provided capabilities that another one of the line excludes, sorted. */
  readonly conflicts: readonly string[];
}

export const RELATIONSHIPS = ['parent_of', 'compatible_with', 'accelerates', 'depends_on', 'cooperates_with'] as const;
export type RelationshipKind = (typeof RELATIONSHIPS)[number];
/** `score`: how close, 0..1000. `transfer`: what a measurement on `source` is worth on `target`, 0..1000. */
export interface Relationship {
  readonly source: string;
  readonly target: string;
  readonly kind: RelationshipKind;
  readonly score: number;
  readonly transfer: number;
}

/** Why a profile or a relationship is not taken, as a fragment. */
export interface RegistryProblem {
  readonly message: string;
}

export interface CapabilityRegistry {
  /** Adds or replaces a profile. Refused: an unknown or narrower parent, a cycle, a rating that is none. */
  register(profile: CapabilityProfile): Result<null, RegistryProblem>;
  /** Adds or replaces the relationship of that kind between two registered kinds. Refused: an unknown end, a number outside 0..1000. */
  relate(relationship: Relationship): Result<null, RegistryProblem>;
  resolve(id: string): ResolvedCapabilities | undefined;
  /** Relationships that begin or end at a kind, by source, target and kind. */
  relationshipsOf(id: string): readonly Relationship[];
  /** What a measurement on `source` is worth on `target`: 1000 for itself, 0 without a path. Complexity: O(r log r) for r relationships. */
  transferScore(source: string, target: string): number;
  readonly size: number;
}

/** Creates a registry with the hardware classes and what is known to carry over between them (features X3). */
export function createCapabilityRegistry(): CapabilityRegistry {
  const profiles = new Map<string, CapabilityProfile>();
  const relationships = new Map<string, Relationship>();

  const lineOf = (id: string): readonly string[] => {
    const line: string[] = [];
    for (let at: string | undefined = id; at !== undefined; at = profiles.get(at)?.parent) line.push(at);
    return line;
  };

  function register(profile: CapabilityProfile): Result<null, RegistryProblem> {
    const { id, parent } = profile;
    if (id === '') return bad({ message: 'a kind needs an id' });
    for (const [name, rating] of Object.entries(profile.provides)) {
      if (!Number.isInteger(rating) || rating < 0 || rating >= RATINGS.length)
        return bad({ message: `${id}: the rating of ${name} is 0 to 5, not ${String(rating)}` });
    }
    if (parent !== undefined) {
      const known = profiles.get(parent);
      if (!known) return bad({ message: `${id}: its parent ${parent} is not registered` });
      if (rank(known.scope) > rank(profile.scope))
        return bad({ message: `${id}: its parent ${parent} is narrower (${known.scope} above ${profile.scope})` });
      const line = lineOf(parent);
      if (line.includes(id))
        return bad({ message: `${id} would be its own ancestor: ${[id, ...line.slice(0, line.indexOf(id) + 1)].join(' < ')}` });
    }
    profiles.set(id, profile);
    return ok(null);
  }

  function relate(relationship: Relationship): Result<null, RegistryProblem> {
    const { source, target, kind, score, transfer } = relationship;
    for (const end of [source, target]) if (!profiles.has(end)) return bad({ message: `${end} is not registered` });
    for (const [name, value] of [
      ['score', score],
      ['transfer', transfer],
    ] as const) {
      if (!Number.isInteger(value) || value < 0 || value > 1000)
        return bad({ message: `${source} ${kind} ${target}: ${name} is 0 to 1000, not ${String(value)}` });
    }
    relationships.set(`${source} ${kind} ${target}`, relationship);
    return ok(null);
  }

  function resolve(id: string): ResolvedCapabilities | undefined {
    if (!profiles.has(id)) return undefined;
    const line = lineOf(id);
    const provides: Record<string, { readonly rating: CapabilityRating; readonly from: string }> = {};
    for (const from of [...line].reverse()) {
      for (const [name, rating] of Object.entries(profiles.get(from)!.provides)) provides[name] = { rating, from };
    }
    const has = (name: string): boolean => provides[name] !== undefined && provides[name].rating > 0;
    const named = (field: 'requires' | 'incompatible'): string[] =>
      [...new Set(line.flatMap((from) => profiles.get(from)![field] ?? []))].sort();
    return {
      id,
      line,
      provides,
      missing: named('requires').filter((name) => !has(name)),
      conflicts: named('incompatible').filter(has),
    };
  }

  /** Dijkstra over products: the best unsettled kind is final, since no factor is above 1000. */
  function transferScore(source: string, target: string): number {
    if (!profiles.has(source) || !profiles.has(target)) return 0;
    const best = new Map([[source, 1000]]);
    const settled = new Set<string>();
    for (;;) {
      const at = [...best].filter(([id]) => !settled.has(id)).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0];
      if (!at) return 0;
      const [id, worth] = at;
      if (id === target) return worth;
      settled.add(id);
      for (const relationship of relationships.values()) {
        if (relationship.source !== id) continue;
        const next = Math.floor((worth * relationship.transfer) / 1000);
        if (next > (best.get(relationship.target) ?? 0)) best.set(relationship.target, next);
      }
    }
  }

  for (const id of CLASSES) register({ id, scope: 'class', provides: {} });
  for (const [source, target, transfer] of TRANSFERS) relate({ source, target, kind: 'compatible_with', score: transfer, transfer });
  return {
    register,
    relate,
    resolve,
    relationshipsOf: (id) =>
      [...relationships.values()]
        .filter((one) => one.source === id || one.target === id)
        .sort((a, b) => compare(a.source, b.source) || compare(a.target, b.target) || compare(a.kind, b.kind)),
    transferScore,
    get size() {
      return profiles.size;
    },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const rank = (scope: CapabilityScope): number => CAPABILITY_SCOPES.indexOf(scope);
const CLASSES = ['cpu', 'gpu', 'tpu', 'npu', 'dsp', 'fpga', 'asic', 'hybrid'] as const;
/** Requirement document S4; one direction each: what is known of processors says little about accelerators, and nothing the other way. */
const TRANSFERS: readonly (readonly [string, string, number])[] = [
  ['cpu', 'gpu', 700],
  ['cpu', 'tpu', 400],
  ['cpu', 'npu', 500],
];
