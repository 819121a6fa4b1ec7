/**
 * What a task asks for, as plain data. The same can be written as text (`parse-requirement.ts`) and is checked against a schema either way.
 *
 * R1 Values stand in base units and in lower case where the schema lists words, so that equal requirements are equal data.
 * R2 `canonicalText` of equal requirements is equal: it names the requirement class.
 */
import type { FactSchema } from './fact-schema.ts';
import { factOf } from './fact-schema.ts';
import { formatQuantity } from './quantity.ts';
import { formatVersion } from './version.ts';

export type Comparator = '==' | '!=' | '<' | '<=' | '>' | '>=';
/** Number in base units, word, flag, or version as its parts. */
export type Literal = number | string | boolean | readonly number[];

export type Expression =
  /** A fact stands in a relation to a value. Flags are compared with `==`. */
  | { readonly kind: 'compare'; readonly fact: string; readonly comparator: Comparator; readonly value: Literal }
  /** A fact is one of several values. */
  | { readonly kind: 'in'; readonly fact: string; readonly values: readonly Literal[] }
  /** A set contains a word. */
  | { readonly kind: 'has'; readonly fact: string; readonly word: string }
  /** A fact is known at all. Never unknown itself. */
  | { readonly kind: 'known'; readonly fact: string }
  /** A fact is known by detection and not only declared. Never unknown itself. */
  | { readonly kind: 'detected'; readonly fact: string }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'all'; readonly of: readonly Expression[] }
  | { readonly kind: 'any'; readonly of: readonly Expression[] };

/** Something that would be nice. `weight` 1..1000, default 1. */
export interface Preference {
  readonly expression: Expression;
  readonly weight: number;
}

/** A countable thing that the task occupies alone while it runs: `gpu` 1, `memory` 4294967296. */
export interface Demand {
  readonly resource: string;
  readonly amount: number;
}

/** One way to satisfy a requirement. */
export interface Alternative {
  /** Must be true; undefined: anything will do. */
  readonly hard?: Expression;
  readonly soft: readonly Preference[];
  /** Sorted by resource, one entry each. */
  readonly use: readonly Demand[];
}

/** Alternatives in order: an earlier one is taken if any machine has it. At least one. */
export interface Requirement {
  readonly alternatives: readonly Alternative[];
}

/** The requirement of a task that states none. */
export const ANYTHING: Requirement = { alternatives: [{ soft: [], use: [] }] };

/**
 * The one text of all requirements that mean the same by order, grouping, repetition, units and case.
 * It parses back to an equal requirement.
 */
export function canonicalText(requirement: Requirement, schema: FactSchema): string {
  return requirement.alternatives.map((alternative) => alternativeText(alternative, schema)).join(' else ');
}

/** Sorts, flattens and removes what is said twice. Complexity: O(n log n) in the size of the expression. */
export function normalise(expression: Expression, schema: FactSchema): Expression {
  switch (expression.kind) {
    case 'not': {
      const of = normalise(expression.of, schema);
      return of.kind === 'not' ? of.of : { kind: 'not', of };
    }
    case 'all':
    case 'any': {
      const parts = expression.of.flatMap((part) => {
        const normal = normalise(part, schema);
        return normal.kind === expression.kind ? normal.of : [normal];
      });
      const byText = new Map(parts.map((part) => [expressionText(part, schema), part]));
      const of = [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => part);
      return of.length === 1 ? of[0]! : { kind: expression.kind, of };
    }
    case 'in': {
      const byText = new Map(expression.values.map((value) => [literalText(expression.fact, value, schema), value]));
      const values = [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
      if (values.length === 1) return { kind: 'compare', fact: expression.fact, comparator: '==', value: values[0]! };
      return { kind: 'in', fact: expression.fact, values };
    }
    default:
      return expression;
  }
}

/** An expression as text that parses back to it. */
export function expressionText(expression: Expression, schema: FactSchema): string {
  switch (expression.kind) {
    case 'compare':
      if (expression.value === true && expression.comparator === '==') return expression.fact;
      return `${expression.fact} ${expression.comparator} ${literalText(expression.fact, expression.value, schema)}`;
    case 'in':
      return `${expression.fact} in (${expression.values.map((value) => literalText(expression.fact, value, schema)).join(', ')})`;
    case 'has':
      return `${expression.fact} has ${quoted(expression.word)}`;
    case 'known':
    case 'detected':
      return `${expression.kind}(${expression.fact})`;
    case 'not':
      return `!${grouped(expression.of, schema)}`;
    case 'all':
      return expression.of.length === 0 ? 'true' : expression.of.map((part) => listed(part, schema)).join(' && ');
    case 'any':
      return expression.of.length === 0 ? 'false' : expression.of.map((part) => listed(part, schema)).join(' || ');
  }
}

function alternativeText({ hard, soft, use }: Alternative, schema: FactSchema): string {
  const words = [hard === undefined ? 'true' : expressionText(normalise(hard, schema), schema)];
  const preferences = soft.map(({ expression, weight }) => `prefer ${grouped(normalise(expression, schema), schema)} weight ${weight}`);
  words.push(...preferences.sort());
  const demands = [...use].sort((a, b) => (a.resource < b.resource ? -1 : 1));
  if (demands.length > 0) words.push(`use ${demands.map((demand) => `${demand.resource} ${demand.amount}`).join(', ')}`);
  return words.join(' ');
}

/** For behind `!` and `prefer`: anything of several words in parentheses. */
const grouped = (expression: Expression, schema: FactSchema): string => {
  const text = expressionText(expression, schema);
  return text.includes(' ') ? `(${text})` : text;
};
/** For between `&&` or `||`: only another such list in parentheses. */
const listed = (expression: Expression, schema: FactSchema): string => {
  const list = (expression.kind === 'all' || expression.kind === 'any') && expression.of.length > 0;
  return list ? `(${expressionText(expression, schema)})` : expressionText(expression, schema);
};

/** A value as the parser reads it for this fact. */
export function literalText(fact: string, value: Literal, schema: FactSchema): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'number') return formatVersion(value);
  const definition = factOf(schema, fact);
  return definition?.type === 'number' ? formatQuantity(value, definition.unit) : String(value);
}

const quoted = (text: string): string => JSON.stringify(text);
