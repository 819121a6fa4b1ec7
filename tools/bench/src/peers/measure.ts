/** One peer, once: adds and drain together, as fast as the better of two orders lets it. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { owned } from '../cleanup.ts';
import type { DatabaseServer } from './database-servers.ts';
import type { Peer } from './peer.ts';

/** Tasks a second from the first call that adds until all are recorded as done: working while they are added, or after that. */
export async function measurePeer(peer: Peer, server: DatabaseServer, size: number): Promise<number> {
  const together = await once(peer, server, size, true);
  const inTurn = await once(peer, server, size, false);
  return Math.max(together, inTurn);
}

async function once(peer: Peer, server: DatabaseServer, size: number, together: boolean): Promise<number> {
  const url = await server.fresh();
  await peer.prepare(url);
  const extension = import.meta.filename.endsWith('.ts') ? '../peer-worker.ts' : 'peer-worker.js';
  const child = owned(fork(join(import.meta.dirname, extension), [peer.name, url, String(size)]));
  const heard = (word: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const listen = (message: unknown): void => {
        if (message !== word) return;
        child.off('message', listen);
        resolve();
      };
      child.on('message', listen);
      child.once('exit', (code) => reject(new Error(`${peer.name}: its worker ended with ${code} before it was ${word}`)));
    });
  await heard('ready');
  const producer = await peer.produce(url);
  const done = heard('done');
  done.catch(() => {
    /* ignored: it is awaited below, whatever fails first. */
  });
  const from = performance.now();
  if (together) child.send('go');
  for (let have = 0; have < size; have += PER_CALL) await producer.add(Math.min(PER_CALL, size - have));
  if (!together) child.send('go');
  await done;
  const ms = performance.now() - from;
  await producer.close();
  child.kill('SIGKILL');
  return (size * 1000) / ms;
}

const PER_CALL = 1000;
