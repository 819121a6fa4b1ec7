/** pg-boss. Its own workers poll twice a second; a loop over `fetch` and `complete` in batches is faster. */
import { PgBoss } from 'pg-boss';
import type { Peer } from './peer.ts';

async function open(url: string): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  return boss;
}

const BATCH = 1000;
const POLL_MS = 2;

export const pgBoss: Peer = {
  name: 'pgboss',
  server: 'postgres',
  settings: `insert in bulk, one loop over fetch and complete with batches of ${BATCH}`,
  async prepare(url) {
    const boss = await open(url);
    await boss.createQueue('nothing');
    await boss.stop({ graceful: false });
  },
  async produce(url) {
    const boss = await open(url);
    return {
      async add(count) {
        await boss.insert(
          'nothing',
          Array.from({ length: count }, () => ({ data: {} })),
        );
      },
      close: () => boss.stop({ graceful: false }),
    };
  },
  async work(url, total) {
    const boss = await open(url);
    return {
      async go() {
        for (let done = 0; done < total;) {
          const jobs = await boss.fetch('nothing', { batchSize: BATCH });
          if (jobs.length > 0)
            await boss.complete(
              'nothing',
              jobs.map((job) => job.id),
            );
          else await new Promise((next) => setTimeout(next, POLL_MS));
          done += jobs.length;
        }
      },
      close: () => boss.stop({ graceful: false }),
    };
  },
};
