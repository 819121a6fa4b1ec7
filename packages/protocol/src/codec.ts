/**
 * Text to frames and back. Everything that comes from a peer passes here once.
 *
 * C1 Nothing is parsed before its size and depth are known to be within `LIMITS`.
 * C2 A key named `__proto__` is removed wherever it stands; of a repeated key the last one counts.
 * C3 A message is encoded once; a data frame only joins encoded messages, so a replay sends the same bytes.
 */
import { bad, ok, type Result } from '@holdfast/kernel';
import type { z } from 'zod';
import { type CoordinatorFrame, coordinatorFrame, type WorkerFrame, workerFrame } from './frames.ts';
import { scanJson } from './json-scan.ts';
import { LIMITS } from './limits.ts';
import { type CoordinatorMessage, coordinatorMessage, type WorkerMessage, workerMessage } from './messages.ts';
import { isQuickAssign, isQuickData, isQuickWorkerMessage } from './quick.ts';

/** A message as it will cross the wire. */
export interface EncodedMessage {
  readonly json: string;
  /** Bytes of `json` as UTF-8. */
  readonly bytes: number;
}

/** Why a payload is not a message this side knows. */
export type MessageProblem =
  /** Its type has no schema here: answer with `unknown` and count it; the session goes on (P2). */
  | { readonly kind: 'unknown'; readonly type: string }
  /** Its type is known and its content is not what the schema asks. */
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Reads one WebSocket text message as a frame of `schema` (`workerFrame` or `coordinatorFrame`).
 * A problem is one sentence for a log; the link is closed with 4400. O(length).
 */
export function decodeFrame<Frame>(text: string, schema: z.ZodType<Frame>): Result<Frame, string> {
  if (text.length > LIMITS.frameBytesMax) return bad(`frame of ${text.length} units`);
  const value = parseBounded('frame', text, LIMITS.frameBytesMax, LIMITS.depthMax);
  if (!value.ok) return value;
  const isOurs = (schema as z.ZodType) === workerFrame || (schema as z.ZodType) === coordinatorFrame;
  if (isOurs && isQuickData(value.value)) return ok(value.value as Frame);
  const parsed = schema.safeParse(value.value);
  return parsed.success ? ok(parsed.data) : bad(firstIssue(parsed.error));
}

/** Reads the JSON of one message that was packed; the limits are those of a message that was not. */
export const decodePayload = (text: string): Result<unknown, string> =>
  parseBounded('message', text, LIMITS.messageBytesMax, LIMITS.depthMax - MESSAGE_DEPTH);

function parseBounded(what: 'frame' | 'message', text: string, bytesMax: number, depthMax: number): Result<unknown, string> {
  const measure = scanJson(text, depthMax);
  if (measure.problem !== undefined) return bad(measure.problem);
  if (measure.bytes > bytesMax) return bad(`${what} of ${measure.bytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    /* ignored: the parser's message would repeat bytes of the peer; the problem is returned and counted. */
    return bad('not JSON');
  }
  if (text.includes('__proto__') || text.includes('\\u')) removePrototypeKeys(value);
  return ok(value);
}

/** Encodes a frame other than `data`. */
export function encodeFrame(frame: Exclude<WorkerFrame | CoordinatorFrame, { f: 'data' }>): string {
  return JSON.stringify(frame);
}

/** Encodes a message. The problem says which limit every receiver would hold against it; keep such content in a blob. */
export function encodeMessage(payload: { readonly t: string }): Result<EncodedMessage, string> {
  return encodeText(JSON.stringify(payload));
}

/** The same of a message that is JSON text already. */
export function encodeText(json: string): Result<EncodedMessage, string> {
  const measure = scanJson(json, LIMITS.depthMax - MESSAGE_DEPTH);
  if (measure.problem !== undefined) return bad(measure.problem);
  if (measure.bytes > LIMITS.messageBytesMax) return bad(`message of ${measure.bytes} bytes`);
  return ok({ json, bytes: measure.bytes });
}

/**
 * Why no receiver would take a message of `schema`; undefined: it can be sent. What people or tests make the content of is
 * checked before it is offered: a message that every receiver refuses would be offered for ever.
 */
export function messageProblem(payload: { readonly t: string }, schema: z.ZodType): string | undefined {
  const encoded = encodeChecked(payload, schema);
  return encoded.ok ? undefined : encoded.problem;
}

/** Encodes a message that fits `schema`, or says why no receiver would take it (see `messageProblem`). */
export function encodeChecked(payload: { readonly t: string }, schema: z.ZodType): Result<EncodedMessage, string> {
  if (schema === workerMessage && isQuickWorkerMessage(payload)) return encodeMessage(payload);
  const parsed = schema.safeParse(payload);
  return parsed.success ? encodeMessage(payload) : bad(firstIssue(parsed.error));
}

/** One element of a data frame's `m`. */
export const encodePiece = (seq: number, json: string): string => `[${seq},${json}]`;

/** A data frame of pieces that were encoded before (C3). Without pieces it carries the acks alone. */
export const encodeData = (received: number, committed: number, pieces: readonly string[]): string =>
  `{"f":"data","a":[${received},${committed}],"m":[${pieces.join(',')}]}`;

/** Reads a delivered payload as a message of `schema` (`workerMessage` or `coordinatorMessage`). */
export function readMessage<Message>(payload: unknown, schema: z.ZodType<Message>): Result<Message, MessageProblem> {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return ok(parsed.data);
  const type = typeof payload === 'object' && payload !== null ? (payload as { t?: unknown }).t : undefined;
  const issue = parsed.error.issues[0];
  const unmatched = issue?.code === 'invalid_union' && issue.path.length === 1 && issue.path[0] === 't';
  if (unmatched && typeof type === 'string') return bad({ kind: 'unknown', type: type.slice(0, 512) });
  return bad({ kind: 'invalid', reason: firstIssue(parsed.error) });
}

/** What a coordinator hears: `workerMessage` by its schema, or by its guard where there is one. */
export const parseWorkerMessage = (payload: unknown): z.ZodSafeParseResult<WorkerMessage> =>
  isQuickWorkerMessage(payload) ? { success: true, data: payload } : workerMessage.safeParse(payload);

/** What a worker hears: `coordinatorMessage` likewise. */
export const parseCoordinatorMessage = (payload: unknown): z.ZodSafeParseResult<CoordinatorMessage> =>
  isQuickAssign(payload) ? { success: true, data: payload } : coordinatorMessage.safeParse(payload);

/** `JSON.parse` makes `__proto__` an own key; whoever copies it by assignment would change a prototype. */
function removePrototypeKeys(root: unknown): void {
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (Object.hasOwn(value, '__proto__')) delete (value as Record<string, unknown>)['__proto__'];
    for (const child of Object.values(value)) if (typeof child === 'object') waiting.push(child);
  }
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return 'does not fit its schema';
  return `${issue.path.map(String).join('.').slice(0, 128) || 'value'}: ${issue.message.slice(0, 256)}`;
}

/** `{"m":[[seq,` stands before a message. */
const MESSAGE_DEPTH = 3;
