/** Hands a run to a coordinator, in pieces that one call may carry, and in a way that a repeat changes nothing. */
import type { Client, SubmitRun, TaskInput } from '@holdfast/client';
import type { RunId } from '@holdfast/model';

export interface SubmitOptions extends Omit<SubmitRun, 'tasks' | 'seal'> {
  readonly tasks: readonly TaskInput[];
  /** Idempotency key: the same key, the same run. */
  readonly key: string;
  /** Called as soon as the run has an id. */
  readonly accepted?: (id: RunId) => void;
}

export async function submitRun(client: Client, options: SubmitOptions): Promise<RunId> {
  const { tasks, key, accepted, ...run } = options;
  const first = tasks.slice(0, TASKS_PER_CALL);
  const seal = tasks.length <= TASKS_PER_CALL;
  const { id } = await client.submit({ ...run, tasks: first, seal }, { key });
  accepted?.(id);
  if (!seal) await addRest(client, id, tasks, first.length);
  return id;
}

/** Adds what comes after the first `have` tasks, and seals. */
export async function addRest(client: Client, id: RunId, tasks: readonly TaskInput[], have: number): Promise<void> {
  for (let from = have; from < tasks.length; from += TASKS_PER_CALL) {
    await client.addTasks(id, tasks.slice(from, from + TASKS_PER_CALL), from);
  }
  await client.seal(id);
}

const TASKS_PER_CALL = 1000;
