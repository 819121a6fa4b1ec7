/** What a manager is given and what it tells. */
import type { Registration } from '@holdfast/protocol';
import type { BackoffOptions } from '../backoff.ts';
import type { Credential } from '../client-session.ts';
import type { Lane } from '../lane.ts';
import type { Dialer } from './link-ports.ts';
import type { SpoolSettings } from './outbox.ts';

/** As people and monitors name it. */
export type ConnectionState = 'connected' | 'connecting' | 'disconnected' | 'failed' | 'shutdown';

export interface ManagerOptions {
  /** Coordinators in the order of preference, `http(s)://` or `ws(s)://`, host and port; the path is added if there is none. */
  readonly urls: string | readonly string[];
  /** A token `hf_key_secret`, or its parts. */
  readonly credential: string | Credential;
  /** The worker's id; the same for all its lives. */
  readonly worker: string;
  /** What it says of itself: name, slots, labels, probed facts. Told again by `register`. */
  readonly registration: Omit<Registration, 'pid'>;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string };
  /** Keeps messages with a key over the life of the process. Default: none. */
  readonly spool?: SpoolSettings;
  /** Messages with a key that wait for their commit. Past it `send` throws `RECONNECTION_KEPT_FULL`. Default 4096. */
  readonly keptMax?: number;
  /** Dials without a proven link between them before `failed`. Default 0: never gives up. */
  readonly attemptsMax?: number;
  readonly backoff?: Partial<BackoffOptions>;
  /** Milliseconds, see `NETWORK_LIMITS`. */
  readonly dialWithinMs?: number;
  readonly welcomeWithinMs?: number;
  readonly drainWithinMs?: number;
  readonly confirmWithinMs?: number;
  /** Default: WebSockets. */
  readonly dialer?: Dialer;
}

export interface SendOptions {
  /** Default `normal`. `background` may be dropped, counted, and is never kept. */
  readonly lane?: Lane;
  /** Its name over all sessions. Default: one is made. */
  readonly key?: string;
}

export interface ManagerEvents {
  stateChanged: (state: ConnectionState, former: ConnectionState) => void;
  /** `fresh`: the peer has forgotten the former session; what is kept is offered again. */
  opened: (how: 'resumed' | 'fresh', reason: string, url: string) => void;
  /** A link or a dial ended; the next dial comes in `retryInMs`. */
  down: (reason: string, retryInMs: number) => void;
  /** Gave up: only `reconnect()` dials again. */
  failed: (code: number, reason: string) => void;
  /** A message that no task handler is for. */
  message: (payload: Readonly<Record<string, unknown>> & { readonly t: string }) => void;
  /** The peer has committed the message of this key. */
  settled: (key: string) => void;
  /** Background messages were dropped, in all so far. */
  dropped: (messages: number) => void;
  /** The spool is near its bound or cannot be written, or neither any more. */
  spoolChanged: (full: boolean, reason: string) => void;
}
