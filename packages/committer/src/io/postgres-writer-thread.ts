/** Entry of the writer thread over PostgreSQL: the one place of a process that commits. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Op } from '../port.ts';
import { openPostgresCommitter, type PostgresModule } from './postgres-committer.ts';
import type { PostgresThreadOptions } from './postgres.ts';
import { encodeError, type Reply, type Request } from './thread-messages.ts';

const port = parentPort!;
const reply = (message: Reply): void => port.postMessage(message);

try {
  const { modules: urls, ...options } = workerData as PostgresThreadOptions;
  const modules: PostgresModule[] = [];
  for (const url of urls) {
    const loaded = (await import(url)) as { readonly storeModules: readonly PostgresModule[] };
    modules.push(...loaded.storeModules);
  }
  const committer = await openPostgresCommitter({ ...options, modules, trouble: (value) => reply({ id: 0, kind: 'notice', value }) });
  port.on('message', ({ id, body }: Request) => {
    if (id === 0) {
      void committer.close().then(() => port.close());
      return;
    }
    committer.commit(JSON.parse(body as string) as Op[]).then(
      (verdicts) => reply({ id, kind: 'done', value: JSON.stringify(verdicts) }),
      (error: unknown) => reply({ id, kind: 'failed', error: encodeError(error, 'STORE_IN_DOUBT') }),
    );
  });
  reply({ id: 0, kind: 'done', value: null });
} catch (error) {
  reply({ id: 0, kind: 'failed', error: encodeError(error, 'STORE_FAILED') });
  port.close();
}
