/**
 * Which of several coordinators to dial: in the order given, the one that worked last first.
 *
 * F1 A URL is left for the next one when a dial to it fails or ends without a session; one that has had a session is tried once more.
 * F2 A refusal is final only when every URL has refused in a row: one coordinator may know a token that another does not.
 */
import { CodedError } from '@holdfast/kernel';

export interface Failover {
  /** The URL to dial now. */
  current(): string;
  /** A session opened there. */
  opened(): void;
  /** The dial failed, or its link ended. `refused`: dialling there again cannot help. Returns whether no URL is left that could. */
  failed(refused: boolean): boolean;
  readonly urls: readonly string[];
}

/** Begins with the first of `urls`. Errors: `RECONNECTION_NO_URL`. */
export function createFailover(urls: readonly string[]): Failover {
  if (urls.length === 0) throw new CodedError('RECONNECTION_NO_URL', 'dial: no coordinator was given');
  const refusals = new Set<string>();
  let index = 0;
  let proven = false;
  return {
    urls,
    current: () => urls[index]!,
    opened() {
      proven = true;
      refusals.clear();
    },
    failed(refused) {
      if (refused) refusals.add(urls[index]!);
      else refusals.delete(urls[index]!);
      const lost = proven && !refused;
      proven = false;
      if (!lost) index = (index + 1) % urls.length;
      return refused && urls.every((url) => refusals.has(url));
    },
  };
}
