/** Tokens over SQLite. */
import type { SqliteModule } from '@holdfast/committer/sqlite';
import { siblingUrl } from '@holdfast/committer/sqlite';
import type { AuthApplied, AuthOp, AuthOpName } from '../ops.ts';
import type { Scope } from '../scope.ts';
import type { TokenRecord } from '../token.ts';

/** The URL to give to `openSqliteThread`. */
export const authStoreUrl: string = siblingUrl(import.meta.url, 'io/sqlite');

/** The ops of tokens over a SQLite committer. */
export const authSqlite: SqliteModule = {
  name: 'auth',
  migrations: {
    '0001_tokens': {
      async up(db) {
        await db.schema
          .createTable('auth_tokens')
          .addColumn('key_id', 'text', (column) => column.primaryKey().notNull())
          .addColumn('name', 'text', (column) => column.notNull())
          .addColumn('scopes', 'text', (column) => column.notNull())
          .addColumn('hash', 'text', (column) => column.notNull())
          .addColumn('created', 'integer', (column) => column.notNull())
          .addColumn('expires', 'integer', (column) => column.notNull())
          .addColumn('revoked', 'integer')
          .execute();
      },
    },
    '0002_proofs': {
      async up(db) {
        for (const column of ['stored_key', 'server_key', 'replaces'])
          await db.schema.alterTable('auth_tokens').addColumn(column, 'text').execute();
      },
    },
  },
  open(tx) {
    const find = tx.prepare('SELECT * FROM auth_tokens WHERE key_id = ?');
    const all = tx.prepare('SELECT * FROM auth_tokens ORDER BY key_id');
    const insert = tx.prepare(
      'INSERT INTO auth_tokens (key_id, name, scopes, hash, created, expires, revoked, stored_key, server_key, replaces) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    const revoke = tx.prepare('UPDATE auth_tokens SET revoked = ? WHERE key_id = ? AND revoked IS NULL');
    const prune = tx.prepare('DELETE FROM auth_tokens WHERE coalesce(revoked, expires) < ?');
    return (op) => {
      const one = op as AuthOp;
      switch (one.op) {
        case 'auth.put': {
          const { keyId, name, scopes, hash, createdWall, expiresWall, revokedWall, proofKeys, replaces } = one.record;
          if (find.get(keyId) !== undefined) return { kind: 'refused', reason: 'exists' };
          insert.run(
            keyId,
            name,
            JSON.stringify(scopes),
            hash,
            Math.round(createdWall),
            Math.round(expiresWall),
            revokedWall ?? null,
            proofKeys?.storedKey ?? null,
            proofKeys?.serverKey ?? null,
            replaces ?? null,
          );
          return applied<'auth.put'>(null);
        }
        case 'auth.revoke': {
          revoke.run(Math.round(one.wall), one.keyId);
          const row = find.get(one.keyId) as TokenRow | undefined;
          if (!row) return { kind: 'refused', reason: 'unknown_token' };
          return applied<'auth.revoke'>({ revokedWall: row.revoked! });
        }
        case 'auth.list':
          return applied<'auth.list'>({ tokens: (all.all() as TokenRow[]).map(recordOf) });
        case 'auth.prune':
          return applied<'auth.prune'>({ removed: prune.run(Math.round(one.beforeWall)).changes });
        default:
          return { kind: 'refused', reason: 'unknown_op' };
      }
    };
  },
};

/** What a writer thread looks for. */
export const storeModules: readonly SqliteModule[] = [authSqlite];

interface TokenRow {
  readonly key_id: string;
  readonly name: string;
  readonly scopes: string;
  readonly hash: string;
  readonly created: number;
  readonly expires: number;
  readonly revoked: number | null;
  readonly stored_key: string | null;
  readonly server_key: string | null;
  readonly replaces: string | null;
}

const recordOf = (row: TokenRow): TokenRecord => ({
  keyId: row.key_id,
  name: row.name,
  scopes: JSON.parse(row.scopes) as Scope[],
  hash: row.hash,
  createdWall: row.created,
  expiresWall: row.expires,
  ...(row.revoked === null ? {} : { revokedWall: row.revoked }),
  ...(row.stored_key === null || row.server_key === null ? {} : { proofKeys: { storedKey: row.stored_key, serverKey: row.server_key } }),
  ...(row.replaces === null ? {} : { replaces: row.replaces }),
});

const applied = <Name extends AuthOpName>(value: AuthApplied<Name>) => ({ kind: 'applied', value }) as const;
