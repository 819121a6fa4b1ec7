/** Hands a run to a coordinator, in pieces that one call may carry, and in a way that a repeat changes nothing. */
import type { Client, SubmitRun, TaskInput } from '@holdfast/client';
import type { RunId } from '@holdfast/model';

export interface SubmitOptions extends Omit<SubmitRun, 'tasks' | 'seal'> {
  readonly tasks: readonly TaskInput[];
  /** Idempotency key: the same key, the same run. */
  readonly key: string;
  /** Called as soon as the run has an id. */
  readonly accepted?: (id: RunId) => void;
  /** Asked between the pieces: true leaves the rest, and the seal, to `addRest`. Default: never. */
  readonly stopped?: () => boolean;
}

export async function submitRun(client: Client, options: SubmitOptions): Promise<RunId> {
  const { tasks, key, accepted, stopped = () => false, ...run } = options;
  const first = tasks.slice(0, TASKS_PER_CALL);
  const seal = tasks.length <= TASKS_PER_CALL;
  const { id } = await client.submit({ ...run, tasks: first, seal }, { key });
  accepted?.(id);
  if (seal) return id;
  try {
    await addRest(client, id, tasks, first.length, stopped);
  } catch (error) {
    // A run that was interrupted in the middle may refuse the piece that was under way.
    if (!stopped()) throw error;
  }
  return id;
}

/** Adds what comes after the first `have` tasks, and seals; ends early, unsealed, when `stopped`. */
export async function addRest(
  client: Client,
  id: RunId,
  tasks: readonly TaskInput[],
  have: number,
  stopped: () => boolean = () => false,
): Promise<void> {
  for (let from = have; from < tasks.length; from += TASKS_PER_CALL) {
    if (stopped()) return;
    await client.addTasks(id, tasks.slice(from, from + TASKS_PER_CALL), from);
  }
  if (!stopped()) await client.seal(id);
}

const TASKS_PER_CALL = 1000;
