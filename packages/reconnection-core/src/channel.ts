/**
 * Both directions of one session, without a notion of links, tokens or time-outs: the part that client and server share.
 *
 * H1 Messages leave in `frames`, never in `offer`: one data frame carries all that wait in a turn (S8).
 * H2 While unlinked nothing leaves and nothing is lost.
 * H3 After `link` the unreceived messages leave first, with the bytes they had, then new ones.
 */
import { CodedError, type MonoMs } from '@holdfast/kernel';
import { type DataFrame, encodeData, type EncodedMessage, encodeMessage } from '@holdfast/protocol';
import { createInbound } from './inbound.ts';
import { createLanes, type Lane } from './lane.ts';
import type { SessionLimits } from './limits.ts';
import { createReplayWindow } from './replay-window.ts';

/** What a data frame brought. `problem`: the peer broke the protocol; what was delivered before it still counts. */
export interface Taken {
  readonly delivered: readonly { readonly seq: number; readonly payload: unknown }[];
  readonly settled: readonly string[];
  readonly problem: string | undefined;
}

/** A message, or one that is encoded already and within every limit. */
export type Offer = { readonly t: string } | EncodedMessage;

export interface Channel {
  /** Encodes a message and lets it wait. Throws RECONNECTION_MESSAGE_REFUSED when no receiver would take it. */
  offer(lane: Lane, payload: Offer, key: string | undefined, now: MonoMs): void;
  /** All that may leave now, as WebSocket text messages; [] while unlinked or when nothing is due. */
  frames(now: MonoMs): readonly string[];
  /** Acks for a frame that leaves now. */
  takeAcks(): [received: number, committed: number];
  /** Takes the acks of a peer's frame. */
  settle(acks: readonly [number, number], now: MonoMs): Pick<Taken, 'settled' | 'problem'>;
  /** Takes a data frame. */
  take(frame: DataFrame, now: MonoMs): Taken;
  commit(seq: number, now: MonoMs): void;
  /** A link carries this session from now on; the peer has received `peerReceived` messages. False: that cannot be true. */
  link(peerReceived: number, now: MonoMs): boolean;
  unlink(): void;
  /** A new session: forgets everything, unlinked. */
  clear(): void;
  deadline(): MonoMs | undefined;
  /** Nothing waits and the peer has received everything. */
  idle(): boolean;
  /** Background messages dropped so far. */
  dropped(): number;
  counts(): ChannelCounts;
}

export interface ChannelCounts {
  /** Messages waiting in lanes. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** Messages sent and not yet received by the peer. */
  readonly inFlight: number;
  readonly inFlightBytes: number;
  /** Messages sent and not yet committed by the peer. */
  readonly uncommitted: number;
  /** Background messages dropped so far. */
  readonly dropped: number;
  /** Last number sent, and both acks of the peer. */
  readonly sent: number;
  readonly peerReceived: number;
  readonly peerCommitted: number;
  /** Last number received, and the committed prefix. */
  readonly received: number;
  readonly committed: number;
}

