/** Tokens over Maps, for tests and the simulator. */
import type { StoreModule } from '@holdfast/committer';
import type { MemoryTx } from '@holdfast/committer/memory';
import type { AuthApplied, AuthOp, AuthOpName } from './ops.ts';
import type { TokenRecord } from './token.ts';

/** The ops of tokens over a memory committer. */
export const authMemory: StoreModule<MemoryTx> = {
  name: 'auth',
  open(tx) {
    const tokens = tx.table<string, TokenRecord>('auth_tokens');
    return (op) => {
      const one = op as AuthOp;
      switch (one.op) {
        case 'auth.put':
          if (tokens.has(one.record.keyId)) return { kind: 'refused', reason: 'exists' };
          tokens.set(one.record.keyId, one.record);
          return applied<'auth.put'>(null);
        case 'auth.revoke': {
          const record = tokens.get(one.keyId);
          if (!record) return { kind: 'refused', reason: 'unknown_token' };
          const revokedWall = record.revokedWall ?? one.wall;
          tokens.set(one.keyId, { ...record, revokedWall });
          return applied<'auth.revoke'>({ revokedWall });
        }
        case 'auth.list':
          return applied<'auth.list'>({ tokens: [...tokens.values()].sort(byKeyId) });
        case 'auth.prune': {
          const gone = [...tokens.values()].filter((record) => (record.revokedWall ?? record.expiresWall) < one.beforeWall);
          for (const record of gone) tokens.delete(record.keyId);
          return applied<'auth.prune'>({ removed: gone.length });
        }
        default:
          return { kind: 'refused', reason: 'unknown_op' };
      }
    };
  },
};

const applied = <Name extends AuthOpName>(value: AuthApplied<Name>) => ({ kind: 'applied', value }) as const;
const byKeyId = (a: TokenRecord, b: TokenRecord): number => (a.keyId < b.keyId ? -1 : Number(a.keyId > b.keyId));
