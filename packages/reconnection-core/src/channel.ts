/**
 * Both directions of one session, without a notion of links, tokens or time-outs: the part that client and server share.
 *
 * H1 Messages leave in `frames`, never in `offer`: one data frame carries all that wait in a turn (S8).
 * H2 While unlinked nothing leaves and nothing is lost.
 * H3 After `link` the unreceived messages leave first, with the bytes they had, then new ones.
 */
import { after, CodedError, type DurationMs, type MonoMs } from '@holdfast/kernel';
import { CLOSE, type DataFrame, decodePayload, encodeData, type EncodedMessage, encodeMessage } from '@holdfast/protocol';
import { createInbound } from './inbound.ts';
import { createLanes, type Lane } from './lane.ts';
import type { SessionLimits } from './limits.ts';
import { packed, type Packer, TOO_LARGE, unpacked } from './packer.ts';
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
  offer(lane: Lane, payload: Offer, terms: Terms, now: MonoMs): void;
  /** Messages that will not be sent any more, since the last call. */
  expired(): readonly Expired[];
  /** How the peer's messages and ours are packed from now on; undefined: not at all. */
  packWith(method: string | undefined): void;
  /** Whether whoever offers should offer less: on at the marks of the limits, off below half of them. */
  pressed(): boolean;
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

/** Under what terms a message is offered. */
export interface Terms {
  readonly key?: string | undefined;
  readonly expiresIn?: DurationMs | undefined;
  readonly attemptsMax?: number | undefined;
}

/** A message that was given up. `perhaps`: it had left once, and the peer may have it. */
export interface Expired {
  readonly key: string | undefined;
  readonly delivered: 'never' | 'perhaps';
}

export interface ChannelCounts {
  /** Messages given up so far because their time or their attempts were over. */
  readonly expired: number;
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
export function createChannel(limits: SessionLimits, commits: boolean, packer?: Packer): Channel {
  const lanes = createLanes(limits);
  const window = createReplayWindow(limits);
  const inbound = createInbound(limits, commits);
  let linked = false;
  let flushAt: MonoMs | undefined;
  let method: string | undefined;
  let given: Expired[] = [];
  let expiredCount = 0;
  let pressed = false;

  const wake = (now: MonoMs): void => {
    if (linked) flushAt ??= now;
  };
  const giveUp = (key: string | undefined, delivered: Expired['delivered']): void => {
    expiredCount += 1;
    given.push({ key, delivered });
  };
  const fillWindow = (now: MonoMs): void => {
    for (let lane = lanes.next(); lane; lane = lanes.next()) {
      const { expireAt, key } = lanes.peek(lane)!;
      if (expireAt !== undefined && now >= expireAt) {
        lanes.shift(lane);
        giveUp(key, 'never');
      } else if (!window.admits(lane, lanes.peek(lane)!.bytes)) return;
      else window.add(lane, lanes.shift(lane)!);
    }
  };
  const settle = (acks: readonly [number, number], now: MonoMs): Pick<Taken, 'settled' | 'problem'> => {
    const moved = acks[0] > window.received || acks[1] > window.committed;
    const settled = window.ack(acks[0], acks[1]);
    if (!settled) return { settled: [], problem: `acks ${acks[0]},${acks[1]} of ${window.lastSeq} messages sent` };
    if (moved && lanes.messages > 0) wake(now);
    return { settled, problem: undefined };
  };

  const enqueue = (lane: Lane, { json, bytes }: EncodedMessage, terms: Terms, now: MonoMs): void => {
    const text = packer && method !== undefined ? packed(packer, method, json, bytes) : undefined;
    const { key, expiresIn, attemptsMax } = terms;
    const expireAt = expiresIn === undefined ? undefined : after(now, expiresIn);
    // Base64 is ASCII: its units are its bytes.
    lanes.push(lane, { json: text ?? json, bytes: text?.length ?? bytes, key, expireAt, attemptsMax });
    wake(now);
  };
  const expand = (text: string): { readonly payload: unknown } | { readonly problem: string } => {
    const message = unpacked(packer, text);
    if ('problem' in message) return message;
    const read = decodePayload(message.text);
    return read.ok ? { payload: read.value } : { problem: read.problem };
  };

  return {
    offer(lane, payload, terms, now) {
      if (!('t' in payload)) {
        enqueue(lane, payload, terms, now);
        return;
      }
      const encoded = encodeMessage(payload);
      if (!encoded.ok) {
        const details = { type: payload.t, problem: encoded.problem };
        throw new CodedError('RECONNECTION_MESSAGE_REFUSED', `offer a ${payload.t}: ${encoded.problem}`, { details });
      }
      enqueue(lane, encoded.value, terms, now);
    },
    frames(now) {
      if (!linked) return [];
      const ackAt = inbound.ackAt();
      const ackDue = ackAt !== undefined && ackAt <= now;
      if ((flushAt === undefined || flushAt > now) && !ackDue) return [];
      flushAt = undefined;
      fillWindow(now);
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
        if (arrival === 'new') {
          if (payload === null) inbound.commit(seq, now);
          else if (typeof payload === 'string') {
            const message = expand(payload);
            if ('problem' in message) return { delivered, settled: acked.settled, problem: message.problem };
            delivered.push({ seq, payload: message.payload });
          } else delivered.push({ seq, payload });
        } else if (arrival === 'gap')
          return { delivered, settled: acked.settled, problem: `message ${seq} follows message ${inbound.received}` };
        if (inbound.received - inbound.committed > limits.uncommittedMax)
          return { delivered, settled: acked.settled, problem: `more than ${limits.uncommittedMax} messages uncommitted` };
      }
      return { delivered, settled: acked.settled, problem: undefined };
    },
    commit: (seq, now) => inbound.commit(seq, now),
    link(peerReceived, now) {
      if (!window.rewind(peerReceived, now)) return false;
      for (const { key } of window.withdrawn()) giveUp(key, 'perhaps');
      linked = true;
      flushAt = window.messages > 0 || lanes.messages > 0 ? now : undefined;
      inbound.restart(now);
      return true;
    },
    unlink() {
      linked = false;
      flushAt = undefined;
    },
    expired: () => given.splice(0),
    packWith: (chosen) => void (method = chosen),
    pressed() {
      const mark = pressed ? 0.5 : 1;
      pressed = lanes.messages >= limits.pressureMessages * mark || lanes.bytes >= limits.pressureBytes * mark;
      return pressed;
    },
    clear() {
      linked = false;
      given = [];
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
      expired: expiredCount,
      sent: window.lastSeq,
      peerReceived: window.received,
      peerCommitted: window.committed,
      received: inbound.received,
      committed: inbound.committed,
    }),
  };
}

/** The close code of what a peer did wrong. */
export const codeOf = (problem: string): number => (problem === TOO_LARGE ? CLOSE.tooLarge.code : CLOSE.badMessage.code);

/** The earlier of two moments that may be absent. */
export function earliest(one: MonoMs | undefined, other: MonoMs | undefined): MonoMs | undefined {
  if (one === undefined) return other;
  return other === undefined || one <= other ? one : other;
}

/** More than `{"f":"data","a":[,],"m":[]}` and two numbers of 16 digits. */
const ENVELOPE_BYTES = 128;
