import { covers, formatToken, parseScope, parseToken, SCOPES, tokenState } from '@holdfast/auth';
import { createTokenBook, digestsEqual, hashSecret, mintToken } from '@holdfast/auth/node';
import { nodeEntropy, nodeMac } from '@holdfast/kernel/node';
import { keysOf } from '@holdfast/protocol';
import { expect, test } from 'vitest';

test('scopes: each covers itself alone, admin covers all', () => {
  for (const needed of SCOPES) {
    for (const held of SCOPES) expect(covers([held], needed), `${held} for ${needed}`).toBe(held === needed || held === 'admin');
    expect(covers([], needed)).toBe(false);
  }
  expect(parseScope('worker:register')).toBe('worker:register');
  expect(parseScope('Admin')).toBeUndefined();
});

test('tokens: text there and back; anything else -> undefined', () => {
  const secret = `${'A_-'.repeat(14)}z`;
  expect(parseToken(formatToken('0123456789abcdef', secret))).toEqual({ keyId: '0123456789abcdef', secret });
  const bad = ['', 'hf_', `hf_abc_${secret}`, `hf_ABCDEFGH_${secret}`, `xx_0123456789abcdef_${secret}`, `hf_0123456789abcdef_${secret}=`];
  for (const text of [...bad, `hf_0123456789abcdef_${secret.slice(1)}`, ' hf_0123456789abcdef_'.repeat(50)])
    expect(parseToken(text), text).toBeUndefined();
});

test('A2 tokens: active until the moment of expiry, then expired; revoked wins', () => {
  const record = { keyId: 'k', name: 'n', scopes: [], createdWall: 0, expiresWall: 100 };
  expect(tokenState(record, 99)).toBe('active');
  expect(tokenState(record, 100)).toBe('expired');
  expect(tokenState({ ...record, revokedWall: 50 }, 10)).toBe('revoked');
});

test('A1 book: verifies what was minted and says why it refuses the rest', () => {
  const { text, record } = mintToken(nodeEntropy, 'ci', ['read'], 1000, 500);
  expect(text).toMatch(/^hf_[0-9a-f]{16}_[\w-]{43}$/);
  expect(JSON.stringify(record)).not.toContain(parseToken(text)!.secret);
  const book = createTokenBook([record]);
  const { secret } = parseToken(text)!;
  const { clientKey, ...stored } = keysOf(nodeMac, secret);
  expect(book.proofKeys(record.keyId, 1400)).toEqual(stored);
  expect(JSON.stringify(record)).not.toContain(clientKey);
  expect([book.proofKeys('unknown', 1400), book.proofKeys(record.keyId, 1500)]).toEqual([undefined, undefined]);
  const other = mintToken(nodeEntropy, 'ci', ['read'], 1000, 500).text;
  const reason = (token: string, wall: number): string | undefined => {
    const verification = book.verify(token, wall);
    return verification.ok ? undefined : verification.reason;
  };
  expect(book.verify(text, 1400)).toMatchObject({ ok: true, principal: { name: 'ci', keyId: record.keyId, scopes: ['read'] } });
  expect(reason('rubbish', 1400)).toBe('malformed');
  expect(reason(other, 1400)).toBe('unknown');
  expect(reason(formatToken(record.keyId, parseToken(other)!.secret), 1400)).toBe('wrong_secret');
  expect(reason(text, 1500)).toBe('expired');
  book.revoke(record.keyId, 1450);
  expect(reason(text, 1451)).toBe('revoked');
  expect(book.isActive(record.keyId, 1451)).toBe(false);
  expect(book.list()).toEqual([
    { keyId: record.keyId, name: 'ci', scopes: ['read'], createdWall: 1000, expiresWall: 1500, revokedWall: 1450 },
  ]);
});

test('digests: equal only when all 32 bytes are; other lengths never are', () => {
  const digest = hashSecret('a');
  expect(digestsEqual(digest, hashSecret('a'))).toBe(true);
  expect(digestsEqual(digest, hashSecret('b'))).toBe(false);
  for (const short of ['', digest.slice(2), `${digest}00`, 'zz'.repeat(32)]) expect(digestsEqual(short, short), short).toBe(false);
});
