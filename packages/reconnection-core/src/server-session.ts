/**
 * The coordinator's end of one worker's resumable session, as inputs and effects.
 * The node decides who may have a session and commits the hello; this machine carries messages.
 */
import type { DurationMs, Machine } from '@holdfast/kernel';
import type { Hello, WorkerFrame } from '@holdfast/protocol';
import type { Lane } from './client-session.ts';

export type ServerInput =
  /** A hello of this worker was committed. `fresh`: a session of an earlier incarnation or coordinator cannot go on. `session` and `token` are new secrets. */
  | {
      readonly kind: 'helloAccepted';
      readonly link: number;
      readonly hello: Hello;
      readonly session: string;
      readonly token: string;
    }
  | { readonly kind: 'frameReceived'; readonly link: number; readonly frame: WorkerFrame }
  | { readonly kind: 'linkClosed'; readonly link: number; readonly reason: string }
  /** The application has a message. */
  | { readonly kind: 'offered'; readonly lane: Lane; readonly payload: { readonly t: string } }
  /** All that follows from the peer's message `seq` is durable. Any order; acks stay cumulative. */
  | { readonly kind: 'committed'; readonly seq: number }
  /** Whether the leases named by beat `n` are the ones held here. */
  | { readonly kind: 'beatAnswered'; readonly n: number; readonly renewed: boolean }
  /** Ends the session: `goaway`, then the close code. */
  | { readonly kind: 'closeAsked'; readonly code: number; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly kind: 'stalled'; readonly by: DurationMs };

export type ServerEffect =
  | { readonly kind: 'transmit'; readonly link: number; readonly text: string }
  | { readonly kind: 'closeLink'; readonly link: number; readonly code: number; readonly reason: string }
  /** `fresh`: the application sends `inventory` before any assignment. */
  | { readonly kind: 'opened'; readonly how: 'resumed' | 'fresh'; readonly reason?: string }
  /** A message of the worker, in order, each once per session; answer with `committed(seq)`. */
  | { readonly kind: 'deliver'; readonly seq: number; readonly payload: unknown }
  /** A heartbeat; answer with `beatAnswered(n)` in the same turn. */
  | {
      readonly kind: 'beat';
      readonly n: number;
      readonly held: { readonly count: number; readonly hash: number };
      readonly credits: number;
    }
  /** Two beats were missed: place nothing new here. A beat or any frame ends it (`alive`). */
  | { readonly kind: 'suspect' }
  | { readonly kind: 'alive' }
  /** The link is gone; the session waits for a resume. */
  | { readonly kind: 'down'; readonly reason: string }
  /** The resume window is over: the session is forgotten. Its leases are not touched by that. */
  | { readonly kind: 'expired' };

export type ServerSession = Machine<ServerInput, ServerEffect, ServerSnapshot>;

export interface ServerSnapshot {
  readonly state: 'new' | 'linked' | 'suspect' | 'unlinked' | 'expired';
  readonly link: number | undefined;
  readonly unreceived: number;
}
