/** Every operation of a worker's connection that waits for somebody else: how long at most, and how often it is tried again. */
import { BACKOFF } from './backoff.ts';

export interface NetworkLimit {
  readonly operation: 'dial' | 'tls' | 'handshake' | 'request' | 'idle' | 'stalledWrite' | 'drain' | 'close';
  /** Milliseconds; ≤ 30,000. */
  readonly timeoutMs: number;
  /** What happens then, and how often it is tried again. */
  readonly outcome: string;
  /** The option that changes it. */
  readonly option: string;
}

/** The defaults. The README prints this table. */
export const NETWORK_LIMITS: readonly NetworkLimit[] = [
  { operation: 'dial', timeoutMs: 10_000, outcome: 'the next URL, after the backoff', option: 'dialWithinMs' },
  { operation: 'tls', timeoutMs: 10_000, outcome: 'part of the dial', option: 'dialWithinMs' },
  { operation: 'handshake', timeoutMs: 5000, outcome: 'close 4408, the next URL, after the backoff', option: 'welcomeWithinMs' },
  {
    operation: 'request',
    timeoutMs: 30_000,
    outcome: '`confirm` rejects; the message stays and is offered until committed',
    option: 'confirmWithinMs',
  },
  {
    operation: 'idle',
    timeoutMs: 7500,
    outcome: '2.5 beats without an answer: closed, the same URL, after the backoff',
    option: 'heartbeat of the server',
  },
  {
    operation: 'stalledWrite',
    timeoutMs: 7500,
    outcome: 'as idle: who does not read does not answer; at once past 8 MiB',
    option: 'heartbeat of the server',
  },
  { operation: 'drain', timeoutMs: 5000, outcome: 'closed with what was received', option: 'drainWithinMs' },
  { operation: 'close', timeoutMs: 5000, outcome: 'the socket is destroyed', option: 'none' },
];

/** The backoff between dials, and how many there are. */
export const NETWORK_RETRIES = { ...BACKOFF, attemptsMax: 0 } as const;
