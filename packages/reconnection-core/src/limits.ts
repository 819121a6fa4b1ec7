/** Bounds and times of a session. Both ends of a session use the same window limits. */
import { type DurationMs, durationMs } from '@holdfast/kernel';
import { LIMITS } from '@holdfast/protocol';

export interface SessionLimits {
  /** Messages sent and not yet received by the peer. Default 1024. Full: nothing leaves, nothing is lost. */
  readonly windowMessagesMax: number;
  /** Their bytes. Default 4 MiB. One message always fits an empty window. */
  readonly windowBytesMax: number;
  /** Window slots that only the critical lane may use. Default 32. */
  readonly criticalSlots: number;
  /** Window bytes that only the critical lane may use. Default 128 KiB. */
  readonly criticalBytes: number;
  /** Messages sent and not yet committed by the peer. Default 4096. Full: nothing leaves. */
  readonly uncommittedMax: number;
  /** Messages waiting in the background lane; past it the oldest is dropped, counted. Default 1024. */
  readonly backgroundMessagesMax: number;
  /** Bytes waiting in the background lane; past it the oldest is dropped, counted. Default 1 MiB. */
  readonly backgroundBytesMax: number;
  /** Messages waiting in all lanes. Default 131072. Past it the node stops: RECONNECTION_OUTBOX_FULL. */
  readonly queuedMessagesMax: number;
  /** Bytes waiting in all lanes. Default 128 MiB. Past it the node stops: RECONNECTION_OUTBOX_FULL. */
  readonly queuedBytesMax: number;
  /** Messages waiting in all lanes from which on there is pressure. Default 4096. */
  readonly pressureMessages: number;
  /** Their bytes. Default 4 MiB. */
  readonly pressureBytes: number;
  /** Bytes of one frame. Default 1 MiB. */
  readonly frameBytesMax: number;
  /** Messages of one frame. Default 4096. */
  readonly frameMessagesMax: number;
  /** How long a received message may wait for a frame that carries its ack. Default 5 ms. */
  readonly ackDelay: DurationMs;
}

/** The defaults, which PROTOCOL.md documents. */
export const SESSION_LIMITS: SessionLimits = {
  windowMessagesMax: 1024,
  windowBytesMax: 4 * 1024 * 1024,
  criticalSlots: 32,
  criticalBytes: 128 * 1024,
  uncommittedMax: LIMITS.uncommittedMax,
  backgroundMessagesMax: 1024,
  backgroundBytesMax: 1024 * 1024,
  queuedMessagesMax: 131_072,
  queuedBytesMax: 128 * 1024 * 1024,
  pressureMessages: 4096,
  pressureBytes: 4 * 1024 * 1024,
  frameBytesMax: LIMITS.frameBytesMax,
  frameMessagesMax: LIMITS.messagesPerFrameMax,
  ackDelay: durationMs(5),
};
