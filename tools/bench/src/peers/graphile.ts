/** graphile-worker, with and without its local queue. It deletes what is done: done is what is not there any more. */
import { Logger, makeWorkerUtils, run, type Runner } from 'graphile-worker';
import pg from 'pg';
import type { Peer } from './peer.ts';

const quiet = new Logger(() => () => {});
const preset = (url: string, localQueue: boolean) => ({
  worker: {
    connectionString: url,
    concurrentJobs: CONCURRENCY,
    maxPoolSize: CONCURRENCY + 1,
    pollInterval: 100,
    preparedStatements: true,
    logger: quiet,
    ...(localQueue ? { localQueue: { size: LOCAL_QUEUE }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } : {}),
  },
});

const graphile = (name: string, localQueue: boolean): Peer => ({
  name,
  server: 'postgres',
  settings: `addJobs, one runner with ${CONCURRENCY} concurrent jobs${localQueue ? `, a local queue of ${LOCAL_QUEUE}, and completions in batches` : ''}`,
  async prepare(url) {
    const utils = await makeWorkerUtils({ connectionString: url, logger: quiet });
    await utils.migrate();
    await utils.release();
  },
  async produce(url) {
    const utils = await makeWorkerUtils({ connectionString: url, logger: quiet });
    return {
      async add(count) {
        await utils.addJobs(Array.from({ length: count }, () => ({ identifier: 'nothing', payload: {} })));
      },
      close: async () => void (await utils.release()),
    };
  },
  async work(url, total) {
    const client = new pg.Client(url);
    await client.connect();
    let runner: Runner | undefined;
    let count = 0;
    return {
      async go() {
        const taskList = { nothing: async () => void (count += 1) };
        runner = await run({ preset: preset(url, localQueue), taskList, noHandleSignals: true });
        for (;;) {
          await new Promise((next) => setTimeout(next, POLL_MS));
          if (count < total) continue;
          const { rows } = await client.query('SELECT EXISTS (SELECT FROM graphile_worker._private_jobs) AS open');
          if (rows[0].open === false) return;
        }
      },
      async close() {
        await runner?.stop();
        await client.end();
      },
    };
  },
});

/** Its documentation's figures for a busy queue. */
const CONCURRENCY = 24;
const LOCAL_QUEUE = 500;
const POLL_MS = 10;

export const graphileLocalQueue: Peer = graphile('graphile_local_queue', true);
export const graphilePlain: Peer = graphile('graphile', false);
