export { createDispatch, type Dispatch, inDoubt } from './dispatch.ts';
export type { AsyncCommitter, Committer, Op, StoreModule, Verdict } from './port.ts';
