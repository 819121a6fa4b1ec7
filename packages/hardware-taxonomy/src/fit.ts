/** Whether a machine fits, how well, and if not: which part fails and by how much. */
import { type CompiledAlternative, type CompiledPart, type CompiledRequirement, anyBinding, eachBinding } from './compile.ts';
import { DEVICE_KINDS, type FactDefinition, type FactSchema, factOf, MACHINE_SCHEMA } from './fact-schema.ts';
import type { Binding, LaidMachine } from './layout.ts';
import { placesOf } from './layout.ts';
import { formatQuantity, roughQuantity } from './quantity.ts';
import type { Expression } from './requirement.ts';
import { TRUE, type Truth, truthText, UNKNOWN } from './truth.ts';
import { formatVersion } from './version.ts';

/** One part of what must hold, on the machine or on its nearest device. */
export interface FitPart {
  readonly text: string;
  readonly outcome: 'true' | 'unknown' | 'false';
  /** What was found, for people: `8GiB`, `no gpu`, `not known`. Missing for compound parts. */
  readonly found?: string;
  /** By how much a number misses, in base units; missing where there is no such number. */
  readonly short?: number;
  /** A whole fragment: `gpu.memory is 8GiB, 8GiB short of 16GiB`. */
  readonly words: string;
}

export type Fit =
  | {
      readonly kind: 'fits';
      /** 0-based index of the alternative taken. */
      readonly alternative: number;
      /** Share of the wishes that came true, 0..1000; 1000 without wishes. */
      readonly score: number;
      /** The first choice of devices that satisfies it, by kind. */
      readonly devices: Readonly<Record<string, string>>;
    }
  | {
      /** `unknown`: it could fit if the facts were known. */
      readonly kind: 'unknown' | 'unfit';
      /** The alternative that comes nearest, 0-based. */
      readonly alternative: number;
      /** Its parts, as required; at least one is not true. */
      readonly parts: readonly FitPart[];
    };

/** Explains a machine for a requirement. Slower than `matches`; for people, not for the hot path. */
export function fit(compiled: CompiledRequirement, laid: LaidMachine, schema: FactSchema = MACHINE_SCHEMA): Fit {
  let nearest:
    | { readonly alternative: number; readonly truth: Truth; readonly true: number; readonly parts: readonly FitPart[] }
    | undefined;
  for (const [index, alternative] of compiled.alternatives.entries()) {
    const tried = tryAlternative(alternative, laid, schema);
    if (tried.truth === TRUE) return { kind: 'fits', alternative: index, score: score(alternative, laid), devices: tried.devices };
    const fits = tried.parts.filter((part) => part.outcome === 'true').length - tried.parts.length;
    if (!nearest || tried.truth > nearest.truth || (tried.truth === nearest.truth && fits > nearest.true)) {
      nearest = { alternative: index, truth: tried.truth, true: fits, parts: tried.parts };
    }
  }
  return { kind: nearest!.truth === UNKNOWN ? 'unknown' : 'unfit', alternative: nearest!.alternative, parts: nearest!.parts };
}

/** Ids of the devices of a kind with which a machine satisfies an alternative: those that may be leased for it. */
export function fittingDevices(
  alternative: CompiledAlternative,
  laid: LaidMachine,
  kind: (typeof DEVICE_KINDS)[number],
): readonly string[] {
  const index = DEVICE_KINDS.indexOf(kind);
  const ids = new Set<string>();
  const kinds = alternative.kinds.includes(index) ? alternative.kinds : [...alternative.kinds, index].sort((a, b) => a - b);
  eachBinding(kinds, laid, (binding, chosen) => {
    const id = chosen.get(index);
    if (id !== undefined && alternative.evaluate(binding, laid) === TRUE) ids.add(id);
    return true;
  });
  return [...ids].sort();
}

/** Share of the wishes that hold, by weight, 0..1000. A wish that is not known to hold does not. */
export function score(alternative: CompiledAlternative, laid: LaidMachine): number {
  let total = 0;
  let held = 0;
  for (const { weight, kinds, evaluate } of alternative.soft) {
    total += weight;
    if (anyBinding(kinds, evaluate, laid) === TRUE) held += weight;
  }
  return total === 0 ? 1000 : Math.floor((held * 1000) / total);
}

