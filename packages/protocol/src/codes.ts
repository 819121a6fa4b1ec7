/** Close codes of a link, and how the other side reacts. */

export type CloseReaction =
  /** Dial again with backoff. */
  | 'retry'
  /** Dial again, without resuming. */
  | 'register'
  /** Stop: dialling again cannot help. */
  | 'stop';

export interface CloseMeaning {
  readonly code: number;
  readonly name: string;
  readonly reaction: CloseReaction;
}

/** All codes Holdfast closes with. Any other code means `retry`. */
export const CLOSE = {
  normal: { code: 1000, name: 'normal', reaction: 'stop' },
  tooBig: { code: 1009, name: 'too_big', reaction: 'retry' },
  internal: { code: 1011, name: 'internal', reaction: 'retry' },
  restart: { code: 1012, name: 'restart', reaction: 'retry' },
  tryLater: { code: 1013, name: 'try_later', reaction: 'retry' },
  badMessage: { code: 4400, name: 'bad_message', reaction: 'register' },
  unauthenticated: { code: 4401, name: 'unauthenticated', reaction: 'stop' },
  forbidden: { code: 4403, name: 'forbidden', reaction: 'stop' },
  authTimeout: { code: 4408, name: 'auth_timeout', reaction: 'retry' },
  superseded: { code: 4409, name: 'superseded', reaction: 'stop' },
  sessionGone: { code: 4410, name: 'session_gone', reaction: 'register' },
  tooLarge: { code: 4413, name: 'too_large', reaction: 'register' },
  version: { code: 4426, name: 'version', reaction: 'stop' },
  rate: { code: 4429, name: 'rate_limited', reaction: 'retry' },
  draining: { code: 4503, name: 'draining', reaction: 'retry' },
} as const satisfies Record<string, CloseMeaning>;

/** What to do after a link closed with `code`. */
export function reactionTo(code: number): CloseReaction {
  for (const meaning of Object.values(CLOSE)) if (meaning.code === code) return meaning.reaction;
  return 'retry';
}
