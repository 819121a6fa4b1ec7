/**
 * The coordinator's end of one worker's resumable session, as inputs and effects.
 * The node decides who may have a session and commits the hello; this machine carries messages.
 */
import type { DurationMs, Machine } from '@holdfast/kernel';
import type { Hello, WorkerFrame } from '@holdfast/protocol';
import type { Offer } from './channel.ts';
import type { Lane } from './lane.ts';
import type { SessionLimits } from './limits.ts';

export type ServerInput =
  /** A hello of this worker was committed. `fresh`: a session of an earlier incarnation or coordinator cannot go on. `session` and `token` are new secrets. */
  | {
      readonly kind: 'helloAccepted';
      readonly link: number;
      readonly hello: Hello;
      readonly session: string;
      readonly token: string;
      /** The gate's proof, for the welcome. */
      readonly proof?: string | undefined;
    }
  | { readonly kind: 'frameReceived'; readonly link: number; readonly frame: WorkerFrame }
  /** Bytes that are no frame: the link is closed with 4400. */
  | { readonly kind: 'rubbishReceived'; readonly link: number; readonly reason: string }
  | { readonly kind: 'linkClosed'; readonly link: number; readonly reason: string }
  /** The application has a message. Kept only while there is a session (I1). */
  | {
      readonly kind: 'offered';
      readonly lane: Lane;
      readonly payload: Offer;
      /** Given up if it has not left within this time, or must leave again later than that. */
      readonly expiresIn?: DurationMs | undefined;
      readonly attemptsMax?: number | undefined;
    }
  /** All that follows from the peer's message `seq` is durable; report every delivered message. Any order; acks stay cumulative. */
  | { readonly kind: 'committed'; readonly seq: number }
  /** Whether the leases named by beat `n` are the ones held here. */
  | { readonly kind: 'beatAnswered'; readonly n: number; readonly renewed: boolean }
  /** Ends the session: what waits, `goaway`, then the close code. */
  | { readonly kind: 'closeAsked'; readonly code: number; readonly reason: string; readonly retryAfterMs?: number | undefined }
  | { readonly kind: 'stalled'; readonly by: DurationMs };

export type ServerEffect =
  | { readonly kind: 'transmit'; readonly link: number; readonly text: string }
  | { readonly kind: 'closeLink'; readonly link: number; readonly code: number; readonly reason: string }
  /** `fresh`: what was in flight or waiting is gone; the application sends `inventory` before any assignment. Ends a suspicion. */
  | { readonly kind: 'opened'; readonly how: 'resumed' | 'fresh'; readonly reason?: string }
  /**
   * A message of the worker, in order, each once per session; answer with `committed(seq)`.
   * `seq` rises over all sessions of this machine, so that a late answer about an earlier session is told apart.
   */
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
  /** Much waits for this worker (`high`), or no longer. */
  | { readonly kind: 'pressure'; readonly level: 'high' | 'normal' }
  /** The link is gone; the session waits for a resume. */
  | { readonly kind: 'down'; readonly reason: string }
  /**
   * The resume window is over, or the application ended it: the session is forgotten. Its leases are not touched by that.
   * `former`: for the next machine of this worker, so that a late resume is told what is gone (I21). Absent: there was no session.
   */
  | { readonly kind: 'expired'; readonly former?: EndedSession };

/** What is still known of a session that ended. */
export interface EndedSession {
  readonly id: string;
  readonly incarnation: string;
  /** Both that could have resumed it. */
  readonly tokens: readonly string[];
  /** Number of its last message to the worker. */
  readonly sent: number;
}

export type ServerSession = Machine<ServerInput, ServerEffect, ServerSnapshot>;

export interface ServerOptions {
  /** Who answers: told to the worker in welcome. */
  readonly coordinator: { readonly id: string; readonly epoch: number };
  /** Versions to accept, best first. Default `PROTOCOL_VERSIONS`. */
  readonly protocol?: readonly number[];
  /** The longest time from one beat to the next; suspicion counts in it. Default 3 s. */
  readonly heartbeatEvery?: DurationMs;
  /** The shortest one, for a worker whose links break (I22). Default 1 s, or `heartbeatEvery` if that is less. */
  readonly heartbeatFloor?: DurationMs;
  /** Default 10 s. A link that says nothing for so long is closed. */
  readonly leaseTtl?: DurationMs;
  /** Default 120 s. Only told to the worker. */
  readonly lostAfter?: DurationMs;
  /** How long a session without a link can be resumed. Default 120 s. */
  readonly resumeWindow?: DurationMs;
  /** What an earlier machine of this worker kept when its session ended: `former` of its `expired`. */
  readonly former?: EndedSession | undefined;
  /** Limits of the window, the lanes and the frames. */
  readonly limits?: Partial<SessionLimits>;
}

export interface ServerSnapshot {
  readonly state: 'new' | 'linked' | 'suspect' | 'unlinked' | 'expired';
  readonly link: number | undefined;
  readonly incarnation: string | undefined;
  /** Messages not yet received by the worker. */
  readonly unreceived: number;
  /** Messages delivered here and not yet reported as committed. */
  readonly uncommitted: number;
  /** Bytes waiting for the window. */
  readonly queuedBytes: number;
  readonly inFlight: number;
  /** Background messages dropped so far. */
  readonly dropped: number;
  /** Messages given up so far because their time or their attempts were over. */
  readonly expired: number;
  readonly pressure: 'high' | 'normal';
  readonly resumes: number;
  readonly freshes: number;
}
