/**
 * What a toxic is: a fault on one direction of a proxy's connections, described as Toxiproxy describes it.
 *
 * X1 `ATTRIBUTES` is the whole list of faults and of what can be set about each; all values are numbers, none is negative.
 */
import { z } from 'zod';
import { refused } from './problem.ts';

/** `upstream`: what the client sends. `downstream`: what it gets. */
export type Stream = 'upstream' | 'downstream';
export type ToxicType = keyof typeof ATTRIBUTES;

export interface Toxic {
  readonly name: string;
  readonly type: ToxicType;
  readonly stream: Stream;
  /** Share of connections it meets, 0..1; decided once per connection. */
  readonly toxicity: number;
  readonly attributes: Readonly<Record<string, number>>;
}

/** A toxic as it is asked for. Defaults: the name `TYPE_STREAM`, downstream, toxicity 1, attributes as in `ATTRIBUTES`. */
export interface ToxicRequest {
  readonly name?: string | undefined;
  readonly type: string;
  readonly stream?: string | undefined;
  readonly toxicity?: number | undefined;
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
}

/** Every attribute with its default. Milliseconds, but for `delay` of the slicer (microseconds); sizes are bytes. */
export const ATTRIBUTES = {
  /** Every chunk comes `latency` ± `jitter` later; the order stays. */
  latency: { latency: 0, jitter: 0 },
  /** At most `rate` KB/s; 0: no limit. */
  bandwidth: { rate: 0 },
  /** The end of the stream comes `delay` later. */
  slow_close: { delay: 0 },
  /** Nothing passes, and after `timeout` the connection closes; 0: not before the toxic is removed. */
  timeout: { timeout: 0 },
  /** Nothing passes, and after `timeout` both ends get a reset. */
  reset_peer: { timeout: 0 },
  /** Chunks are sliced to `average_size` ± `size_variation`, `delay` apart. */
  slicer: { average_size: 1, size_variation: 0, delay: 0 },
  /** The connection closes when `bytes` have passed. */
  limit_data: { bytes: 0 },
  /** From `after` on, nothing passes, not even the end of the stream; both ends stay connected. */
  blackhole: { after: 0 },
  /** After `after` the sender is cut off; the receiver is not told and stays connected to nobody. */
  half_open: { after: 0 },
  /** One bit is flipped in a byte out of about `every`. */
  corrupt: { every: 1024 },
  /** The chunk that goes beyond `bytes` is cut at some place within it, and the connection closes. */
  truncate: { bytes: 0 },
  /** Of 100 chunks, about `percent` are sent twice. */
  duplicate: { percent: 100 },
  /** The client gets a reset at once and the upstream is not called. */
  refuse: {},
} as const satisfies Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The names of all faults. */
export const TOXIC_TYPES = Object.keys(ATTRIBUTES) as readonly ToxicType[];

/** Reads a toxic from outside. Errors: `CHAOS_BAD_REQUEST`. */
export function parseToxic(input: unknown): Toxic {
  const parsed = requestSchema.safeParse(input);
  if (!parsed.success) throw badBody('read a toxic', parsed.error);
  const { type, stream = 'downstream', name, toxicity = 1, attributes } = parsed.data;
  if (stream !== 'upstream' && stream !== 'downstream') throw refused('badStream', `add a toxic to the stream ${stream}`);
  if (!isToxicType(type)) throw refused('badType', `add a toxic of the type ${type}: known are ${TOXIC_TYPES.join(', ')}`);
  return {
    attributes: attributesOf(type, ATTRIBUTES[type], attributes),
    name: name || `${type}_${stream}`,
    type,
    stream,
    toxicity,
  };
}

/** `toxic` with the given attributes and toxicity changed; its name, type and stream stay. Errors: `CHAOS_BAD_REQUEST`. */
export function changeToxic(toxic: Toxic, input: unknown): Toxic {
  const parsed = changeSchema.safeParse(input);
  if (!parsed.success) throw badBody(`change the toxic ${toxic.name}`, parsed.error);
  const { toxicity = toxic.toxicity, attributes } = parsed.data;
  return { ...toxic, toxicity, attributes: attributesOf(toxic.type, toxic.attributes, attributes) };
}

/** The refusal of a body that does not pass its schema. */
export function badBody(what: string, error: z.ZodError): Error {
  const [issue] = error.issues;
  const text = issue ? [issue.path.join('.'), issue.message].filter(Boolean).join(': ') : 'unreadable';
  return refused('badBody', `${what}: ${text}`, text);
}

const isToxicType = (name: string): name is ToxicType => Object.hasOwn(ATTRIBUTES, name);

/** Attributes that the type does not have are passed over, as Toxiproxy does. */
function attributesOf(
  type: ToxicType,
  before: Readonly<Record<string, number>>,
  given: Readonly<Record<string, unknown>> | null | undefined,
): Readonly<Record<string, number>> {
  const values: Record<string, number> = {};
  for (const [name, fallback] of Object.entries(before)) {
    const value = given?.[name] ?? fallback;
    const least = LEAST[`${type}.${name}`] ?? 0;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < least || value > Number.MAX_SAFE_INTEGER) {
      const text = `attributes.${name} must be a number from ${least} on`;
      throw refused('badBody', `set ${name} of a toxic ${type}: ${text}`, text);
    }
    values[name] = value;
  }
  return values;
}

/** What cannot be zero. */
const LEAST: Readonly<Record<string, number>> = { 'slicer.average_size': 1, 'corrupt.every': 1 };

const attributes = z.record(z.string(), z.unknown()).nullish();
const toxicity = z.number().min(0).max(1).optional();
const requestSchema = z.object({
  name: z.string().max(256).optional(),
  type: z.string().default(''),
  stream: z.string().optional(),
  toxicity,
  attributes,
});
const changeSchema = z.object({ toxicity, attributes });
