/**
 * The ops of tokens in the store.
 *
 * A3 A token's name, scopes, hash and expiry never change: a rotation is a new token and a revocation of the old one.
 */
import type { Op } from '@holdfast/committer';
import type { TokenRecord } from './token.ts';

/** Keeps a new token. Refused: `exists`. */
export interface PutToken extends Op {
  readonly op: 'auth.put';
  readonly record: TokenRecord;
}

/** Ends a token for good. Refused: `unknown_token`. Repeated: applied, the first moment stays. */
export interface RevokeToken extends Op {
  readonly op: 'auth.revoke';
  readonly keyId: string;
  readonly wall: number;
}

/** All tokens, revoked and expired ones too, by key id. Asked once at start; the coordinator verifies from memory. */
export interface ListTokens extends Op {
  readonly op: 'auth.list';
}

/** Forgets tokens that ended before `beforeWall`. Keeps the table bounded. */
export interface PruneTokens extends Op {
  readonly op: 'auth.prune';
  readonly beforeWall: number;
}

/** Each op with the value of its applied verdict. */
export interface AuthOps {
  'auth.put': readonly [PutToken, null];
  'auth.revoke': readonly [RevokeToken, { readonly revokedWall: number }];
  'auth.list': readonly [ListTokens, { readonly tokens: readonly TokenRecord[] }];
  'auth.prune': readonly [PruneTokens, { readonly removed: number }];
}
export type AuthOpName = keyof AuthOps;
export type AuthOp = AuthOps[AuthOpName][0];
/** The applied value of an op. */
export type AuthApplied<Name extends AuthOpName> = AuthOps[Name][1];