interface Tried {
  readonly truth: Truth;
  readonly devices: Readonly<Record<string, string>>;
  readonly parts: readonly FitPart[];
}

/** The choice of devices under which the alternative is truest, and of those the one with most parts true. */
function tryAlternative(alternative: CompiledAlternative, laid: LaidMachine, schema: FactSchema): Tried {
  let best:
    | { readonly truth: Truth; readonly sum: number; readonly binding: Binding; readonly devices: Readonly<Record<string, string>> }
    | undefined;
  eachBinding(alternative.kinds, laid, (binding, chosen) => {
    const truth = alternative.evaluate(binding, laid);
    let sum = 0;
    for (const part of alternative.parts) sum += part.evaluate(binding, laid);
    if (!best || truth > best.truth || (truth === best.truth && sum > best.sum)) {
      const devices = Object.fromEntries([...chosen].map(([kind, id]) => [DEVICE_KINDS[kind]!, id]));
      best = { truth, sum, binding: [...binding], devices };
    }
    return truth !== TRUE;
  });
  const { truth, binding, devices } = best!;
  return { truth, devices, parts: truth === TRUE ? [] : alternative.parts.map((part) => explainPart(part, binding, laid, schema)) };
}

function explainPart(part: CompiledPart, binding: Binding, laid: LaidMachine, schema: FactSchema): FitPart {
  const truth = part.evaluate(binding, laid);
  const outcome = truthText(truth);
  const { expression, text } = part;
  if (expression.kind === 'all' || expression.kind === 'any' || expression.kind === 'not') {
    const words = truth === TRUE ? `${text} holds` : truth === UNKNOWN ? `whether ${text} holds is not known` : `${text} does not hold`;
    return { text, outcome, words };
  }
  const definition = factOf(schema, expression.fact)!;
  const found = foundText(definition, expression.fact, binding, laid, schema);
  const base = { text, outcome, found };
  const short = shortOf(expression, definition, binding, schema);
  const words = `${expression.fact} is ${found}, wanted is ${text.slice(expression.fact.length + 1) || 'true'}`;
  if (truth === TRUE || short === undefined || definition.type !== 'number') return { ...base, words };
  return {
    ...base,
    short,
    words: `${expression.fact} is ${found}, ${formatQuantity(short, definition.unit)} short of ${formatQuantity((expression as { value: number }).value, definition.unit)}`,
  };
}

/** How much is missing to a lower bound. */
function shortOf(expression: Expression, definition: FactDefinition, binding: Binding, schema: FactSchema): number | undefined {
  if (expression.kind !== 'compare' || definition.type !== 'number') return undefined;
  if (expression.comparator !== '>=' && expression.comparator !== '>') return undefined;
  const value = valueAt(expression.fact, binding, schema);
  const wanted = expression.value as number;
  return typeof value === 'number' && value <= wanted ? wanted - value + (expression.comparator === '>' ? 1 : 0) : undefined;
}

function foundText(definition: FactDefinition, path: string, binding: Binding, laid: LaidMachine, schema: FactSchema): string {
  if (path.startsWith('label.')) return laid.labels.has(path) ? JSON.stringify(laid.labels.get(path)!.value) : 'not set';
  const place = placesOf(schema).get(path)!;
  if (binding[place.kind] === null) return `missing: there is no ${DEVICE_KINDS[place.kind]}`;
  const value = valueAt(path, binding, schema);
  if (value === undefined) return 'not known';
  if (definition.type === 'number') return roughQuantity(value as number, definition.unit);
  if (definition.type === 'version') return formatVersion(value as readonly number[]);
  if (definition.type === 'set') return `{${[...(value as ReadonlySet<string>)].sort().join(', ')}}`;
  return String(value);
}

function valueAt(path: string, binding: Binding, schema: FactSchema): unknown {
  const place = placesOf(schema).get(path);
  return place && binding[place.kind]?.[place.slot];
}
