export type {
  ClientReply,
  ClientRequest,
  CoordinatorEffect,
  CoordinatorInput,
  CoordinatorNode,
  CoordinatorOptions,
  CoordinatorSnapshot,
  StatusValue,
  StatusWorker,
  SubmitValue,
} from './contract.ts';
