import { type AuthOp, tokenFacts, type TokenRecord } from '@holdfast/auth';
import { authMemory } from '@holdfast/auth/memory';
import { authSqlite } from '@holdfast/auth/sqlite';
import type { Committer } from '@holdfast/committer';
import { createMemoryCommitter } from '@holdfast/committer/memory';
import { openSqliteCommitter } from '@holdfast/committer/sqlite';
import { expect, test } from 'vitest';

const adapters: readonly (readonly [string, () => Committer | Promise<Committer>])[] = [
  ['memory', () => createMemoryCommitter([authMemory])],
  ['sqlite', () => openSqliteCommitter({ path: ':memory:', modules: [authSqlite] })],
];
const record = (keyId: string, more: Partial<TokenRecord> = {}): TokenRecord => ({
  keyId,
  name: 'ci',
  scopes: ['submit', 'read'],
  hash: 'a'.repeat(64),
  createdWall: 1000,
  expiresWall: 5000,
  ...more,
});

for (const [name, open] of adapters) {
  const run = async (ops: readonly AuthOp[]) => {
    const committer = await open();
    const verdicts = ops.map((op) => committer.commit([op])[0]);
    committer.close();
    return verdicts;
  };

  test(`auth ${name}: put and list -> the same records, by key id`, async () => {
    const proofKeys = { storedKey: 'b'.repeat(64), serverKey: 'c'.repeat(64) };
    const records = [record('k2', { proofKeys, replaces: 'k1' }), record('k1', { revokedWall: 2000 })];
    const verdicts = await run([...records.map((one) => ({ op: 'auth.put', record: one }) as const), { op: 'auth.list' }]);
    expect(verdicts.at(-1)).toEqual({ kind: 'applied', value: { tokens: [records[1], records[0]] } });
  });

  test(`auth ${name}: put the same key id again -> refused, the first stays`, async () => {
    const verdicts = await run([
      { op: 'auth.put', record: record('k1') },
      { op: 'auth.put', record: record('k1', { scopes: ['admin'] }) },
      { op: 'auth.list' },
    ]);
    expect(verdicts[1]).toMatchObject({ kind: 'refused', reason: 'exists' });
    expect(verdicts[2]).toEqual({ kind: 'applied', value: { tokens: [record('k1')] } });
  });

  test(`auth ${name}: revoke twice -> applied, the first moment stays; an unknown one -> refused`, async () => {
    const verdicts = await run([
      { op: 'auth.put', record: record('k1') },
      { op: 'auth.revoke', keyId: 'k1', wall: 2000 },
      { op: 'auth.revoke', keyId: 'k1', wall: 3000 },
      { op: 'auth.revoke', keyId: 'k2', wall: 3000 },
      { op: 'auth.list' },
    ]);
    expect(verdicts.slice(1)).toEqual([
      { kind: 'applied', value: { revokedWall: 2000 } },
      { kind: 'applied', value: { revokedWall: 2000 } },
      { kind: 'refused', reason: 'unknown_token' },
      { kind: 'applied', value: { tokens: [record('k1', { revokedWall: 2000 })] } },
    ]);
  });

  test(`auth ${name}: prune -> forgets what ended before, by the earlier of revocation and expiry`, async () => {
    const verdicts = await run([
      { op: 'auth.put', record: record('ended', { expiresWall: 3999 }) },
      { op: 'auth.put', record: record('live') },
      { op: 'auth.put', record: record('revoked', { revokedWall: 2000 }) },
      { op: 'auth.prune', beforeWall: 4000 },
      { op: 'auth.list' },
    ]);
    expect(verdicts.slice(3)).toEqual([
      { kind: 'applied', value: { removed: 2 } },
      { kind: 'applied', value: { tokens: [record('live')] } },
    ]);
  });
}

test('auth: facts of a token -> all but its hash', () => {
  expect(tokenFacts(record('k1'))).toEqual({ keyId: 'k1', name: 'ci', scopes: ['submit', 'read'], createdWall: 1000, expiresWall: 5000 });
});
