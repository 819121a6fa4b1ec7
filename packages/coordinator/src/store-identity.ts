/**
 * The store's own name and how far it has come: the rows by which a store that went backwards is told from one that goes on.
 *
 * I1 Each process that opens the store is a life of it, with a random name. `generation` rises by one a mark, over all lives, and a mark leaves
 *    only after it is committed. So whoever holds a mark of a life that the store does not know, or of a known one beyond what the store
 *    knows of it, proves that the store has lost what it had confirmed. (A number alone proves nothing: an older store counts on, too.)
 * I2 The key that signs marks is made with the id and never leaves the store: a mark cannot be made up.
 * I3 Accepting an older store gives it a new id and key: marks of the history that was given up mean nothing to it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Op } from '@holdfast/committer';
import { siblingUrl, type SqliteModule } from '@holdfast/committer/sqlite';
import { sql } from 'kysely';

/** The URL of this file, for the writer's thread. */
export const STORE_IDENTITY_URL: string = siblingUrl(import.meta.url, 'store-identity');

/** A moment in the history of a store. */
export interface Moment {
  readonly id: string;
  readonly life: string;
  readonly generation: number;
}

export interface StoreIdentity extends Moment {
  /** Hex; signs marks. */
  readonly key: string;
  /** The latest generation of every life that is remembered, this one among them. Those before them had lower generations. */
  readonly lives: readonly (readonly [life: string, generation: number])[];
}

/** Raises the generation. Refused `went_backwards` when the store does not know the moment `seen`; `row` is where it is. */
export interface MarkStore extends Op {
  readonly op: 'store.mark';
  readonly life: string;
  /** Taken when the store has no identity yet, or when `accept` gives it a new one. */
  readonly fresh: { readonly id: string; readonly key: string };
  /** What was seen before at this place. */
  readonly seen?: Moment;
  /** Take the store as it is, under a new identity. */
  readonly accept?: boolean;
  /** Only look: nothing is written, so a full disk does not matter. Refused `unmarked` when there is no identity yet. */
  readonly look?: boolean;
}

/** What the writer's thread registers. */
export const storeModules: readonly SqliteModule[] = [
  {
    name: 'store',
    migrations: {
      '0001_identity': {
        up: async (db) => {
          await sql`CREATE TABLE store_identity (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, key TEXT NOT NULL) STRICT`.execute(
            db,
          );
          await sql`CREATE TABLE store_lives (life TEXT PRIMARY KEY, generation INTEGER NOT NULL UNIQUE) STRICT, WITHOUT ROWID`.execute(db);
        },
      },
    },
    open(tx) {
      const select = tx.prepare('SELECT id, key FROM store_identity');
      const replace = tx.prepare('INSERT OR REPLACE INTO store_identity VALUES (1, ?, ?)');
      const selectLives = tx.prepare('SELECT life, generation FROM store_lives ORDER BY generation DESC');
      const putLife = tx.prepare('INSERT INTO store_lives VALUES (?, ?) ON CONFLICT (life) DO UPDATE SET generation = excluded.generation');
      const forget = tx.prepare(
        'DELETE FROM store_lives WHERE generation NOT IN (SELECT generation FROM store_lives ORDER BY generation DESC LIMIT ?)',
      );
      return (given) => {
        const { life, fresh, seen, accept, look } = given as MarkStore;
        const known = select.get() as { readonly id: string; readonly key: string } | undefined;
        const lives = selectLives.all() as { readonly life: string; readonly generation: number }[];
        const last = lives[0]?.generation ?? 0;
        const pairs = lives.map((row) => [row.life, row.generation] as const);
        if (seen && accept !== true && (known?.id !== seen.id || isBeyond(seen, new Map(pairs)))) {
          return { kind: 'refused', reason: 'went_backwards', row: { generation: last } };
        }
        if (look === true)
          return known
            ? { kind: 'applied', value: { ...known, life, generation: last, lives: pairs } }
            : { kind: 'refused', reason: 'unmarked' };
        const identity = known && accept !== true ? known : fresh;
        const generation = last + 1;
        replace.run(identity.id, identity.key);
        putLife.run(life, generation);
        forget.run(LIVES_MAX);
        return {
          kind: 'applied',
          value: { ...identity, life, generation, lives: [[life, generation], ...pairs.filter(([other]) => other !== life)] },
        };
      };
    },
  },
];

/** Whether a store with these lives has lost this moment of its own. What lies before all lives that are remembered is not judged. */
export function isBeyond({ life, generation }: Moment, lives: ReadonlyMap<string, number>): boolean {
  const known = lives.get(life);
  return known === undefined ? generation >= Math.min(...lives.values()) : generation > known;
}

/** A mark as it is handed out: id, life, generation and signature. */
export const markText = (identity: StoreIdentity): string =>
  `${identity.id}.${identity.life}.${identity.generation}.${signature(identity, identity.key)}`;

/** The moment that a mark of this very store names; undefined: it is of another one, or made up. */
export function markMoment(text: string, { id, key }: Pick<StoreIdentity, 'id' | 'key'>): Moment | undefined {
  const match = /^([0-9a-f]{16})\.([0-9a-f]{16})\.(\d{1,15})\.([0-9a-f]{64})$/.exec(text);
  if (match?.[1] !== id) return undefined;
  const moment = { id, life: match[2]!, generation: Number(match[3]) };
  return timingSafeEqual(Buffer.from(signature(moment, key), 'hex'), Buffer.from(match[4]!, 'hex')) ? moment : undefined;
}

const signature = ({ id, life, generation }: Moment, key: string): string =>
  createHmac('sha256', Buffer.from(key, 'hex')).update(`holdfast store ${id} ${life} ${generation}`).digest('hex');

const LIVES_MAX = 1000;
