/**
 * The worker's end of a resumable session, as inputs and effects. The transition table and invariants stand in SPEC.md.
 */
import type { DurationMs, Entropy, Mac, Machine, MonoMs, Random } from '@holdfast/kernel';
import type { CoordinatorFrame, Registration, Welcome } from '@holdfast/protocol';
import type { BackoffOptions } from './backoff.ts';
import type { Offer } from './channel.ts';
import type { Lane } from './lane.ts';
import type { SessionLimits } from './limits.ts';
import type { Packer } from './packer.ts';

export type ClientInput =
  /** Begin to dial. */
  | { readonly kind: 'started' }
  /** The link asked for by `dial` is open. `exposed`: nothing else protects it, so that its frames must be sealed (plain `ws` off loopback). */
  | { readonly kind: 'linkOpened'; readonly link: number; readonly exposed?: boolean | undefined }
  /** It did not open. `terminal`: dialling again cannot help (401, 403, wrong protocol). `code`: what `failed` then says, default 4401. */
  | {
      readonly kind: 'dialFailed';
      readonly link: number;
      readonly reason: string;
      readonly terminal: boolean;
      readonly code?: number | undefined;
    }
  | { readonly kind: 'linkClosed'; readonly link: number; readonly code: number; readonly reason: string }
  /** A frame that passed its schema. */
  | { readonly kind: 'frameReceived'; readonly link: number; readonly frame: CoordinatorFrame }
  /** Bytes that did not: the link is closed with 4400. */
  | { readonly kind: 'rubbishReceived'; readonly link: number; readonly reason: string }
  /** The application has a message. `key`: tell `settled` once it is committed by the peer. Kept only while there is a session (I1). */
  | {
      readonly kind: 'offered';
      readonly lane: Lane;
      readonly payload: Offer;
      readonly key?: string | undefined;
      /** Given up, with `expired`, if it has not left within this time, or must leave again later than that. */
      readonly expiresIn?: DurationMs | undefined;
      /** Links on which it may leave, 1 or more; then `expired`. Default: any number. */
      readonly attemptsMax?: number | undefined;
    }
  /** What heartbeats say from now on. Credit after none makes a beat due. */
  | { readonly kind: 'heldChanged'; readonly held: { readonly count: number; readonly hash: number }; readonly credits: number }
  /** Slots or labels changed; the next hello carries them. */
  | { readonly kind: 'registrationChanged'; readonly registration: Registration }
  /** Another secret for the same worker, after a rotation; the next hello uses it. */
  | { readonly kind: 'credentialChanged'; readonly credential: Credential }
  | { readonly kind: 'reconnectAsked' }
  /** Close in order: sends what waits, then closes; no more dialling. */
  | { readonly kind: 'shutdownAsked'; readonly reason: string }
  | { readonly kind: 'stalled'; readonly by: DurationMs };

export type ClientEffect =
  /** Open a link. Answer with `linkOpened` or `dialFailed`. */
  | { readonly kind: 'dial'; readonly link: number }
  /** One WebSocket text message. */
  | { readonly kind: 'transmit'; readonly link: number; readonly text: string }
  /** From here on each frame of this link carries its digest, both ways: `createSeal(mac, send, receive)`. */
  | { readonly kind: 'sealLink'; readonly link: number; readonly send: string; readonly receive: string }
  /** Also aborts a dial that is under way. No answer is needed; a late one is ignored. */
  | { readonly kind: 'closeLink'; readonly link: number; readonly code: number; readonly reason: string }
  /** A message of the peer, in order, each once per session. */
  | { readonly kind: 'deliver'; readonly payload: unknown }
  /** The session goes on, or a new one began: then what was in flight or waiting is gone, and an inventory follows (S1, S4). */
  | { readonly kind: 'opened'; readonly how: 'resumed' | 'fresh'; readonly reason?: string; readonly welcome: Welcome }
  /** The link is gone, or a dial failed; the next dial comes in `retryIn`. */
  | { readonly kind: 'down'; readonly reason: string; readonly retryIn: DurationMs }
  /** The peer has committed the message offered with this key. */
  | { readonly kind: 'settled'; readonly key: string }
  /** Leases are renewed, counted from when the answered beat was SENT. `matched` false: an inventory follows. */
  | { readonly kind: 'renewed'; readonly sentAt: MonoMs; readonly matched: boolean; readonly roundTrip: DurationMs }
  /** A message was given up; `perhaps`: it had left, and the peer may have it. Told at the latest when it would leave. */
  | { readonly kind: 'expired'; readonly key: string | undefined; readonly delivered: 'never' | 'perhaps' }
  /** Much waits (`high`), or no longer: whoever offers should offer less, or may go on. */
  | { readonly kind: 'pressure'; readonly level: 'high' | 'normal' }
  /** Background messages were dropped, in all so far. */
  | { readonly kind: 'dropped'; readonly messages: number }
  /** Gave up for good: `code` is a close code, or 0 for `attemptsMax` reached. */
  | { readonly kind: 'failed'; readonly code: number; readonly reason: string }
  /** Shut down in order. */
  | { readonly kind: 'ended' };

