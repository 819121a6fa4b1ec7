export {
  decodeFrame,
  decodePayload,
  encodeChecked,
  encodeData,
  encodeFrame,
  encodeMessage,
  type EncodedMessage,
  encodePiece,
  encodeText,
  messageProblem,
  type MessageProblem,
  parseCoordinatorMessage,
  parseWorkerMessage,
  readMessage,
} from './codec.ts';
export { CLOSE, type CloseMeaning, type CloseReaction, reactionTo } from './codes.ts';
export {
  type Beat,
  type BeatAck,
  type Challenge,
  type CoordinatorFrame,
  coordinatorFrame,
  type DataFrame,
  type Hello,
  type Proof,
  type Welcome,
  type WorkerFrame,
  workerFrame,
} from './frames.ts';
export { createHeldDigest, type HeldDigest } from './held.ts';
export { type JsonMeasure, scanJson } from './json-scan.ts';
export { isQuickBody } from './quick.ts';
export { LIMITS, PROTOCOL_VERSIONS, SUBPROTOCOL, WORKER_PATH } from './limits.ts';
export {
  type AssignedLease,
  type Assignment,
  attemptResult,
  type CoordinatorMessage,
  coordinatorMessage,
  fingerprintSchema,
  type Registration,
  registration,
  runSpec,
  taskBody,
  taskPolicy,
  type WorkerMessage,
  workerMessage,
} from './messages.ts';
export {
  canProve,
  type ClientKeys,
  clientKeyOf,
  hexOf,
  keysOf,
  proofOf,
  sealKeysOf,
  serverProofOf,
  type StoredKeys,
  transcriptOf,
} from './proof.ts';
export { createSeal, type Seal, SEAL_LENGTH } from './seal.ts';
