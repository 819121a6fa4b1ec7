/** What every reader of a results format gives back. */
import type { CaseResult, Failure } from '@holdfast/model';

export interface ReadResults {
  /** In the order in which they were told. */
  readonly cases: readonly CaseResult[];
  /** Errors that belong to no case. */
  readonly errors: readonly Failure[];
}
