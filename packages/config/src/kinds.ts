/**
 * What a setting may hold: the schema of its value, how it is read from the text of a flag or a variable, and the
 * words that tell a person what would have been right.
 *
 * K1 Text and value meet in the schema: whatever `fromText` returns is validated like a value from a file.
 */
import { type DurationMs, durationMs, parseDuration } from '@holdfast/kernel';
import { z } from 'zod';

/** One kind of value. `Input` is what a file may write, `Value` what the program gets. */
export interface Kind<Value, Input = Value> {
  readonly schema: z.ZodType<Value, Input>;
  /** Completes "must be ...". */
  readonly words: string;
  /** What a flag's or variable's text stands for; undefined: not readable. */
  fromText(text: string): unknown;
  /** The same for a flag that was given several times. Absent: the texts themselves are the value. */
  fromTexts?(texts: readonly string[]): unknown;
}

/** Any text; an empty one is refused. */
export function text(words = 'a non-empty text'): Kind<string> {
  return { schema: z.string().min(1), words, fromText: (value) => value };
}

/** A whole number in [min, max]. */
export function integer(min: number, max: number): Kind<number> {
  return { schema: z.int().min(min).max(max), words: `a whole number from ${min} to ${max}`, fromText: numberFrom };
}

/** `true` or `false`; as text also `1`, `0`, `yes`, `no`. */
export function flag(): Kind<boolean> {
  return { schema: z.boolean(), words: 'true or false', fromText: (value) => FLAG_TEXTS.get(value.toLowerCase()) };
}

/** A length of time: `250ms`, `30s`, `5m`, `2h`, or a number of seconds. At most 24 hours. */
export function duration(): Kind<DurationMs, string | number> {
  const schema = z.union([z.string(), z.number()]).transform((value, context) => {
    const parsed = parseDuration(String(value));
    if (parsed !== undefined && parsed <= DAY_MS) return parsed;
    context.addIssue({ code: 'custom', message: 'not a duration' });
    return durationMs(0);
  });
  return { schema, words: 'a duration of at most 24 hours such as 250ms, 30s, 5m or 2h', fromText: (value) => value };
}

/** A size in bytes: a whole number, or text such as `512MiB`. */
export function bytes(): Kind<number, string | number> {
  const schema = z.union([z.string(), z.number()]).transform((value, context) => {
    const parsed = parseBytes(String(value));
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: 'not a size' });
    return 0;
  });
  return { schema, words: 'a size such as 512MiB or 16GiB, or a whole number of bytes', fromText: (value) => value };
}

/** One part of several: `2/5` is the second of five. */
export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

/** A part of a run: `i/n` with 1 ≤ i ≤ n ≤ 1000. */
export function shard(): Kind<Shard, string> {
  const schema = z.string().transform((value, context): Shard => {
    const match = /^(\d{1,4})\/(\d{1,4})$/.exec(value);
    const [index, count] = [Number(match?.[1]), Number(match?.[2])];
    if (match && index >= 1 && index <= count && count <= 1000) return { index, count };
    context.addIssue({ code: 'custom', message: 'not a part' });
    return { index: 1, count: 1 };
  });
  return { schema, words: 'a part such as 2/5, the second of five', fromText: (value) => value };
}

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly [Word, ...Word[]]): Kind<Word> {
  return { schema: z.enum(words), words: `one of ${words.join(', ')}`, fromText: (value) => value };
}

/** A list of texts; a single text is a list of one. As text: separated by commas. */
export function list(): Kind<readonly string[], string | readonly string[]> {
  const item = z.string().min(1);
  const schema = z.union([item.transform((value): readonly string[] => [value]), z.array(item).readonly()]);
  return { schema, words: 'a text or a list of texts', fromText: (value) => itemsOf(value) };
}

/** Names with texts. As text: `NAME=value`, separated by commas; JSON where a value itself holds a comma. */
export function record(): Kind<Readonly<Record<string, string>>> {
  return {
    schema: z.record(z.string().min(1), z.string()),
    words: 'names with texts, such as {"gpu": "none"}',
    fromText: (value) => (value.trimStart().startsWith('{') ? jsonFrom(value) : pairsFrom(itemsOf(value))),
    fromTexts: pairsFrom,
  };
}

/** Named fields, each of its own kind, all optional. As text: JSON. */
export function fields<Shape extends Readonly<Record<string, Kind<unknown, unknown>>>>(
  shape: Shape,
): Kind<FieldValues<Shape>, FieldInputs<Shape>> & { readonly shape: Shape } {
  const schema = z.strictObject(Object.fromEntries(Object.entries(shape).map(([key, kind]) => [key, kind.schema.optional()])));
  return {
    schema: schema as unknown as z.ZodType<FieldValues<Shape>, FieldInputs<Shape>>,
    words: `an object with ${Object.keys(shape).join(', ')}`,
    fromText: jsonFrom,
    shape,
  };
}

/** The value that a kind's schema gives. */
export type ValueOf<K> = K extends Kind<infer Value, infer _> ? Value : never;
/** What a file may write for a kind. */
export type InputOf<K> = K extends Kind<infer _, infer Input> ? Input : never;
export type FieldValues<Shape> = { readonly [Key in keyof Shape]?: ValueOf<Shape[Key]> };
export type FieldInputs<Shape> = { readonly [Key in keyof Shape]?: InputOf<Shape[Key]> };

/** Reads a size: `4096`, `64KiB`, `512 MiB`, `16GiB`, `1TiB`. Undefined for anything else and past 2^53 - 1. */
export function parseBytes(value: string): number | undefined {
  const match = /^(\d{1,16})\s*(KiB|MiB|GiB|TiB|B)?$/.exec(value.trim());
  if (!match) return undefined;
  const size = Number(match[1]) * BYTE_FACTORS[(match[2] ?? 'B') as keyof typeof BYTE_FACTORS];
  return Number.isSafeInteger(size) ? size : undefined;
}

function numberFrom(value: string): number | undefined {
  return /^-?\d{1,15}$/.test(value.trim()) ? Number(value) : undefined;
}

function itemsOf(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function pairsFrom(items: readonly string[]): Record<string, string> | undefined {
  const pairs = items.map((item): [string, string] => {
    const at = item.indexOf('=');
    return at < 1 ? ['', ''] : [item.slice(0, at), item.slice(at + 1)];
  });
  return pairs.some(([name]) => name === '') ? undefined : Object.fromEntries(pairs);
}

function jsonFrom(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    /* ignored: undefined is the answer for what cannot be read, and the caller names the setting. */
    return undefined;
  }
}

const FLAG_TEXTS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
]);
const BYTE_FACTORS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };
const DAY_MS = 86_400_000;
