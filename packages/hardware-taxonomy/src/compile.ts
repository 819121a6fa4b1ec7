/**
 * A requirement as functions over laid-out machines: compiled once, asked millions of times.
 *
 * A comparison with a fact of a device that is known not to exist is false; with a fact that is not known it is unknown.
 */
import { DEVICE_KINDS, type FactSchema, MACHINE_SCHEMA } from './fact-schema.ts';
import { type Binding, type LaidMachine, ORIGINS, type Place, placesOf } from './layout.ts';
import {
  canonicalText,
  type Comparator,
  type Demand,
  type Expression,
  expressionText,
  type Literal,
  normalise,
  type Requirement,
} from './requirement.ts';
import { FALSE, negate, TRUE, type Truth, truthOf, UNKNOWN } from './truth.ts';
import { compareVersions } from './version.ts';

export type Evaluate = (binding: Binding, laid: LaidMachine) => Truth;

/** One of the parts that must all hold. */
export interface CompiledPart {
  readonly expression: Expression;
  readonly text: string;
  readonly evaluate: Evaluate;
}
export interface CompiledAlternative {
  /** Kinds of devices that the hard part speaks of, by index of `DEVICE_KINDS`, without the machine. */
  readonly kinds: readonly number[];
  readonly evaluate: Evaluate;
  readonly parts: readonly CompiledPart[];
  readonly soft: readonly {
    readonly text: string;
    readonly weight: number;
    readonly kinds: readonly number[];
    readonly evaluate: Evaluate;
  }[];
  readonly use: readonly Demand[];
}
export interface CompiledRequirement {
  readonly requirement: Requirement;
  /** Names the class of all requirements that mean the same (R2 of `requirement.ts`). */
  readonly key: string;
  readonly alternatives: readonly CompiledAlternative[];
}

/** Compiles a checked requirement. Complexity of evaluation: its size, times the devices of the kinds that it names. */
export function compileRequirement(requirement: Requirement, schema: FactSchema = MACHINE_SCHEMA): CompiledRequirement {
  const compiler = createCompiler(schema);
  return {
    requirement,
    key: canonicalText(requirement, schema),
    alternatives: requirement.alternatives.map(({ hard, soft, use }) => {
      const normal: Expression = normalise(hard ?? { kind: 'all', of: [] }, schema);
      const conjuncts = normal.kind === 'all' ? normal.of : [normal];
      return {
        kinds: compiler.kindsOf(normal),
        evaluate: compiler.compile(normal),
        parts: conjuncts.map((expression) => ({
          expression,
          text: expressionText(expression, schema),
          evaluate: compiler.compile(expression),
        })),
        soft: soft.map(({ expression, weight }) => ({
          text: expressionText(normalise(expression, schema), schema),
          weight,
          kinds: compiler.kindsOf(expression),
          evaluate: compiler.compile(expression),
        })),
        use,
      };
    }),
  };
}

/** Whether a machine can take it by what is known: true if some alternative is, unknown if none is but one could be. */
export function matches(compiled: CompiledRequirement, laid: LaidMachine): Truth {
  let best: Truth = FALSE;
  for (const alternative of compiled.alternatives) {
    const truth = anyBinding(alternative.kinds, alternative.evaluate, laid);
    if (truth === TRUE) return TRUE;
    if (truth > best) best = truth;
  }
  return best;
}

/** The greatest truth over all choices of one device of each kind. */
export function anyBinding(kinds: readonly number[], evaluate: Evaluate, laid: LaidMachine): Truth {
  if (kinds.length === 0) return evaluate(laid.none, laid);
  let best: Truth = FALSE;
  eachBinding(kinds, laid, (binding) => {
    const truth = evaluate(binding, laid);
    if (truth > best) best = truth;
    return best !== TRUE;
  });
  return best;
}

/** Calls `visit` with every choice of devices, in order of their ids, until it answers false. `chosen` holds a device id by kind, where there is one. */
export function eachBinding(
  kinds: readonly number[],
  laid: LaidMachine,
  visit: (binding: Binding, chosen: ReadonlyMap<number, string>) => boolean,
): void {
  const binding = [...laid.none];
  const chosen = new Map<number, string>();
  const choose = (index: number): boolean => {
    const kind = kinds[index];
    if (kind === undefined) return visit(binding, chosen);
    const devices = laid.devices[kind]!;
    if (devices.length === 0) return choose(index + 1);
    for (const { id, values } of devices) {
      binding[kind] = values;
      chosen.set(kind, id);
      if (!choose(index + 1)) return false;
    }
    return true;
  };
  choose(0);
}

