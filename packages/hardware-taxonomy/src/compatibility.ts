/** How well one processor can stand in for another: plain integers 0..1000, never a reason to place a task where its requirement does not hold. */
import type { Backend, HardwareClass, Precision, Workload } from './vocabulary.ts';

/** What compatibility and specialisation look at. */
export interface ProcessorProfile {
  readonly class: HardwareClass;
  readonly backends: readonly Backend[];
  readonly precisions: readonly Precision[];
  readonly features: readonly string[];
  /** Compute units; 0: not known. */
  readonly units: number;
}

/**
 * 0.5 × class + 0.3 × shared backends + 0.2 × shared precisions, each 0..1000 (features X1). Shared: of all that either has;
 * 0 where neither names any.
 */
export function compatibilityScore(a: ProcessorProfile, b: ProcessorProfile): number {
  const total = 5 * classAffinity(a.class, b.class) + 3 * overlap(a.backends, b.backends) + 2 * overlap(a.precisions, b.precisions);
  return Math.floor(total / 10);
}

/** How alike two classes are, 0..1000; symmetric. */
export function classAffinity(a: HardwareClass, b: HardwareClass): number {
  if (a === b) return a === 'gpu' ? 800 : 1000;
  return CLASS_AFFINITY[`${a} ${b}`] ?? CLASS_AFFINITY[`${b} ${a}`] ?? 0;
}

/** How well a processor suits a kind of work, and the batch size to begin with there. */
export interface Specialisation {
  /** 0..1000. */
  readonly score: number;
  readonly batch: number;
  /** Fragments: what was found that speaks for it. */
  readonly reasons: readonly string[];
}

/** A rule of thumb by workload (features X2); `score` 500 and batch 1 where there is none. */
export function specialisationOf(profile: ProcessorProfile, workload: Workload): Specialisation {
  const rule = SPECIALISATIONS.find((entry) => entry.workload === workload && entry.holds(profile));
  return rule ? { score: rule.score, batch: rule.batch, reasons: [rule.reason] } : { score: 500, batch: 1, reasons: [] };
}

function overlap(a: readonly string[], b: readonly string[]): number {
  const all = new Set([...a, ...b]);
  if (all.size === 0) return 0;
  const other = new Set(b);
  return Math.floor((new Set(a.filter((word) => other.has(word))).size * 1000) / all.size);
}

interface Rule {
  readonly workload: Workload;
  readonly holds: (profile: ProcessorProfile) => boolean;
  readonly score: number;
  readonly batch: number;
  readonly reason: string;
}

const ACCELERATES_VISION: ReadonlySet<HardwareClass> = new Set(['gpu', 'tpu', 'npu']);
/** The first rule that holds counts. */
const SPECIALISATIONS: readonly Rule[] = [
  {
    workload: 'nlp',
    holds: (p) => p.class === 'gpu' && p.units >= 30,
    score: 900,
    batch: 16,
    reason: 'a GPU with 30 or more compute units',
  },
  {
    workload: 'vision',
    holds: (p) => ACCELERATES_VISION.has(p.class) && p.features.includes('tensor_cores'),
    score: 900,
    batch: 32,
    reason: 'an accelerator with tensor cores',
  },
  { workload: 'vision', holds: (p) => ACCELERATES_VISION.has(p.class), score: 700, batch: 32, reason: 'an accelerator' },
  {
    workload: 'audio',
    holds: (p) => p.class === 'cpu' && p.features.includes('avx2'),
    score: 850,
    batch: 8,
    reason: 'a processor with AVX2',
  },
];

/** Pairs not listed have nothing in common. */
const CLASS_AFFINITY: Readonly<Record<string, number>> = { 'cpu gpu': 600, 'cpu npu': 400, 'cpu tpu': 300 };
