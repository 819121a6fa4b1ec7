/**
 * What a token looks like and what is kept of it.
 *
 * A1 A secret is 256 random bits; the store keeps only its SHA-256, so what is stored cannot be sent.
 *    For proofs it keeps a hash of a hash and the coordinator's own key (protocol's `keysOf`): neither proves to be the worker.
 * A2 Every token expires. Wall time decides that at the edge only, never inside a machine.
 */
import type { WallMs } from '@holdfast/kernel';
import type { Scope } from './scope.ts';

/** Who acts: the holder of one token. */
export interface Principal {
  /** For people and the audit: `ci`, `worker-7`. Two tokens of one name are two keys of one principal. */
  readonly name: string;
  readonly keyId: string;
  readonly scopes: readonly Scope[];
}

/** What is kept of a token. Plain data. */
export interface TokenRecord extends Principal {
  /** SHA-256 of the secret part, 64 lower-case hex digits. */
  readonly hash: string;
  /** What proofs are checked with. Absent: minted before there were any; such a token opens no worker link. */
  readonly proofKeys?: { readonly storedKey: string; readonly serverKey: string };
  /** The key id of the token that ends at the first use of this one. */
  readonly replaces?: string;
  readonly createdWall: number;
  /** Mandatory. */
  readonly expiresWall: number;
  readonly revokedWall?: number;
}

/** What people may see of a token: nothing that verifies it. */
export type TokenFacts = Omit<TokenRecord, 'hash' | 'proofKeys'>;

/** Default life of a token: 90 days. */
export const TOKEN_LIFE_MS = 90 * 86_400_000;
/** Longest life of a token: 400 days. */
export const TOKEN_LIFE_MAX_MS = 400 * 86_400_000;

/** The text of a token: `hf_<keyId>_<43 base64url digits>`. */
export const formatToken = (keyId: string, secret: string): string => `hf_${keyId}_${secret}`;

/** Reads a token's text. Returns undefined for anything that cannot be one. O(length), no backtracking. */
export function parseToken(text: string): { readonly keyId: string; readonly secret: string } | undefined {
  if (text.length > 128) return undefined;
  const match = /^hf_([a-z0-9]{8,32})_([A-Za-z0-9_-]{43})$/.exec(text);
  return match ? { keyId: match[1]!, secret: match[2]! } : undefined;
}

/** Whether a kept token may be used at `wall`. */
export function tokenState(record: TokenFacts, wall: WallMs | number): 'active' | 'expired' | 'revoked' {
  if (record.revokedWall !== undefined) return 'revoked';
  return wall < record.expiresWall ? 'active' : 'expired';
}

/** The record without what verifies it. */
export function tokenFacts(record: TokenRecord): TokenFacts {
  const { hash: _hash, proofKeys: _proofKeys, ...facts } = record;
  return facts;
}
