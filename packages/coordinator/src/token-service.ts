/**
 * The life of tokens: minted, verified from memory, rotated, revoked; durable before anybody holds them.
 *
 * T1 A token's text leaves only after its record is committed.
 * T2 Whoever may be holding a socket for a token hears of its end at once.
 * T3 A rotated token ends when its successor is first used, or when it expires.
 */
import {
  type AuthApplied,
  type AuthOp,
  createFailureLimiter,
  type Principal,
  type Scope,
  type TokenFacts,
  tokenFacts,
  TOKEN_LIFE_MS,
} from '@holdfast/auth';
import { createTokenBook, mintToken, type TokenBook } from '@holdfast/auth/node';
import type { AsyncCommitter } from '@holdfast/committer';
import { CodedError, type DurationMs } from '@holdfast/kernel';
import { nodeClock, nodeEntropy } from '@holdfast/kernel/node';
import type { StoredKeys } from '@holdfast/protocol';
import type { Logger } from './process-log.ts';

export type Authentication =
  | { readonly ok: true; readonly principal: Principal }
  /** `retryAfter` above 0: too many failures, answer 429. */
  | { readonly ok: false; readonly reason: string; readonly retryAfter: DurationMs };

export interface TokenService {
  /** Verifies `Authorization: Bearer <token>`. Failures of an address or on a key id are slowed down; a right token never is. */
  authenticate(header: string | undefined, address: string): Authentication;
  mint(name: string, scopes: readonly Scope[], lifeMs?: number): Promise<{ readonly token: string; readonly facts: TokenFacts }>;
  /** What proofs under `keyId` are checked with; undefined: no such active token. */
  proofKeys(keyId: string): StoredKeys | undefined;
  /** A proof under `keyId` was right: whose it was. */
  proven(keyId: string): Principal | undefined;
  /** A proof was wrong. Above 0: too many of that address or key id. */
  proofFailed(keyId: string | undefined, address: string): DurationMs;
  /** A new token of the same name and scopes; the old one ends at the first use of the new one (T3). Undefined: no such active token. */
  rotate(keyId: string): Promise<{ readonly token: string; readonly facts: TokenFacts } | undefined>;
  /** False: no such token. */
  revoke(keyId: string): Promise<boolean>;
  isActive(keyId: string): boolean;
  /** Whether `text` is a valid token with `scope`. */
  allows(text: string, scope: Scope): boolean;
  list(): readonly TokenFacts[];
  /** Calls `listener` with the key id of every token that was revoked. */
  onRevoked(listener: (keyId: string) => void): void;
}

/** Loads all tokens through `committer`. */
export async function openTokens(committer: Pick<AsyncCommitter, 'commit'>): Promise<TokenService> {
  const commit = async <Op extends AuthOp>(op: Op): Promise<AuthApplied<Op['op']> | undefined> => {
    const [verdict] = await committer.commit([op]);
    return verdict?.kind === 'applied' ? (verdict.value as AuthApplied<Op['op']>) : undefined;
  };
  await commit({ op: 'auth.prune', beforeWall: nodeClock.wall() - PRUNE_AFTER_MS });
  const listed = await commit({ op: 'auth.list' });
  const book: TokenBook = createTokenBook(listed?.tokens ?? []);
  const limiter = createFailureLimiter();
  const listeners: ((keyId: string) => void)[] = [];
  const retiring = new Set<string>();

  const mint = async (
    name: string,
    scopes: readonly Scope[],
    lifeMs: number = TOKEN_LIFE_MS,
    replaces?: string,
  ): ReturnType<TokenService['mint']> => {
    const { text, record } = mintToken(nodeEntropy, name, scopes, nodeClock.wall(), lifeMs, replaces);
    if ((await commit({ op: 'auth.put', record })) === undefined)
      throw new CodedError('TOKEN_EXISTS', `mint a token for ${name}: its key id is taken`);
    book.put(record);
    return { token: text, facts: tokenFacts(record) };
  };

  const revoke = async (keyId: string): Promise<boolean> => {
    const wall = nodeClock.wall();
    if ((await commit({ op: 'auth.revoke', keyId, wall })) === undefined) return false;
    book.revoke(keyId, wall);
    for (const listener of listeners) listener(keyId);
    return true;
  };
  /** T3. A commit that fails leaves the predecessor valid; the next use tries again. */
  const used = (keyId: string): void => {
    const former = book.find(keyId)?.replaces;
    if (former === undefined || retiring.has(former) || !book.isActive(former, nodeClock.wall())) return;
    retiring.add(former);
    void revoke(former)
      .catch(() => {
        /* ignored: the store's own failure ends this process; a full disk does not. */
      })
      .finally(() => retiring.delete(former));
  };

  return {
    proofKeys: (keyId) => book.proofKeys(keyId, nodeClock.wall()),
    proven(keyId) {
      const record = book.find(keyId);
      if (!record) return undefined;
      used(keyId);
      return { name: record.name, keyId, scopes: record.scopes };
    },
    proofFailed: (keyId, address) => limiter.failed(address, keyId, nodeClock.mono()),
    authenticate(header, address) {
      const text = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(header ?? '')?.[1];
      const verification = text === undefined ? ({ ok: false, reason: 'malformed' } as const) : book.verify(text, nodeClock.wall());
      if (verification.ok) {
        used(verification.principal.keyId);
        return { ok: true, principal: verification.principal };
      }
      // A request without any credential is no attempt to guess one.
      const retryAfter =
        header === undefined
          ? (0 as DurationMs)
          : limiter.failed(address, 'keyId' in verification ? verification.keyId : undefined, nodeClock.mono());
      return { ok: false, reason: header === undefined ? 'missing' : verification.reason, retryAfter };
    },
    mint: (name, scopes, lifeMs) => mint(name, scopes, lifeMs),
    async rotate(keyId) {
      const old = book.find(keyId);
      if (!old || !book.isActive(keyId, nodeClock.wall())) return undefined;
      return mint(old.name, old.scopes, old.expiresWall - old.createdWall, keyId);
    },
    revoke,
    isActive: (keyId) => book.isActive(keyId, nodeClock.wall()),
    allows(text, scope) {
      const verification = book.verify(text, nodeClock.wall());
      return verification.ok && (verification.principal.scopes.includes(scope) || verification.principal.scopes.includes('admin'));
    },
    list: () => book.list(),
    onRevoked: (listener) => void listeners.push(listener),
  };
}

/** Logs a refused authentication: those that are answered 429 as `debug` only, so that guessing does not fill the disk. */
export function logRefusal(log: Logger, refusal: Extract<Authentication, { ok: false }>, address: string | undefined): void {
  const level = refusal.reason === 'missing' || refusal.retryAfter > 0 ? 'debug' : 'warn';
  log[level]({ event: 'auth.refused', reason: refusal.reason, address }, 'a request without a valid token');
}

/** Tokens that ended so long ago are forgotten at start. */
const PRUNE_AFTER_MS = 30 * 86_400_000;
