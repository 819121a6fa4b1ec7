/** Default limits of the wire. Each is enforced before anything is allocated for what exceeds it. */

/** The protocol versions this code speaks, best first. */
export const PROTOCOL_VERSIONS: readonly number[] = [2];
/** The WebSocket subprotocol. */
export const SUBPROTOCOL = 'holdfast.v1';
/** The path of the worker link. */
export const WORKER_PATH = '/api/v1/worker';

export const LIMITS = {
  /** Bytes of one frame. */
  frameBytesMax: 1_048_576,
  /** Fragments of one WebSocket message. */
  fragmentsMax: 64,
  /** Messages of one data frame. */
  messagesPerFrameMax: 4096,
  /** Encoded bytes of one message; larger results go as a blob. */
  messageBytesMax: 524_288,
  /** Depth of JSON nesting of a frame; a message lies three levels deep in its frame. */
  depthMax: 32,
  /** Keys of one JSON object. */
  keysMax: 1000,
  /** Elements of one JSON array. */
  elementsMax: 10_000,
  /** UTF-16 units of one JSON string, as written. */
  stringMax: 262_144,
  /** Messages that a sender lets be received but not yet committed. */
  uncommittedMax: 4096,
  /** Milliseconds from the upgrade to a valid hello. */
  helloWithinMs: 5000,
} as const;
