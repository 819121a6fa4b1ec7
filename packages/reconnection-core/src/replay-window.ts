/**
 * Messages that have left and that the peer may not have: numbered, encoded once, sent again byte by byte after a resume.
 *
 * W1 Sequence numbers rise by one from 1 in the order of leaving and are never reused in a session.
 * W2 Held are exactly the messages in (received, lastSeq]; their count and bytes stay within the limits.
 * W3 Telemetry (low, background) fills at most half; `criticalSlots` are left to the critical lane.
 * W5 A message that may not leave again keeps its number and leaves as `null`: the peer counts it, and nobody takes it for a gap.
 * W4 An ack moves forward only, and never past what was sent.
 */
import type { MonoMs } from '@holdfast/kernel';
import { encodePiece } from '@holdfast/protocol';
import { createFifo } from './fifo.ts';
import type { Lane, Waiting } from './lane.ts';
import type { SessionLimits } from './limits.ts';

interface Sent {
  piece: string;
  bytes: number;
  /** Links on which it has left, this one included. */
  attempts: number;
  readonly seq: number;
  readonly message: Waiting;
  readonly telemetry: boolean;
}

export interface ReplayWindow {
  /** Whether a message of this lane and size may leave now. */
  admits(lane: Lane, bytes: number): boolean;
  /** Numbers and keeps a message. */
  add(lane: Lane, message: Waiting): void;
  /** Takes the peer's cumulative acks; returns the keys committed by them, or undefined when they cannot be true (W4). */
  ack(received: number, committed: number): readonly string[] | undefined;
  /** Sent pieces that have not gone out on this link yet, at most `bytesMax` and `countMax`; [] when there are none. */
  takeUnsent(bytesMax: number, countMax: number): readonly string[];
  /** The peer has `received` of them on a new link: send the rest again. False when that cannot be true. */
  rewind(received: number, now: MonoMs): boolean;
  /** Withdrawn at the last rewind (W5); whether the peer has them is not known. */
  withdrawn(): readonly Waiting[];
  clear(): void;
  readonly lastSeq: number;
  readonly received: number;
  readonly committed: number;
  readonly messages: number;
  readonly bytes: number;
}

/** Creates an empty window; the next message is number 1. */
export function createReplayWindow(limits: SessionLimits): ReplayWindow {
  const sent = createFifo<Sent>();
  const keys = createFifo<{ readonly seq: number; readonly key: string }>();
  /** Numbers of withdrawn messages whose keys are never settled. */
  const unsettled = new Set<number>();
  let withdrawn: Waiting[] = [];
  let lastSeq = 0;
  let received = 0;
  let committed = 0;
  let unsentFrom = 1;
  let bytes = 0;
  let telemetry = { messages: 0, bytes: 0 };

  const release = (upTo: number): void => {
    while (received < upTo) {
      const message = sent.shift()!;
      received += 1;
      bytes -= message.bytes;
      if (message.telemetry) telemetry = { messages: telemetry.messages - 1, bytes: telemetry.bytes - message.bytes };
    }
    if (unsentFrom <= received) unsentFrom = received + 1;
  };

  /** On another link: once more, or as nothing (W5). */
  const again = (one: Sent, now: MonoMs): void => {
    const { message, seq } = one;
    one.attempts += 1;
    const over = one.attempts > (message.attemptsMax ?? Infinity) || (message.expireAt !== undefined && now >= message.expireAt);
    const piece = encodePiece(seq, 'null');
    if (!over || one.piece === piece) return;
    bytes += piece.length - one.bytes;
    if (one.telemetry) telemetry = { messages: telemetry.messages, bytes: telemetry.bytes + piece.length - one.bytes };
    one.bytes = piece.length;
    one.piece = piece;
    if (message.key !== undefined) unsettled.add(seq);
    withdrawn.push(message);
  };

  return {
    admits(lane, size) {
      const reserved = lane === 'critical' ? 0 : 1;
      if (lastSeq - committed >= limits.uncommittedMax - reserved * limits.criticalSlots) return false;
      if (sent.length === 0) return true;
      if (sent.length >= limits.windowMessagesMax - reserved * limits.criticalSlots) return false;
      if (bytes + size > limits.windowBytesMax - reserved * limits.criticalBytes) return false;
      if (!isTelemetry(lane)) return true;
      return telemetry.messages < limits.windowMessagesMax >> 1 && telemetry.bytes + size <= limits.windowBytesMax >> 1;
    },
    add(lane, message) {
      lastSeq += 1;
      const piece = encodePiece(lastSeq, message.json);
      const size = message.bytes + piece.length - message.json.length;
      sent.push({ piece, bytes: size, telemetry: isTelemetry(lane), attempts: 1, seq: lastSeq, message });
      bytes += size;
      if (isTelemetry(lane)) telemetry = { messages: telemetry.messages + 1, bytes: telemetry.bytes + size };
      if (message.key !== undefined) keys.push({ seq: lastSeq, key: message.key });
    },
    ack(peerReceived, peerCommitted) {
      if (peerReceived > lastSeq || peerCommitted > peerReceived) return undefined;
      release(peerReceived);
      if (peerCommitted <= committed) return NO_KEYS;
      committed = peerCommitted;
      if (keys.length === 0) return NO_KEYS;
      const settled: string[] = [];
      for (let first = keys.at(0); first && first.seq <= committed; first = keys.at(0)) {
        const { seq, key } = keys.shift()!;
        if (!unsettled.delete(seq)) settled.push(key);
      }
      return settled;
    },
    takeUnsent(bytesMax, countMax) {
      if (unsentFrom > lastSeq) return NO_KEYS;
      const pieces: string[] = [];
      let total = 0;
      while (unsentFrom <= lastSeq && pieces.length < countMax) {
        const message = sent.at(unsentFrom - received - 1)!;
        if (pieces.length > 0 && total + message.bytes + 1 > bytesMax) break;
        total += message.bytes + 1;
        pieces.push(message.piece);
        unsentFrom += 1;
      }
      return pieces;
    },
    rewind(peerReceived, now) {
      if (peerReceived < received || peerReceived > lastSeq) return false;
      release(peerReceived);
      for (let index = 0; index < sent.length; index += 1) again(sent.at(index)!, now);
      unsentFrom = received + 1;
      return true;
    },
    withdrawn: () => withdrawn.splice(0),
    clear() {
      sent.clear();
      keys.clear();
      unsettled.clear();
      withdrawn = [];
      lastSeq = 0;
      received = 0;
      committed = 0;
      unsentFrom = 1;
      bytes = 0;
      telemetry = { messages: 0, bytes: 0 };
    },
    get lastSeq() {
      return lastSeq;
    },
    get received() {
      return received;
    },
    get committed() {
      return committed;
    },
    get messages() {
      return sent.length;
    },
    get bytes() {
      return bytes;
    },
  };
}

const isTelemetry = (lane: Lane): boolean => lane === 'low' || lane === 'background';
const NO_KEYS: readonly string[] = [];