/** Creates the channel of a new session. `commits`: see `createInbound`. */
export function createChannel(limits: SessionLimits, commits: boolean): Channel {
  const lanes = createLanes(limits);
  const window = createReplayWindow(limits);
  const inbound = createInbound(limits, commits);
  let linked = false;
  let flushAt: MonoMs | undefined;

  const wake = (now: MonoMs): void => {
    if (linked) flushAt ??= now;
  };
  const fillWindow = (): void => {
    for (let lane = lanes.next(); lane; lane = lanes.next()) {
      if (!window.admits(lane, lanes.peek(lane)!.bytes)) return;
      window.add(lane, lanes.shift(lane)!);
    }
  };
  const settle = (acks: readonly [number, number], now: MonoMs): Pick<Taken, 'settled' | 'problem'> => {
    const moved = acks[0] > window.received || acks[1] > window.committed;
    const settled = window.ack(acks[0], acks[1]);
    if (!settled) return { settled: [], problem: `acks ${acks[0]},${acks[1]} of ${window.lastSeq} messages sent` };
    if (moved && lanes.messages > 0) wake(now);
    return { settled, problem: undefined };
  };

  return {
    offer(lane, payload, key, now) {
      if (!('t' in payload)) {
        lanes.push(lane, { json: payload.json, bytes: payload.bytes, key });
        return wake(now);
      }
      const encoded = encodeMessage(payload);
      if (!encoded.ok) {
        const details = { type: payload.t, problem: encoded.problem };
        throw new CodedError('RECONNECTION_MESSAGE_REFUSED', `offer a ${payload.t}: ${encoded.problem}`, { details });
      }
      lanes.push(lane, { json: encoded.value.json, bytes: encoded.value.bytes, key });
      wake(now);
    },
    frames(now) {
      if (!linked) return [];
      const ackAt = inbound.ackAt();
      const ackDue = ackAt !== undefined && ackAt <= now;
      if ((flushAt === undefined || flushAt > now) && !ackDue) return [];
      flushAt = undefined;
      fillWindow();
      const texts: string[] = [];
      for (;;) {
        const pieces = window.takeUnsent(limits.frameBytesMax - ENVELOPE_BYTES, limits.frameMessagesMax);
        if (pieces.length === 0) break;
        texts.push(encodeData(...inbound.takeAcks(), pieces));
      }
      if (texts.length === 0 && ackDue) texts.push(encodeData(...inbound.takeAcks(), []));
      return texts;
    },
    takeAcks: () => inbound.takeAcks(),
    settle,
    take(frame, now) {
      const acked = settle(frame.a, now);
      const delivered: { seq: number; payload: unknown }[] = [];
      if (acked.problem !== undefined) return { delivered, ...acked };
      for (const [seq, payload] of frame.m) {
        const arrival = inbound.arrive(seq, now);
        if (arrival === 'new') delivered.push({ seq, payload });
        else if (arrival === 'gap')
          return { delivered, settled: acked.settled, problem: `message ${seq} follows message ${inbound.received}` };
        if (inbound.received - inbound.committed > limits.uncommittedMax)
          return { delivered, settled: acked.settled, problem: `more than ${limits.uncommittedMax} messages uncommitted` };
      }
      return { delivered, settled: acked.settled, problem: undefined };
    },
    commit: (seq, now) => inbound.commit(seq, now),
    link(peerReceived, now) {
      if (!window.rewind(peerReceived)) return false;
      linked = true;
      flushAt = window.messages > 0 || lanes.messages > 0 ? now : undefined;
      inbound.restart(now);
      return true;
    },
    unlink() {
      linked = false;
      flushAt = undefined;
    },
    clear() {
      linked = false;
      flushAt = undefined;
      lanes.clear();
      window.clear();
      inbound.clear();
    },
    deadline: () => (linked ? earliest(flushAt, inbound.ackAt()) : undefined),
    idle: () => lanes.messages === 0 && window.messages === 0,
    dropped: () => lanes.dropped,
    counts: () => ({
      queued: lanes.messages,
      queuedBytes: lanes.bytes,
      inFlight: window.messages,
      inFlightBytes: window.bytes,
      uncommitted: window.lastSeq - window.committed,
      dropped: lanes.dropped,
      sent: window.lastSeq,
      peerReceived: window.received,
      peerCommitted: window.committed,
      received: inbound.received,
      committed: inbound.committed,
    }),
  };
}

/** The earlier of two moments that may be absent. */
export function earliest(one: MonoMs | undefined, other: MonoMs | undefined): MonoMs | undefined {
  if (one === undefined) return other;
  return other === undefined || one <= other ? one : other;
}

/** More than `{"f":"data","a":[,],"m":[]}` and two numbers of 16 digits. */
const ENVELOPE_BYTES = 128;
