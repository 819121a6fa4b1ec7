/**
 * The process that works on the disk: opens the store as a coordinator does, commits until the power is gone, and tells what was
 * acknowledged when. Outlives the cut: only the disk dies.
 */
import type { Op, Verdict } from '@holdfast/committer';
import { openSqliteCommitter, openSqliteThread, type SqliteModule } from '@holdfast/committer/sqlite';
import { createRandom, errorText } from '@holdfast/kernel';
import { createStoreModules, SQLITE_STORE_URL } from '@holdfast/task-store/sqlite';
import type { ChildReply, ChildRequest } from './child-messages.ts';
import { createWorkload, type Workload } from './workload.ts';

let workload: Workload | undefined;

const reply = (message: ChildReply): void => void process.send!(message);

async function work({ path, seed, thread, control }: Extract<ChildRequest, { kind: 'work' }>): Promise<void> {
  const controls = control === undefined ? [] : [new URL(`./control-${control}.ts`, import.meta.url).href];
  const store = await (thread ? openSqliteThread({ path, modules: [SQLITE_STORE_URL, ...controls] }) : openHere(path, controls));
  workload = createWorkload((ops) => store.commit(ops), createRandom(seed), seed);
  reply({ kind: 'working' });
  const end = await workload.run();
  await store.close();
  reply({ kind: 'ended', acks: workload.acks, attempted: workload.attempted, why: end === undefined ? '' : errorText(end) });
}

/** What the writer's thread does, in this one: starting a thread takes longer than a cut. */
async function openHere(path: string, controls: readonly string[]): Promise<Store> {
  const { modules } = createStoreModules();
  const more: SqliteModule[] = [];
  for (const url of controls) more.push(...((await import(url)) as { storeModules: readonly SqliteModule[] }).storeModules);
  const committer = await openSqliteCommitter({ path, modules: [...modules, ...more] });
  return {
    async commit(ops) {
      await new Promise(setImmediate);
      committer.maintain();
      return committer.commit(ops);
    },
    close: () => Promise.resolve(committer.close()),
  };
}

interface Store {
  commit(ops: readonly Op[]): Promise<Verdict[]>;
  close(): Promise<void>;
}

process.on('message', (request: ChildRequest) => {
  if (request.kind === 'stop') workload?.stop();
  else work(request).catch((error: unknown) => reply({ kind: 'failed', message: errorText(error) }));
});
process.once('disconnect', () => process.exit(0));
reply({ kind: 'ready' });
