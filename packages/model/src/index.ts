export {
  type Artifact,
  ARTIFACT_LIMITS,
  artifactNameProblem,
  artifactsProblem,
  type BlobDigest,
  type BlobRef,
  digestOf,
  parseDigest,
} from './artifact.ts';
export type { AttemptEvent, AttemptOrder, LeftFile, OrderedResume } from './attempt.ts';
export { NO_COUNTS, type RunCounts } from './counts.ts';
export {
  CODE_FIELDS,
  type CodeState,
  type Fingerprint,
  fingerprintClass,
  fingerprintDifferences,
  fingerprintOfClass,
} from './fingerprint.ts';
export {
  compareTasks,
  type CoordinatorId,
  coordinatorId,
  type Epoch,
  type Incarnation,
  incarnation,
  type LeaseKey,
  leaseText,
  parseLease,
  type RunId,
  runId,
  type RunOrd,
  type TaskKey,
  type TaskNo,
  taskText,
  type WorkerId,
  workerId,
} from './ids.ts';
export type { Json } from './json.ts';
export type { AttemptOutcome, AttemptResult, CaseResult, Failure, Grade } from './outcome.ts';
export { isTerminal, mayFollow, type RunState, TASK_TRANSITIONS, type TaskState } from './state.ts';
export {
  type CommandBody,
  type CommandResults,
  DEFAULT_POLICY,
  type ModuleBody,
  type OnDisconnect,
  type RunSpec,
  type SuiteSpec,
  type TaskBody,
  type TaskPolicy,
  type TaskSpec,
  type TestBody,
  type TestUnit,
  unitText,
} from './task.ts';
