/** Tokens made and verified with Node's cryptography. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Entropy } from '@holdfast/kernel';
import { nodeMac } from '@holdfast/kernel/node';
import { keysOf, type StoredKeys } from '@holdfast/protocol';
import type { Scope } from '../scope.ts';
import { formatToken, parseToken, type Principal, type TokenFacts, tokenFacts, type TokenRecord, tokenState } from '../token.ts';

/** SHA-256 of a secret, 64 lower-case hex digits. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** Compares two digests of 64 hex digits in a time that does not depend on where they differ. */
export function digestsEqual(a: string, b: string): boolean {
  const left = Buffer.from(a, 'hex');
  const right = Buffer.from(b, 'hex');
  return left.length === 32 && right.length === 32 && timingSafeEqual(left, right);
}

/** A new token: its text, shown once, and the record to keep. `replaces`: the key id that ends at its first use. */
export function mintToken(
  entropy: Entropy,
  name: string,
  scopes: readonly Scope[],
  createdWall: number,
  lifeMs: number,
  replaces?: string,
): { readonly text: string; readonly record: TokenRecord } {
  const keyId = Buffer.from(entropy.bytes(8)).toString('hex');
  const secret = Buffer.from(entropy.bytes(32)).toString('base64url');
  const { storedKey, serverKey } = keysOf(nodeMac, secret);
  const record: TokenRecord = {
    keyId,
    name,
    scopes: [...scopes],
    hash: hashSecret(secret),
    proofKeys: { storedKey, serverKey },
    createdWall,
    expiresWall: createdWall + lifeMs,
    ...(replaces === undefined ? {} : { replaces }),
  };
  return { text: formatToken(keyId, secret), record };
}

/** Why a token's text is no credential. For the audit; an outsider learns only that it was refused. */
export type TokenRefusal = 'malformed' | 'unknown' | 'wrong_secret' | 'expired' | 'revoked';

export type Verification =
  | { readonly ok: true; readonly principal: Principal; readonly expiresWall: number }
  | { readonly ok: false; readonly reason: TokenRefusal; readonly keyId?: string };

/** All tokens of a store, in memory: verification costs one hash and no query. */
export interface TokenBook {
  verify(text: string, wall: number): Verification;
  /** What a proof under this key id is checked with; undefined: there is no such active token. */
  proofKeys(keyId: string, wall: number): StoredKeys | undefined;
  put(record: TokenRecord): void;
  /** Marks a token as revoked; unknown ones are ignored. */
  revoke(keyId: string, wall: number): void;
  /** Whether a live socket of this token may stay open. */
  isActive(keyId: string, wall: number): boolean;
  find(keyId: string): TokenRecord | undefined;
  /** By creation, then key id. */
  list(): readonly TokenFacts[];
}

/** Creates a book that holds `records`. */
export function createTokenBook(records: Iterable<TokenRecord> = []): TokenBook {
  const byKeyId = new Map<string, TokenRecord>();
  for (const record of records) byKeyId.set(record.keyId, record);
  return {
    verify(text, wall) {
      const parsed = parseToken(text);
      if (!parsed) return { ok: false, reason: 'malformed' };
      const { keyId } = parsed;
      const record = byKeyId.get(keyId);
      // The hash is computed for unknown keys too: the time taken says nothing about which exist.
      const equal = digestsEqual(hashSecret(parsed.secret), record?.hash ?? NO_DIGEST);
      if (!record) return { ok: false, reason: 'unknown', keyId };
      if (!equal) return { ok: false, reason: 'wrong_secret', keyId };
      const state = tokenState(record, wall);
      if (state !== 'active') return { ok: false, reason: state, keyId };
      return { ok: true, principal: { name: record.name, keyId, scopes: record.scopes }, expiresWall: record.expiresWall };
    },
    proofKeys(keyId, wall) {
      const record = byKeyId.get(keyId);
      return record && tokenState(record, wall) === 'active' ? record.proofKeys : undefined;
    },
    put: (record) => void byKeyId.set(record.keyId, record),
    revoke(keyId, wall) {
      const record = byKeyId.get(keyId);
      if (record && record.revokedWall === undefined) byKeyId.set(keyId, { ...record, revokedWall: wall });
    },
    isActive(keyId, wall) {
      const record = byKeyId.get(keyId);
      return record !== undefined && tokenState(record, wall) === 'active';
    },
    find: (keyId) => byKeyId.get(keyId),
    list: () =>
      [...byKeyId.values()]
        .map(tokenFacts)
        .sort((a, b) => a.createdWall - b.createdWall || (a.keyId < b.keyId ? -1 : Number(a.keyId > b.keyId))),
  };
}

const NO_DIGEST = '0'.repeat(64);
