import type { Client, TaskInput } from '@holdfast/client';
import { runId } from '@holdfast/model';
import { expect, test } from 'vitest';
import { addRest, submitRun } from '../src/run/submit.ts';

const tasksOf = (count: number): TaskInput[] =>
  Array.from({ length: count }, (_, index) => ({ name: `t${index}`, body: { kind: 'noop' } }));

/** A coordinator that keeps what it is told, in order. */
function createKeeper(): { readonly client: Client; readonly told: string[]; readonly names: string[] } {
  const told: string[] = [];
  const names: string[] = [];
  const keep = (tasks: readonly TaskInput[]): void => void names.push(...tasks.map((task) => task.name));
  const client = {
    submit: async (run: { readonly tasks: readonly TaskInput[]; readonly seal: boolean }, { key }: { readonly key: string }) => {
      keep(run.tasks);
      told.push(`submit ${run.tasks.length} ${run.seal ? 'sealed' : 'open'} ${key}`);
      return { id: runId('r') };
    },
    addTasks: async (_id: unknown, tasks: readonly TaskInput[], from: number) => {
      keep(tasks);
      told.push(`add ${tasks.length} from ${from}`);
    },
    seal: async () => void told.push('seal'),
  };
  return { client: client as unknown as Client, told, names };
}

test.each([
  [1, ['submit 1 sealed k', 'accepted']],
  [1000, ['submit 1000 sealed k', 'accepted']],
  [1001, ['submit 1000 open k', 'accepted', 'add 1 from 1000', 'seal']],
  [2500, ['submit 1000 open k', 'accepted', 'add 1000 from 1000', 'add 500 from 2000', 'seal']],
])('%d tasks -> in pieces, in order, sealed at the end; the id is known after the first piece', async (count, expected) => {
  const { client, told, names } = createKeeper();
  const tasks = tasksOf(count);
  expect(await submitRun(client, { name: 'n', spec: {}, tasks, key: 'k', accepted: () => void told.push('accepted') })).toBe('r');
  expect(told).toEqual(expected);
  expect(names).toEqual(tasks.map((task) => task.name));
});

test.each([
  [1000, ['add 1000 from 1000', 'add 500 from 2000', 'seal']],
  [2500, ['seal']],
])('the rest after %d of 2500 -> only what is missing, then sealed', async (have, expected) => {
  const { client, told } = createKeeper();
  await addRest(client, runId('r'), tasksOf(2500), have);
  expect(told).toEqual(expected);
});

test('stopped while a piece is under way -> the rest and the seal are left out, also when that piece is refused', async () => {
  for (const refused of [false, true]) {
    const { client, told } = createKeeper();
    let isStopped = false;
    const { addTasks } = client;
    const stopping = {
      ...client,
      addTasks: async (...given: Parameters<Client['addTasks']>) => {
        isStopped = true;
        if (refused) throw new Error('the run was interrupted');
        await addTasks(...given);
      },
    };
    const options = { name: 'n', spec: {}, tasks: tasksOf(2500), key: 'k', stopped: () => isStopped };
    expect(await submitRun(stopping, options)).toBe('r');
    expect(told).toEqual(['submit 1000 open k', ...(refused ? [] : ['add 1000 from 1000'])]);
  }
});
