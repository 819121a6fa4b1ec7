/**
 * The worker's end of a resumable session, as inputs and effects. The transition table and invariants stand in SPEC.md.
 */
import type { DurationMs, Machine, MonoMs } from '@holdfast/kernel';
import type { CoordinatorFrame, Registration, Welcome } from '@holdfast/protocol';

/** Importance of a message: FIFO inside a lane, a lower lane leaves only when higher ones are empty. Only `background` may be dropped, counted. */
export type Lane = 'critical' | 'high' | 'normal' | 'low' | 'background';

export type ClientInput =
  /** Begin to dial. */
  | { readonly kind: 'started' }
  /** The link asked for by `dial` is open. */
  | { readonly kind: 'linkOpened'; readonly link: number }
  /** It did not open. `terminal`: dialling again cannot help (401, 403, wrong protocol). */
  | { readonly kind: 'dialFailed'; readonly link: number; readonly reason: string; readonly terminal: boolean }
  | { readonly kind: 'linkClosed'; readonly link: number; readonly code: number; readonly reason: string }
  /** A frame that passed its schema. */
  | { readonly kind: 'frameReceived'; readonly link: number; readonly frame: CoordinatorFrame }
  /** Bytes that did not: the link is closed with 4400. */
  | { readonly kind: 'rubbishReceived'; readonly link: number; readonly reason: string }
  /** The application has a message. `key`: tell `settled` once it is committed by the peer. */
  | { readonly kind: 'offered'; readonly lane: Lane; readonly payload: { readonly t: string }; readonly key?: string }
  /** What heartbeats say from now on. */
  | { readonly kind: 'heldChanged'; readonly held: { readonly count: number; readonly hash: number }; readonly credits: number }
  /** Slots or labels changed; the next hello carries them. */
  | { readonly kind: 'registrationChanged'; readonly registration: Registration }
  | { readonly kind: 'reconnectAsked' }
  /** Close in order: sends what waits, then closes; no more dialling. */
  | { readonly kind: 'shutdownAsked'; readonly reason: string }
  | { readonly kind: 'stalled'; readonly by: DurationMs };

export type ClientEffect =
  | { readonly kind: 'dial'; readonly link: number }
  /** One WebSocket text message. */
  | { readonly kind: 'transmit'; readonly link: number; readonly text: string }
  | { readonly kind: 'closeLink'; readonly link: number; readonly code: number; readonly reason: string }
  /** A message of the peer, in order, each once per session. */
  | { readonly kind: 'deliver'; readonly payload: unknown }
  /** The session goes on, or a new one began: then what was in flight is gone, and an inventory follows (S1, S4). */
  | { readonly kind: 'opened'; readonly how: 'resumed' | 'fresh'; readonly reason?: string; readonly welcome: Welcome }
  /** The link is gone; the next dial comes in `retryIn`. */
  | { readonly kind: 'down'; readonly reason: string; readonly retryIn: DurationMs }
  /** The peer has committed the message offered with this key. */
  | { readonly kind: 'settled'; readonly key: string }
  /** Leases are renewed, counted from when the answered beat was SENT. `matched` false: an inventory follows. */
  | { readonly kind: 'renewed'; readonly sentAt: MonoMs; readonly matched: boolean }
  /** Background messages were dropped, in all so far. */
  | { readonly kind: 'dropped'; readonly messages: number }
  /** Gave up for good: `code` is a close code, or 0 for `attemptsMax` reached. */
  | { readonly kind: 'failed'; readonly code: number; readonly reason: string }
  /** Shut down in order. */
  | { readonly kind: 'ended' };

export type ClientSession = Machine<ClientInput, ClientEffect, ClientSnapshot>;

export interface ClientSnapshot {
  readonly state: 'idle' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'shutdown';
  readonly attempts: number;
  /** Messages not yet received by the peer. */
  readonly unreceived: number;
  /** Messages not yet committed by the peer. */
  readonly uncommitted: number;
}
