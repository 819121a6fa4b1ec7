/** BullMQ over Redis. The durability is the server's: `appendfsync always`. */
import { Queue, Worker } from 'bullmq';
import type { Peer } from './peer.ts';

const connectionOf = (url: string) => ({ host: new URL(url).hostname, port: Number(new URL(url).port), maxRetriesPerRequest: null });

export const bullmq: Peer = {
  name: 'bullmq_durable',
  server: 'redis',
  settings: 'addBulk, one Worker with concurrency 200, completed jobs kept; Redis with appendonly yes, appendfsync always',
  async prepare() {
    /* An empty Redis is an empty queue. */
  },
  async produce(url) {
    const queue = new Queue('bench', { connection: connectionOf(url) });
    await queue.waitUntilReady();
    return {
      async add(count) {
        await queue.addBulk(Array.from({ length: count }, () => ({ name: 'nothing', data: {} })));
      },
      close: () => queue.close(),
    };
  },
  async work(url, total) {
    const worker = new Worker('bench', async () => null, { connection: connectionOf(url), concurrency: 200, autorun: false });
    await worker.waitUntilReady();
    const done = Promise.withResolvers<void>();
    let count = 0;
    // Said after the job was moved to the completed ones.
    worker.on('completed', () => {
      count += 1;
      if (count === total) done.resolve();
    });
    worker.on('failed', (_job, error) => done.reject(error));
    return {
      async go() {
        void worker.run();
        await done.promise;
      },
      close: () => worker.close(),
    };
  },
};