function createCompiler(schema: FactSchema): {
  compile(expression: Expression): Evaluate;
  kindsOf(expression: Expression): readonly number[];
} {
  const places = placesOf(schema);

  function compile(expression: Expression): Evaluate {
    switch (expression.kind) {
      case 'all':
        return conjunction(expression.of.map(compile));
      case 'any':
        return disjunction(expression.of.map(compile));
      case 'not': {
        const inner = compile(expression.of);
        return (binding, laid) => negate(inner(binding, laid));
      }
      case 'known':
      case 'detected':
        return origin(expression.fact, expression.kind === 'detected');
      case 'has':
        return fact(expression.fact, (value) => (value as ReadonlySet<string>).has(expression.word));
      case 'in': {
        const tests = expression.values.map((value) => comparison('==', value));
        return fact(expression.fact, (value) => tests.some((test) => test(value)));
      }
      case 'compare':
        return compare(expression.fact, expression.comparator, expression.value);
    }
  }

  /** The common comparisons read their slot themselves: one call less each. */
  function compare(path: string, comparator: Comparator, wanted: Literal): Evaluate {
    const place = places.get(path);
    if (place && comparator === '>=' && typeof wanted === 'number') {
      const { kind, slot } = place;
      return (binding) => {
        const values = binding[kind];
        if (values === null || values === undefined) return FALSE;
        const value = values[slot];
        return value === undefined ? UNKNOWN : (value as number) >= wanted ? TRUE : FALSE;
      };
    }
    if (place && comparator === '==' && typeof wanted !== 'object') {
      const { kind, slot } = place;
      return (binding) => {
        const values = binding[kind];
        if (values === null || values === undefined) return FALSE;
        const value = values[slot];
        return value === undefined ? UNKNOWN : value === wanted ? TRUE : FALSE;
      };
    }
    return fact(path, comparison(comparator, wanted));
  }

  function fact(path: string, test: (value: unknown) => boolean): Evaluate {
    const place = places.get(path);
    if (!place) {
      return (_, laid) => {
        const label = laid.labels.get(path);
        return label === undefined ? UNKNOWN : truthOf(test(label.value));
      };
    }
    const { kind, slot } = place;
    return (binding) => {
      const values = binding[kind];
      if (values === null || values === undefined) return FALSE;
      const value = values[slot];
      return value === undefined ? UNKNOWN : truthOf(test(value));
    };
  }

  function origin(path: string, detected: boolean): Evaluate {
    const place = places.get(path);
    if (!place) {
      return (_, laid) => {
        const label = laid.labels.get(path);
        return truthOf(label !== undefined && (!detected || label.origin === 'detected'));
      };
    }
    const { kind, slot } = place;
    return (binding) => {
      const values = binding[kind];
      if (values === null || values === undefined) return FALSE;
      return truthOf(detected ? values[slot + ORIGINS] === true : values[slot] !== undefined);
    };
  }

  function kindsOf(expression: Expression): readonly number[] {
    const kinds = new Set<number>();
    const visit = (part: Expression): void => {
      if (part.kind === 'all' || part.kind === 'any') part.of.forEach(visit);
      else if (part.kind === 'not') visit(part.of);
      else kinds.add((places.get(part.fact) ?? MACHINE).kind);
    };
    visit(expression);
    kinds.delete(0);
    return [...kinds].sort((a, b) => a - b);
  }

  return { compile, kindsOf };
}

/** The least of all parts; two and three parts, which most requirements have, without a loop. */
function conjunction(parts: readonly Evaluate[]): Evaluate {
  const [a, b] = parts;
  if (parts.length === 0) return () => TRUE;
  if (parts.length === 1) return a!;
  if (parts.length === 2) {
    return (binding, laid) => {
      const first = a!(binding, laid);
      if (first === FALSE) return FALSE;
      const second = b!(binding, laid);
      return first < second ? first : second;
    };
  }
  const rest = conjunction(parts.slice(2));
  const pair = conjunction([a!, b!]);
  return (binding, laid) => {
    const first = pair(binding, laid);
    if (first === FALSE) return FALSE;
    const second = rest(binding, laid);
    return first < second ? first : second;
  };
}

function disjunction(parts: readonly Evaluate[]): Evaluate {
  return (binding, laid) => {
    let best: Truth = FALSE;
    for (const part of parts) {
      const truth = part(binding, laid);
      if (truth === TRUE) return TRUE;
      if (truth > best) best = truth;
    }
    return best;
  };
}

function comparison(comparator: Comparator, wanted: Literal): (value: unknown) => boolean {
  const order: (value: unknown) => number =
    typeof wanted === 'object'
      ? (value) => compareVersions(value as readonly number[], wanted)
      : typeof wanted === 'number'
        ? (value) => (value as number) - wanted
        : (value) => (value === wanted ? 0 : 1);
  switch (comparator) {
    case '==':
      return (value) => order(value) === 0;
    case '!=':
      return (value) => order(value) !== 0;
    case '<':
      return (value) => order(value) < 0;
    case '<=':
      return (value) => order(value) <= 0;
    case '>':
      return (value) => order(value) > 0;
    case '>=':
      return (value) => order(value) >= 0;
  }
}

const MACHINE: Place = { kind: DEVICE_KINDS.indexOf('machine'), slot: -1 };
