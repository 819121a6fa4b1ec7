/**
 * The five queues in which messages wait until they leave.
 *
 * N1 Order is kept inside a lane; a lower lane leaves only when all higher ones are empty.
 * N2 Only `background` forgets: past its bounds the oldest goes, counted. The others are bounded by whoever offers
 *    (credits); past `queuedBytesMax` or `queuedMessagesMax` the node is wrong and stops.
 */
import { CodedError, type MonoMs } from '@holdfast/kernel';
import { createFifo, type Fifo } from './fifo.ts';
import type { SessionLimits } from './limits.ts';

/** Importance of a message: FIFO inside a lane, a lower lane leaves only when higher ones are empty. Only `background` may be dropped, counted. */
export type Lane = 'critical' | 'high' | 'normal' | 'low' | 'background';

/** First to leave first. */
export const LANES: readonly Lane[] = ['critical', 'high', 'normal', 'low', 'background'];

/** A message that has no sequence number yet. */
export interface Waiting {
  readonly json: string;
  readonly bytes: number;
  readonly key: string | undefined;
  /** Not sent any more from then on. */
  readonly expireAt?: MonoMs | undefined;
  /** Links on which it may leave; absent: any number. */
  readonly attemptsMax?: number | undefined;
}

export interface Lanes {
  push(lane: Lane, message: Waiting): void;
  /** The lane whose turn it is. */
  next(): Lane | undefined;
  /** Its first message. */
  peek(lane: Lane): Waiting | undefined;
  /** Removes and returns it. */
  shift(lane: Lane): Waiting | undefined;
  clear(): void;
  readonly messages: number;
  readonly bytes: number;
  /** Background messages dropped so far. */
  readonly dropped: number;
}

/** Creates empty lanes. */
export function createLanes(limits: SessionLimits): Lanes {
  /** Made when they are needed: thousands of sessions never use most of them. */
  const queues: Partial<Record<Lane, Fifo<Waiting>>> = {};
  let messages = 0;
  let bytes = 0;
  let backgroundBytes = 0;
  let dropped = 0;

  const shift = (lane: Lane): Waiting | undefined => {
    const message = queues[lane]?.shift();
    if (!message) return undefined;
    messages -= 1;
    bytes -= message.bytes;
    if (lane === 'background') backgroundBytes -= message.bytes;
    return message;
  };

  return {
    push(lane, message) {
      const queue = (queues[lane] ??= createFifo());
      queue.push(message);
      messages += 1;
      bytes += message.bytes;
      if (lane === 'background') {
        backgroundBytes += message.bytes;
        while (queue.length > limits.backgroundMessagesMax || backgroundBytes > limits.backgroundBytesMax) {
          shift('background');
          dropped += 1;
        }
      } else if (messages > limits.queuedMessagesMax || bytes > limits.queuedBytesMax) {
        throw new CodedError('RECONNECTION_OUTBOX_FULL', `keep ${messages} messages of ${bytes} bytes waiting for a link`, {
          details: { messages, bytes, lane },
        });
      }
    },
    next: () => (messages === 0 ? undefined : LANES.find((lane) => (queues[lane]?.length ?? 0) > 0)),
    peek: (lane) => queues[lane]?.at(0),
    shift,
    clear() {
      for (const lane of LANES) delete queues[lane];
      messages = 0;
      bytes = 0;
      backgroundBytes = 0;
    },
    get messages() {
      return messages;
    },
    get bytes() {
      return bytes;
    },
    get dropped() {
      return dropped;
    },
  };
}
