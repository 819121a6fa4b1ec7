/** Default limits of the wire. Each is enforced before anything is allocated for what exceeds it. */

/** The protocol versions this code speaks, best first. */
export const PROTOCOL_VERSIONS: readonly number[] = [1];
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
  /** Depth of JSON nesting. */
  depthMax: 32,
  /** Milliseconds from the upgrade to a valid hello. */
  helloWithinMs: 5000,
} as const;
