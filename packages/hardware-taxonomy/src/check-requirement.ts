/** Requirements as plain data, from the wire or a file: checked against the schema like text, with the path of what is wrong. */
import { bad, ok, type Result } from '@holdfast/kernel';
import { checkComparator, type Checked, checkFact, checkLiteral } from './check-expression.ts';
import { type FactSchema, MACHINE_SCHEMA } from './fact-schema.ts';
import type { Alternative, Comparator, Demand, Expression, Literal, Preference, Requirement } from './requirement.ts';

/** `path` leads to the value: `alternatives[0].hard.of[1].value`. */
export interface StructureProblem {
  readonly path: string;
  readonly message: string;
}

/** Reads a structured requirement. Values may be written as in text (`"16GiB"`). Limits as `parseRequirement`. */
export function checkRequirement(given: unknown, schema: FactSchema = MACHINE_SCHEMA): Result<Requirement, StructureProblem> {
  try {
    return ok(requirement(given, schema));
  } catch (error) {
    if (error instanceof Unfit) return bad(error.problem);
    throw error;
  }
}

/** Leaves the recursion; never leaves this file. */
class Unfit extends Error {
  readonly problem: StructureProblem;
  constructor(problem: StructureProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

function requirement(given: unknown, schema: FactSchema): Requirement {
  const alternatives = list(record(given, '')['alternatives'], 'alternatives');
  if (alternatives.length === 0 || alternatives.length > ALTERNATIVES_MAX)
    fail('alternatives', `there are 1 to ${ALTERNATIVES_MAX} of them`);
  return { alternatives: alternatives.map((one, index) => alternative(one, `alternatives[${index}]`, schema)) };
}

function alternative(given: unknown, path: string, schema: FactSchema): Alternative {
  const row = record(given, path);
  const soft = list(row['soft'] ?? [], `${path}.soft`).map((one, index): Preference => {
    const at = `${path}.soft[${index}]`;
    const preference = record(one, at);
    return {
      expression: expression(preference['expression'], `${at}.expression`, schema, 1),
      weight: whole(preference['weight'] ?? 1, `${at}.weight`, 1000),
    };
  });
  const use = list(row['use'] ?? [], `${path}.use`).map((one, index): Demand => {
    const at = `${path}.use[${index}]`;
    const demand = record(one, at);
    return {
      resource: text(demand['resource'], `${at}.resource`),
      amount: whole(demand['amount'], `${at}.amount`, Number.MAX_SAFE_INTEGER),
    };
  });
  if (new Set(use.map((one) => one.resource)).size < use.length) fail(`${path}.use`, 'a resource is asked for twice');
  const sorted = use.sort((a, b) => (a.resource < b.resource ? -1 : 1));
  if (row['hard'] === undefined) return { soft, use: sorted };
  return { hard: expression(row['hard'], `${path}.hard`, schema, 1), soft, use: sorted };
}

function expression(given: unknown, path: string, schema: FactSchema, depth: number): Expression {
  if (depth > DEPTH_MAX) fail(path, `it is nested deeper than ${DEPTH_MAX} levels`);
  const row = record(given, path);
  const { kind } = row;
  switch (kind) {
    case 'all':
    case 'any':
      return { kind, of: list(row['of'], `${path}.of`).map((part, index) => expression(part, `${path}.of[${index}]`, schema, depth + 1)) };
    case 'not':
      return { kind, of: expression(row['of'], `${path}.of`, schema, depth + 1) };
    case 'known':
    case 'detected':
      return { kind, fact: must(`${path}.fact`, checkFact(text(row['fact'], `${path}.fact`), schema)).path };
    case 'has':
    case 'in':
    case 'compare':
      return comparison(kind, row, path, schema);
    default:
      return fail(
        `${path}.kind`,
        `expected compare, in, has, known, detected, not, all or any, found ${JSON.stringify(kind) ?? 'nothing'}`,
      );
  }
}

function comparison(kind: 'has' | 'in' | 'compare', row: Readonly<Record<string, unknown>>, path: string, schema: FactSchema): Expression {
  const fact = must(`${path}.fact`, checkFact(text(row['fact'], `${path}.fact`), schema));
  const literal = (value: unknown, at: string): Literal => must(at, checkLiteral(fact, value));
  if (kind === 'has') {
    must(`${path}.fact`, checkComparator(fact, 'has'));
    return { kind, fact: fact.path, word: literal(row['word'], `${path}.word`) as string };
  }
  if (kind === 'in') {
    must(`${path}.fact`, checkComparator(fact, 'in'));
    const values = list(row['values'], `${path}.values`).map((value, index) => literal(value, `${path}.values[${index}]`));
    return values.length === 0 ? fail(`${path}.values`, 'there is at least one') : { kind, fact: fact.path, values };
  }
  const comparator = row['comparator'] as Comparator;
  if (!COMPARATORS.has(comparator)) fail(`${path}.comparator`, `expected one of ${[...COMPARATORS].join(', ')}`);
  must(`${path}.comparator`, checkComparator(fact, comparator));
  return { kind, fact: fact.path, comparator, value: literal(row['value'], `${path}.value`) };
}

function fail(path: string, message: string): never {
  throw new Unfit({ path, message });
}
const must = <Value>(path: string, checked: Checked<Value>): Value => (checked.ok ? checked.value : fail(path, checked.message));
const text = (given: unknown, path: string): string => (typeof given === 'string' && given !== '' ? given : fail(path, 'expected a text'));
const whole = (given: unknown, path: string, max: number): number =>
  Number.isSafeInteger(given) && (given as number) >= 1 && (given as number) <= max
    ? (given as number)
    : fail(path, `expected a whole number from 1 to ${max}`);
const list = (given: unknown, path: string): readonly unknown[] =>
  Array.isArray(given) && given.length <= LENGTH_MAX ? given : fail(path, `expected a list of at most ${LENGTH_MAX}`);
const record = (given: unknown, path: string): Readonly<Record<string, unknown>> =>
  typeof given === 'object' && given !== null && !Array.isArray(given)
    ? (given as Record<string, unknown>)
    : fail(path, 'expected an object');

const COMPARATORS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const ALTERNATIVES_MAX = 16;
const DEPTH_MAX = 32;
const LENGTH_MAX = 1000;
