/**
 * The wire envelope: what one WebSocket text message carries.
 *
 * F1 A link begins with `hello` (worker), `challenge`, `proof` (worker), `welcome`; a close code may stand for any answer, and nothing
 *    else comes before.
 * F2 A data frame carries all messages that wait in this turn, with both cumulative acks (S7, S8):
 *    `{"a":[received,committed],"m":[[seq,payload],...]}`. Replay sends the same bytes of `m`.
 * F3 Heartbeats and acks are unsequenced and never wait for a commit.
 */
import { z } from 'zod';
import { registration } from './messages.ts';

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const id = z.string().min(1).max(128);

/** Cumulative: all of the peer's messages up to the first number were received, up to the second are committed. */
const acks = z.tuple([count, count]);

/** 32 bytes as lower-case hex. */
const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** How messages may be compressed; a receiver reads each that it has offered. */
const compression = z.enum(['zstd', 'deflate']);

/** Opens a link. `resume` asks to go on with a session; everything in it must match, or the answer is `fresh`. */
const hello = z.object({
  f: z.literal('hello'),
  protocol: z.array(z.int().min(0).max(65_535)).min(1).max(16),
  worker: id,
  incarnation: id,
  registration,
  resume: z.object({ session: id, token: id, received: count }).optional(),
  /** Names the secret that this worker will prove to know. Version 1 had none; a hello without it is 4426. */
  key: id.optional(),
  /** Fresh for each hello. */
  nonce: digest.optional(),
  /** Compressions that this end reads and writes, best first. */
  compress: z.array(z.string().max(32)).max(16).optional(),
  /** Features without which this end will not go on: `sealed` where nothing else protects the link. One that is not known here is 4426. */
  requires: z.array(z.string().max(32)).max(16).optional(),
});

/** Asks for a proof, and says what was chosen of the hello's offers. */
const challenge = z.object({
  f: z.literal('challenge'),
  protocol: z.int(),
  /** Fresh for each link, valid once and for a few seconds. */
  nonce: digest,
  compress: compression.optional(),
  /** Every later frame of this link carries a digest of itself; the proof is the last that does not. */
  sealed: z.boolean().optional(),
});

/** Proves that the worker knows the secret. */
const proof = z.object({ f: z.literal('proof'), proof: digest });

/** Accepts a link. */
const welcome = z.object({
  f: z.literal('welcome'),
  protocol: z.int(),
  /** Proves that the coordinator keeps the keys of the worker's secret. */
  proof: digest.optional(),
  session: id,
  /** Resumes the session next time; rotated at every welcome, the predecessor is valid until the first frame (S6). */
  token: id,
  /** Present: the session goes on, and these many of the worker's messages were received. Absent: it is a new one. */
  resumed: z.object({ received: count }).optional(),
  /** Present: a new one, since the coordinator's messages `from` to `to` of the old one are gone for good. */
  gap: z.object({ from: count, to: count, reason: z.enum(['window_exceeded', 'session_ended']) }).optional(),
  /** Why it is a new one. */
  fresh: z
    .enum(['first', 'unknown_session', 'token_mismatch', 'window_exceeded', 'session_ended', 'incarnation_changed', 'coordinator_changed'])
    .optional(),
  /** Milliseconds: the coordinator's settings that the worker must follow. */
  heartbeatEveryMs: z.int().min(1),
  /** The shortest interval of beats; absent: `heartbeatEveryMs` is the only one. */
  heartbeatFloorMs: z.int().min(1).optional(),
  leaseTtlMs: z.int().min(1),
  lostAfterMs: z.int().min(1),
  coordinator: z.object({ id, epoch: count }),
});

/** Renews the leases that count and hash name, if they match what the coordinator has (S5). */
const beat = z.object({
  f: z.literal('beat'),
  /** Rises by beat; echoed, so that the worker measures the round trip and knows which beat renewed. */
  n: count,
  a: acks,
  held: z.object({ count, hash: count }),
  /** Leases beyond those held that the worker would take now. 0 while draining. */
  credits: z.int().min(0).max(4096),
});

const beatAck = z.object({ f: z.literal('beatAck'), n: count, a: acks, renewed: z.boolean() });
const data = z.object({ f: z.literal('data'), a: acks, m: z.array(z.tuple([z.int().min(1), z.unknown()])).max(4096) });
/** Answers a heartbeat on a link that has no session: say hello again, without `resume`. */
const reregister = z.object({ f: z.literal('reregister'), reason: z.string().max(512) });
const goaway = z.object({ f: z.literal('goaway'), reason: z.string().max(512), retryAfterMs: count.optional() });

/** Worker to coordinator. */
export const workerFrame = z.discriminatedUnion('f', [hello, proof, beat, data, goaway]);
/** Coordinator to worker. */
export const coordinatorFrame = z.discriminatedUnion('f', [challenge, welcome, beatAck, data, reregister, goaway]);

export type Hello = z.infer<typeof hello>;
export type Challenge = z.infer<typeof challenge>;
export type Proof = z.infer<typeof proof>;
export type Welcome = z.infer<typeof welcome>;
export type Beat = z.infer<typeof beat>;
export type BeatAck = z.infer<typeof beatAck>;
export type DataFrame = z.infer<typeof data>;
export type WorkerFrame = z.infer<typeof workerFrame>;
export type CoordinatorFrame = z.infer<typeof coordinatorFrame>;