export type ClientSession = Machine<ClientInput, ClientEffect, ClientSnapshot>;

/** A worker's secret, as the parts of its token. */
export interface Credential {
  /** Its public name. */
  readonly key: string;
  /** Never sent and never in a snapshot. */
  readonly secret: string;
}

export interface ClientPorts {
  /** Its own fork: decides backoff only. */
  readonly random: Random;
  /** Makes nonces. */
  readonly entropy: Entropy;
  readonly mac: Mac;
  /** Offers its methods to the coordinator. Absent: nothing is compressed. */
  readonly packer?: Packer | undefined;
}

export interface ClientOptions {
  readonly credential: Credential;
  /** The worker's id; the same for all its lives. */
  readonly worker: string;
  /** This life of the worker, random. */
  readonly incarnation: string;
  readonly registration: Registration;
  /** Versions to offer, best first. Default `PROTOCOL_VERSIONS`. */
  readonly protocol?: readonly number[];
  readonly backoff?: Partial<BackoffOptions>;
  /** Dials without a proven link between them before giving up; n is exactly n dials. Default 0: never gives up. */
  readonly attemptsMax?: number;
  /** From `dial` to `linkOpened`. Default 10 s. */
  readonly dialWithin?: DurationMs;
  /** From hello to welcome, the challenge included. Default 5 s. */
  readonly welcomeWithin?: DurationMs;
  /** A link that still answers after this long is proven, and the failures before it are forgotten. Default 5 s. */
  readonly provenAfter?: DurationMs;
  /** How long `shutdownAsked` waits for the peer to receive what was sent. Default 5 s. */
  readonly drainWithin?: DurationMs;
  /** Least time between two beats that report credit after none. Default 250 ms. */
  readonly creditEvery?: DurationMs;
  /** Limits of the window, the lanes and the frames. */
  readonly limits?: Partial<SessionLimits>;
}

export interface ClientSnapshot {
  readonly state: 'idle' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'shutdown';
  /** The state as `table.ts` names it. */
  readonly phase: 'idle' | 'dialing' | 'greeting' | 'proving' | 'open' | 'draining' | 'waiting' | 'failed' | 'ended';
  /** The current link; absent when there is none. */
  readonly link: number | undefined;
  /** The session that the next hello asks to resume. */
  readonly session: string | undefined;
  /** Dials since the last proven link. */
  readonly attempts: number;
  /** Messages not yet received by the peer. */
  readonly unreceived: number;
  /** Messages not yet committed by the peer. */
  readonly uncommitted: number;
  /** Bytes waiting for the window. */
  readonly queuedBytes: number;
  /** Messages sent and not yet received by the peer. */
  readonly inFlight: number;
  /** Background messages dropped so far. */
  readonly dropped: number;
  /** Messages given up so far because their time or their attempts were over. */
  readonly expired: number;
  readonly pressure: 'high' | 'normal';
  /** The last round trips of beats in milliseconds, oldest first, at most 64. */
  readonly roundTrips: readonly number[];
  /** Milliseconds from one beat to the next as of now (I22); undefined without an open link. */
  readonly heartbeatEvery: number | undefined;
  /** Times the session was resumed and times a new one began. */
  readonly resumes: number;
  readonly freshes: number;
}
