/** Entry of the writer thread: the one place of a process that commits. WAL checkpoints run between batches. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Op } from '../port.ts';
import { openSqliteCommitter, type SqliteModule } from './sqlite-committer.ts';
import { encodeError, type Reply, type Request, type WriterData } from './thread-messages.ts';

const port = parentPort!;
const reply = (message: Reply): void => port.postMessage(message);

try {
  const data = workerData as WriterData;
  const modules: SqliteModule[] = [];
  for (const url of data.modules) {
    const loaded = (await import(url)) as { readonly storeModules: readonly SqliteModule[] };
    modules.push(...loaded.storeModules);
  }
  const { path, bytesMax } = data;
  const committer = await openSqliteCommitter({ path, modules, ...(bytesMax === undefined ? {} : { bytesMax }) });
  port.on('message', ({ id, body }: Request) => {
    if (id === 0) {
      committer.close();
      port.close();
      return;
    }
    try {
      reply({ id, kind: 'done', value: JSON.stringify(committer.commit(JSON.parse(body as string) as Op[])) });
    } catch (error) {
      reply({ id, kind: 'failed', error: encodeError(error, 'STORE_IN_DOUBT') });
      return;
    }
    committer.maintain();
  });
  reply({ id: 0, kind: 'done', value: null });
} catch (error) {
  reply({ id: 0, kind: 'failed', error: encodeError(error, 'STORE_FAILED') });
  port.close();
}
