export type {
  ClientReply,
  ClientRequest,
  CoordinatorEffect,
  CoordinatorInput,
  CoordinatorNode,
  CoordinatorOptions,
  CoordinatorPorts,
  CoordinatorSnapshot,
  StatusValue,
  StatusWorker,
  SubmitValue,
} from './contract.ts';
export { DEFAULT_COORDINATOR_OPTIONS } from './defaults.ts';
export { createCoordinatorNode } from './node.ts';
