/** The rows of coordinators: who commits under which epoch, and how far it has come. */
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { numbers, texts } from './postgres-connection.ts';
import { type Collection, LOAD_ORDER } from './postgres-working-set.ts';

export interface Coordinator {
  readonly id: string;
  readonly epoch: number;
  readonly wall: number;
}

/** By id, first of all locks. `batch` is the committer's own. */
export const COORDINATORS: Collection<string, Coordinator> = {
  name: 'coordinators',
  order: LOAD_ORDER.coordinators,
  locks: { compare: (a, b) => (a < b ? -1 : Number(a > b)) },
  text: (id) => id,
  async load(db, ids) {
    const { rows } = await db.query(
      'coordinators.load',
      'SELECT id, epoch, wall FROM coordinators WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE',
      [texts(ids)],
    );
    return new Map((rows as unknown as Coordinator[]).map((row) => [row.id, row]));
  },
  write: (db, changes) => [
    db.query(
      'coordinators.write',
      `INSERT INTO coordinators (id, epoch, wall, batch) SELECT id, epoch, wall, 0 FROM unnest($1::text[], $2::int8[], $3::float8[]) AS n (id, epoch, wall)
       ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, wall = excluded.wall`,
      [texts(changes.map(({ key }) => key)), numbers(changes.map(({ now }) => now!.epoch)), numbers(changes.map(({ now }) => now!.wall))],
    ),
  ],
};

/** The committer's own schema. */
export const COORDINATOR_MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001_coordinators': {
    up: async (db) => {
      await sql
        .raw(
          'CREATE TABLE coordinators (id text PRIMARY KEY, epoch int8 NOT NULL, wall float8 NOT NULL, batch int8 NOT NULL) WITH (fillfactor = 50)',
        )
        .execute(db);
    },
  },
};
