/**
 * What has arrived from the peer, and what the peer must still be told about it.
 *
 * A1 A message is taken once and in order: known numbers are dropped, a gap is a broken peer.
 * A2 `committed` is the longest prefix of numbers whose effects are durable; it never passes `received`.
 * A3 An ack waits at most `ackDelay` after a receipt, and not at all after a commit.
 */
import { after, type MonoMs } from '@holdfast/kernel';
import type { SessionLimits } from './limits.ts';

export type Arrival = 'new' | 'duplicate' | 'gap';

export interface Inbound {
  /** Files the number of an arrived message. */
  arrive(seq: number, now: MonoMs): Arrival;
  /** The effects of message `seq` are durable. Numbers never received are ignored. */
  commit(seq: number, now: MonoMs): void;
  /** Both cumulative numbers, to be sent now: whatever was due is done. */
  takeAcks(): [received: number, committed: number];
  /** When an ack must go out alone. */
  ackAt(): MonoMs | undefined;
  /** A new link: the acks of the old one may be lost. */
  restart(now: MonoMs): void;
  clear(): void;
  readonly received: number;
  readonly committed: number;
  /** Commits that wait for an earlier one. */
  readonly outOfOrder: number;
}

/** Creates the record of a session in which nothing has arrived. `commits`: whether this end reports commits; if not, what is received counts as committed. */
export function createInbound(limits: SessionLimits, commits: boolean): Inbound {
  const done = new Set<number>();
  let received = 0;
  let committed = 0;
  let due: MonoMs | undefined;

  return {
    arrive(seq, now) {
      if (seq <= received) {
        due ??= after(now, limits.ackDelay);
        return 'duplicate';
      }
      if (seq !== received + 1) return 'gap';
      received = seq;
      if (!commits) committed = seq;
      due ??= after(now, limits.ackDelay);
      return 'new';
    },
    commit(seq, now) {
      if (!commits || seq <= committed || seq > received) return;
      if (seq !== committed + 1) {
        done.add(seq);
        return;
      }
      committed = seq;
      while (done.delete(committed + 1)) committed += 1;
      due = now;
    },
    takeAcks() {
      due = undefined;
      return [received, committed];
    },
    ackAt: () => due,
    restart(now) {
      due = received > 0 ? now : undefined;
    },
    clear() {
      done.clear();
      received = 0;
      committed = 0;
      due = undefined;
    },
    get received() {
      return received;
    },
    get committed() {
      return committed;
    },
    get outOfOrder() {
      return done.size;
    },
  };
}
