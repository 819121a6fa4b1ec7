/** A pool of connections as Kysely sees it: for migrations and for reading. */
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { clientConfig, type PostgresTarget } from './postgres-connection.ts';

/**
 * Opens a pool of at most `connectionsMax` connections; `destroy()` of the result closes it. Asking waits at most `waitWithinMs` for a free one
 * (default: `connectWithinMs` of the target). Whole numbers of any size that matters come as numbers.
 */
export function openPostgresPool<Schema>(target: PostgresTarget, connectionsMax: number, waitWithinMs?: number): Kysely<Schema> {
  const { pipeline: _unused, ...config } = clientConfig(target);
  const pool = new pg.Pool({
    ...config,
    max: connectionsMax,
    statement_timeout: target.statementWithinMs ?? 5000,
    ...(waitWithinMs === undefined ? {} : { connectionTimeoutMillis: waitWithinMs }),
  });
  pool.on('error', () => {
    /* ignored: an idle connection ended; the next query opens another one, or fails and says so. */
  });
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}
