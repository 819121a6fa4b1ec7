/** The rows of coordinators: who commits under which epoch, and how far it has come. */
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { setTimeout as pause } from 'node:timers/promises';
import { numbers, type PostgresQueries, texts } from './postgres-connection.ts';
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

/**
 * Raises the epoch of `id` and returns it: whoever committed under it before is fenced. With `standbyMs` only once its row stood still for
 * so long by this process's own clock.
 */
export async function beginLife(db: PostgresQueries, id: string, standbyMs?: number): Promise<number> {
  const raised = standbyMs === undefined ? undefined : await raiseWhenSilent(db, id, standbyMs);
  if (raised !== undefined) return raised;
  const { rows } = await db.query('coordinator.begin', BEGIN_LIFE, [id, Date.now()]);
  return rows[0]!['epoch'] as number;
}

/** The raise is conditional on what was seen: one that beats again in that instant goes on. Undefined: there is no such coordinator. */
async function raiseWhenSilent(db: PostgresQueries, id: string, standbyMs: number): Promise<number | undefined> {
  let seen: { readonly epoch: unknown; readonly batch: unknown } | undefined;
  let since = performance.now();
  for (;;) {
    const { rows } = await db.query('coordinator.look', LOOK, [id]);
    const row = rows[0];
    if (!row) return undefined;
    if (!seen || row['epoch'] !== seen.epoch || row['batch'] !== seen.batch) {
      seen = { epoch: row['epoch'], batch: row['batch'] };
      since = performance.now();
    } else if (performance.now() - since >= standbyMs) {
      const raised = await db.query('coordinator.raise', RAISE, [id, seen.epoch, seen.batch, Date.now()]);
      if (raised.rows[0]) return raised.rows[0]['epoch'] as number;
    }
    await pause(Math.min(LOOK_EVERY_MS, standbyMs / 4));
  }
}

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

const BEGIN_LIFE = `INSERT INTO coordinators (id, epoch, wall, batch) VALUES ($1, 1, $2, 0)
  ON CONFLICT (id) DO UPDATE SET epoch = coordinators.epoch + 1, wall = excluded.wall, batch = 0 RETURNING epoch`;
/** How far a coordinator has come. */
export const LOOK = 'SELECT epoch, batch FROM coordinators WHERE id = $1';
const RAISE = 'UPDATE coordinators SET epoch = epoch + 1, batch = 0, wall = $4 WHERE id = $1 AND epoch = $2 AND batch = $3 RETURNING epoch';
const LOOK_EVERY_MS = 1000;
