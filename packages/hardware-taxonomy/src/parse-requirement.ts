/**
 * Requirements as people write them:
 *
 *     gpu.vendor == "nvidia" && gpu.memory >= 16GiB prefer cpu.features has avx512 weight 3 use gpu 1
 *       else cpu.cores >= 32 && memory >= 64GiB
 *
 *     requirement = alternative { "else" alternative }
 *     alternative = [ or ] { "prefer" or [ "weight" NUMBER ] } [ "use" NAME AMOUNT { "," NAME AMOUNT } ]
 *     or          = and { ( "||" | "or" ) and }
 *     and         = not { ( "&&" | "and" ) not }
 *     not         = ( "!" | "not" ) not | "(" or ")" | comparison
 *     comparison  = FACT ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) VALUE | FACT "in" "(" VALUE { "," VALUE } ")"
 *                 | FACT "has" VALUE | "known" "(" FACT ")" | "detected" "(" FACT ")" | FACT        (a flag)
 */
import { bad, ok, type Result } from '@holdfast/kernel';
import { checkComparator, type Checked, checkFact, checkLiteral } from './check-expression.ts';
import { MACHINE_SCHEMA, type FactDefinition, type FactSchema } from './fact-schema.ts';
import { parseQuantity } from './quantity.ts';
import {
  type Alternative,
  ANYTHING,
  type Comparator,
  type Demand,
  type Expression,
  type Literal,
  type Preference,
  type Requirement,
} from './requirement.ts';
import { type RequirementProblem, type Token, tokensOf } from './tokens.ts';

/**
 * Reads a requirement; an empty text asks for nothing. `at` of a problem is a 0-based index into the text.
 * Limits: 4,096 characters, 32 levels, 16 alternatives.
 */
export function parseRequirement(text: string, schema: FactSchema = MACHINE_SCHEMA): Result<Requirement, RequirementProblem> {
  if (text.length > TEXT_LENGTH_MAX) return bad({ at: TEXT_LENGTH_MAX, message: `it is longer than ${TEXT_LENGTH_MAX} characters` });
  const tokens = tokensOf(text);
  if (!Array.isArray(tokens)) return bad(tokens as RequirementProblem);
  if (tokens.length === 1) return ok(ANYTHING);
  try {
    return ok(createParser(tokens as readonly Token[], schema).requirement());
  } catch (error) {
    if (error instanceof Unreadable) return bad(error.problem);
    throw error;
  }
}

/** A problem with the line it is in and a mark below its place; one line breaks into no more than three. */
export function problemText(text: string, problem: RequirementProblem): string {
  const from = Math.max(0, problem.at - 60);
  const line = text.slice(from, problem.at + 40).replaceAll(/\s/g, ' ');
  return `${problem.message} (character ${problem.at + 1})\n  ${line}\n  ${' '.repeat(problem.at - from)}^`;
}

