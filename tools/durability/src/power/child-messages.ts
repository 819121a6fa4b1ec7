/** What the process on the disk is asked, and what it answers. */
import type { Acknowledged } from './facts.ts';

/** Settings under which SQLite is known to lose what it acknowledged: the cut must show it, or the cut is none. */
export type Control = 'wal-normal' | 'delete-full';

export type ChildRequest =
  | { readonly kind: 'work'; readonly path: string; readonly seed: string; readonly thread: boolean; readonly control?: Control }
  | { readonly kind: 'stop' };

export type ChildReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'working' }
  | { readonly kind: 'ended'; readonly acks: readonly Acknowledged[]; readonly attempted: readonly string[]; readonly why: string }
  | { readonly kind: 'failed'; readonly message: string };
