export type { AsyncCommitter, Committer, Op, StoreModule, Verdict } from './port.ts';
