/** Holds one comparison against the schema: right type, right unit, known word. Shared by text and by structured requirements. */
import { type FactDefinition, type FactSchema, factOf } from './fact-schema.ts';
import { parseQuantity, unitNames } from './quantity.ts';
import type { Comparator, Literal } from './requirement.ts';
import { parseVersion } from './version.ts';

/** The value, or why it is none, as a fragment. */
export type Checked<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly message: string };

/** The definition of a path, or which known path is nearest to it. */
export function checkFact(path: string, schema: FactSchema): Checked<FactDefinition> {
  const known = factOf(schema, path);
  if (known) return { ok: true, value: known };
  const near = nearest(path, [...schema.facts.keys()]);
  return { ok: false, message: `there is no fact ${path}${near === undefined ? '' : `; did you mean ${near}?`}` };
}

/** Whether a fact can be compared this way. */
export function checkComparator(fact: FactDefinition, comparator: Comparator | 'in' | 'has'): Checked<null> {
  if (comparator === 'has') {
    return fact.type === 'set' ? OK : no(`${fact.path} is no set; compare it with ==`);
  }
  if (fact.type === 'set') return no(`${fact.path} is a set; write ${fact.path} has WORD`);
  const ordered = fact.type === 'number' || fact.type === 'version';
  if (comparator === 'in' || comparator === '==' || comparator === '!=' || ordered) return OK;
  return no(`${fact.path} has no order; use ==, != or in`);
}

/** A value as text (from a requirement as people write it), or as plain data. */
export function checkLiteral(fact: FactDefinition, given: unknown): Checked<Literal> {
  switch (fact.type) {
    case 'number': {
      const value = typeof given === 'number' ? given : typeof given === 'string' ? parseQuantity(given, fact.unit) : undefined;
      if (value !== undefined && Number.isSafeInteger(value) && value >= 0) return { ok: true, value };
      const units = unitNames(fact.unit);
      const hint = units.length > 0 ? `a number in ${units.join(', ')}` : 'a whole number without unit';
      return no(`${fact.path} wants ${hint}, not ${show(given)}`);
    }
    case 'version': {
      const value = Array.isArray(given) ? parts(given) : typeof given === 'string' ? parseVersion(given) : undefined;
      return value ? { ok: true, value } : no(`${fact.path} wants a version such as 12.4, not ${show(given)}`);
    }
    case 'flag':
      if (given === true || given === 'true') return { ok: true, value: true };
      if (given === false || given === 'false') return { ok: true, value: false };
      return no(`${fact.path} is true or false, not ${show(given)}`);
    default: {
      if (typeof given !== 'string' || given.length > WORD_LENGTH_MAX) return no(`${fact.path} wants a text, not ${show(given)}`);
      if (!fact.words) return { ok: true, value: given };
      const word = given.toLowerCase();
      if (fact.words.includes(word)) return { ok: true, value: word };
      const near = nearest(word, fact.words);
      return no(
        `${fact.path} is never ${show(given)}${near === undefined ? '' : `; did you mean ${near}?`} It is one of ${fact.words.join(', ')}`,
      );
    }
  }
}

/** The known name with the fewest letters to change, if it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate, least);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

const parts = (given: readonly unknown[]): readonly number[] | undefined =>
  given.length > 0 && given.length <= 8 && given.every((part) => Number.isSafeInteger(part) && (part as number) >= 0)
    ? (given as readonly number[])
    : undefined;
const show = (given: unknown): string => String(JSON.stringify(given) ?? typeof given).slice(0, 60);
const no = (message: string): { readonly ok: false; readonly message: string } => ({ ok: false, message });
const OK: Checked<null> = { ok: true, value: null };
const WORD_LENGTH_MAX = 256;