/** Leaves the recursive descent; never leaves this file. */
class Unreadable extends Error {
  readonly problem: RequirementProblem;
  constructor(problem: RequirementProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

function createParser(tokens: readonly Token[], schema: FactSchema): { requirement(): Requirement } {
  let index = 0;
  let depth = 0;
  const peek = (): Token => tokens[index]!;
  const next = (): Token => tokens[index++]!;
  const fail = (token: Token, message: string): never => {
    throw new Unreadable({ at: token.at, message });
  };
  const isWord = (...words: readonly string[]): boolean => peek().kind === 'word' && words.includes(peek().text.toLowerCase());
  const isSign = (...signs: readonly string[]): boolean => peek().kind === 'sign' && signs.includes(peek().text);
  const expect = (sign: string): Token => (isSign(sign) ? next() : fail(peek(), `expected ${sign}, found ${shown(peek())}`));
  const must = <Value>(token: Token, checked: Checked<Value>): Value => (checked.ok ? checked.value : fail(token, checked.message));

  function requirement(): Requirement {
    const alternatives = [alternative()];
    while (isWord('else')) {
      next();
      alternatives.push(alternative());
      if (alternatives.length > ALTERNATIVES_MAX) fail(peek(), `there are more than ${ALTERNATIVES_MAX} alternatives`);
    }
    if (peek().kind !== 'end') fail(peek(), `expected &&, ||, prefer, use, else or the end, found ${shown(peek())}`);
    return { alternatives };
  }

  function alternative(): Alternative {
    const hard = peek().kind === 'end' || isWord('prefer', 'use', 'else') ? undefined : or();
    const soft: Preference[] = [];
    while (isWord('prefer')) {
      next();
      const expression = or();
      soft.push({ expression, weight: isWord('weight') ? weight() : 1 });
    }
    const use = isWord('use') ? demands() : [];
    const trivial = hard?.kind === 'all' && hard.of.length === 0;
    return hard === undefined || trivial ? { soft, use } : { hard, soft, use };
  }

  function weight(): number {
    next();
    const token = next();
    const value = Number(token.text);
    if (token.kind !== 'number' || !Number.isInteger(value) || value < 1 || value > WEIGHT_MAX) {
      fail(token, `a weight is a whole number from 1 to ${WEIGHT_MAX}, not ${shown(token)}`);
    }
    return value;
  }

  function demands(): readonly Demand[] {
    const found = new Map<string, number>();
    do {
      next();
      const name = next();
      if (name.kind !== 'word') fail(name, `expected the name of a resource, found ${shown(name)}`);
      const amount = next();
      const value = amount.kind === 'number' ? (parseQuantity(amount.text, 'count') ?? parseQuantity(amount.text, 'bytes')) : undefined;
      if (value === undefined || value < 1) fail(amount, `expected how much of ${name.text}, found ${shown(amount)}`);
      if (found.has(name.text)) fail(name, `${name.text} is asked for twice`);
      found.set(name.text, value!);
    } while (isSign(','));
    return [...found].map(([resource, amount]) => ({ resource, amount })).sort((a, b) => (a.resource < b.resource ? -1 : 1));
  }

  /** One left-associative level of the grammar: parts with a sign or a word between them. */
  function chain(kind: 'all' | 'any', sign: string, word: string, part: () => Expression): Expression {
    const of = [part()];
    while (isSign(sign) || isWord(word)) {
      next();
      of.push(part());
    }
    return of.length === 1 ? of[0]! : { kind, of };
  }
  const or = (): Expression => chain('any', '||', 'or', and);
  const and = (): Expression => chain('all', '&&', 'and', not);

  function not(): Expression {
    depth += 1;
    if (depth > DEPTH_MAX) fail(peek(), `it is nested deeper than ${DEPTH_MAX} levels`);
    const expression = negated();
    depth -= 1;
    return expression;
  }

  function negated(): Expression {
    if (isSign('!') || isWord('not')) {
      next();
      return { kind: 'not', of: not() };
    }
    if (!isSign('(')) return comparison();
    next();
    const inner = or();
    expect(')');
    return inner;
  }

  function comparison(): Expression {
    const token = next();
    if (token.kind !== 'word') return fail(token, `expected a fact, found ${shown(token)}`);
    if (token.text === 'true') return { kind: 'all', of: [] };
    if (token.text === 'false') return { kind: 'any', of: [] };
    if ((token.text === 'known' || token.text === 'detected') && isSign('(')) return origin(token.text);
    const fact = must(token, checkFact(token.text, schema));
    if (isWord('has')) {
      const has = next();
      must(has, checkComparator(fact, 'has'));
      return { kind: 'has', fact: fact.path, word: literal(fact) as string };
    }
    if (isWord('in')) {
      must(next(), checkComparator(fact, 'in'));
      return { kind: 'in', fact: fact.path, values: list(fact) };
    }
    if (isSign('==', '!=', '<', '<=', '>', '>=')) {
      const sign = next();
      const comparator = sign.text as Comparator;
      must(sign, checkComparator(fact, comparator));
      return { kind: 'compare', fact: fact.path, comparator, value: literal(fact) };
    }
    if (fact.type === 'flag') return { kind: 'compare', fact: fact.path, comparator: '==', value: true };
    return fail(peek(), `expected a comparison after ${fact.path}, found ${shown(peek())}`);
  }

  function origin(kind: 'known' | 'detected'): Expression {
    expect('(');
    const token = next();
    const fact = must(token, checkFact(token.text, schema));
    expect(')');
    return { kind, fact: fact.path };
  }

  function list(fact: FactDefinition): readonly Literal[] {
    expect('(');
    const values = [literal(fact)];
    while (isSign(',')) {
      next();
      values.push(literal(fact));
    }
    expect(')');
    return values;
  }

  function literal(fact: FactDefinition): Literal {
    if (isSign('-')) fail(peek(), `${fact.path} is never negative`);
    const token = next();
    if (token.kind !== 'word' && token.kind !== 'string' && token.kind !== 'number')
      return fail(token, `expected a value for ${fact.path}, found ${shown(token)}`);
    // A unit of another quantity reads as number and word: `16 watts`.
    const bare = token.kind === 'number' && /\d$/.test(token.text);
    const stray = bare && peek().kind === 'word' && !isWord(...KEYWORDS) ? ` ${peek().text}` : '';
    return must(token, checkLiteral(fact, token.text + stray));
  }

  return { requirement };
}

const shown = (token: Token): string => (token.kind === 'end' ? 'the end' : JSON.stringify(token.text));
const KEYWORDS = ['and', 'or', 'not', 'prefer', 'weight', 'use', 'else'];
const TEXT_LENGTH_MAX = 4096;
const DEPTH_MAX = 32;
const ALTERNATIVES_MAX = 16;
const WEIGHT_MAX = 1000;
