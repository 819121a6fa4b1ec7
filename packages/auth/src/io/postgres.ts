/** Tokens over PostgreSQL: the decisions of the memory module, over one list of rows that is loaded and locked as a whole. */
import { type Collection, LOAD_ORDER, numbers, type PostgresModule, siblingUrl, texts } from '@holdfast/committer/postgres';
import type { MemoryTable, MemoryTx } from '@holdfast/committer/memory';
import { authMemory } from '../memory.ts';
import type { Scope } from '../scope.ts';
import type { TokenRecord } from '../token.ts';

/** The URL to give to `openPostgresThread`. */
export const authPostgresUrl: string = siblingUrl(import.meta.url, 'io/postgres');

/** The ops of tokens over a PostgreSQL committer. */
export const authPostgres: PostgresModule = {
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
          .addColumn('created', 'double precision', (column) => column.notNull())
          .addColumn('expires', 'double precision', (column) => column.notNull())
          .addColumn('revoked', 'double precision')
          .execute();
      },
    },
  },
  hint: (_op, needs) => needs.add(TOKENS, 'all'),
  open(tx) {
    const all = (): ReadonlyMap<string, TokenRecord> => tx.get(TOKENS, 'all')!;
    const change = (edit: (next: Map<string, TokenRecord>) => void): void => {
      const next = new Map(all());
      edit(next);
      tx.set(TOKENS, 'all', next);
    };
    const table: MemoryTable<string, TokenRecord> = {
      get: (key) => all().get(key),
      has: (key) => all().has(key),
      set: (key, row) => change((next) => next.set(key, row)),
      delete(key) {
        const there = all().has(key);
        if (there) change((next) => next.delete(key));
        return there;
      },
      values: () => all().values() as IterableIterator<TokenRecord>,
      entries: () => all().entries() as IterableIterator<[string, TokenRecord]>,
      get size() {
        return all().size;
      },
    };
    return authMemory.open({ table: () => table, undo: () => {} } as unknown as MemoryTx);
  },
};

/** What a writer thread looks for. */
export const storeModules: readonly PostgresModule[] = [authPostgres];

const TOKENS: Collection<'all', ReadonlyMap<string, TokenRecord>> = {
  name: 'tokens',
  order: LOAD_ORDER.numbers,
  text: (key) => key,
  async load(db) {
    const { rows } = await db.query('tokens.load', 'SELECT * FROM auth_tokens ORDER BY key_id FOR NO KEY UPDATE');
    return new Map([['all', new Map((rows as unknown as TokenRow[]).map((row) => [row.key_id, recordOf(row)]))]]);
  },
  write(db, [change]) {
    const { before, now } = change!;
    const put = [...now!.values()].filter((row) => before!.get(row.keyId) !== row);
    const gone = [...before!.keys()].filter((key) => !now!.has(key));
    const sent: Promise<unknown>[] = [];
    if (gone.length > 0) sent.push(db.query('tokens.delete', 'DELETE FROM auth_tokens WHERE key_id = ANY($1::text[])', [texts(gone)]));
    if (put.length > 0) {
      sent.push(
        db.query('tokens.write', WRITE, [
          texts(put.map((row) => row.keyId)),
          texts(put.map((row) => row.name)),
          texts(put.map((row) => JSON.stringify(row.scopes))),
          texts(put.map((row) => row.hash)),
          numbers(put.map((row) => row.createdWall)),
          numbers(put.map((row) => row.expiresWall)),
          numbers(put.map((row) => row.revokedWall ?? null)),
        ]),
      );
    }
    return sent;
  },
};

interface TokenRow {
  readonly key_id: string;
  readonly name: string;
  readonly scopes: string;
  readonly hash: string;
  readonly created: number;
  readonly expires: number;
  readonly revoked: number | null;
}

const recordOf = (row: TokenRow): TokenRecord => ({
  keyId: row.key_id,
  name: row.name,
  scopes: JSON.parse(row.scopes) as Scope[],
  hash: row.hash,
  createdWall: row.created,
  expiresWall: row.expires,
  ...(row.revoked === null ? {} : { revokedWall: row.revoked }),
});

const WRITE = `INSERT INTO auth_tokens SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::float8[])
  ON CONFLICT (key_id) DO UPDATE SET revoked = coalesce(auth_tokens.revoked, excluded.revoked)`;
