export { createFailureLimiter, DEFAULT_FAILURE_LIMITER, type FailureLimiter, type FailureLimiterOptions } from './failure-limiter.ts';
export type { AuthApplied, AuthOp, AuthOpName, AuthOps, ListTokens, PruneTokens, PutToken, RevokeToken } from './ops.ts';
export { covers, parseScope, type Scope, SCOPES } from './scope.ts';
export {
  formatToken,
  parseToken,
  type Principal,
  TOKEN_LIFE_MAX_MS,
  TOKEN_LIFE_MS,
  type TokenFacts,
  tokenFacts,
  type TokenRecord,
  tokenState,
} from './token.ts';
