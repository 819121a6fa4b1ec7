/** Entry of the reader thread: named queries over a read-only connection, each in a snapshot of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { CodedError } from '@holdfast/kernel';
import { Kysely, SqliteDialect } from 'kysely';
import { openConnection } from './sqlite-file.ts';
import { encodeError, type ReaderData, type Reply, type Request } from './thread-messages.ts';

type Query = (db: Kysely<unknown>, args: unknown) => Promise<unknown>;

const port = parentPort!;
const reply = (message: Reply): void => port.postMessage(message);

try {
  const data = workerData as ReaderData;
  const queries = new Map<string, Query>();
  for (const url of data.queries) {
    const loaded = (await import(url)) as { readonly storeQueries: Readonly<Record<string, Query>> };
    for (const [name, query] of Object.entries(loaded.storeQueries)) queries.set(name, query);
  }
  const database = openConnection(data.path, { readonly: true });
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
  const answer = async (id: number, name: string, args: unknown): Promise<void> => {
    try {
      const query = queries.get(name);
      if (!query) throw new CodedError('STORE_UNKNOWN_QUERY', `find the query ${name}`, { details: { name } });
      // One transaction, so that a query of several statements sees one state.
      reply({ id, kind: 'done', value: await db.transaction().execute((tx) => query(tx, args)) });
    } catch (error) {
      reply({ id, kind: 'failed', error: encodeError(error, 'STORE_QUERY_FAILED') });
    }
  };
  let last = Promise.resolve();
  port.on('message', ({ id, body }: Request) => {
    if (id === 0) {
      void last.then(() => db.destroy()).then(() => port.close());
      return;
    }
    const { name, args } = body as { name: string; args: unknown };
    last = last.then(() => answer(id, name, args));
  });
  reply({ id: 0, kind: 'done', value: null });
} catch (error) {
  reply({ id: 0, kind: 'failed', error: encodeError(error, 'STORE_FAILED') });
  port.close();
}
