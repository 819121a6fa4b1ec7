/**
 * What waits in one class, by rank: single tasks, and one bucket for each concurrency key.
 *
 * Q1 Tasks that are no longer queued, and entries of a bucket that are no longer true, are passed over when they come up.
 */
import type { ConcurrencyKeys } from './concurrency-keys.ts';
import { type KeyBucket, QUEUED, type TaskEntry } from './entries.ts';
import type { TaskClass } from './fit-index.ts';
import { createHeap } from './heap.ts';

export type One = TaskClass<TaskEntry, KeyBucket>;

/** Adds a task. True: the class has a new head. */
export function putTask(task: TaskEntry, keys: ConcurrencyKeys): boolean {
  const { one, rank } = task;
  const before = one.ready.peekKey();
  const name = task.spec.concurrencyKey;
  if (name === undefined) one.ready.push(rank, task);
  else {
    const bucket = bucketOf(one, name);
    bucket.tasks.push(rank, task);
    if (bucket.listed === undefined || rank < bucket.listed) list(bucket, keys);
  }
  return one.ready.peekKey() < before;
}

/** The first task that may be placed, which stays; undefined: none. */
export function headTask(one: One, keys: ConcurrencyKeys): TaskEntry | undefined {
  for (let entry = one.ready.peek(); entry !== undefined; entry = one.ready.peek()) {
    if (!('tasks' in entry)) {
      if (entry.place === QUEUED) return entry;
      one.ready.pop();
      continue;
    }
    const isTrue = entry.listed === one.ready.peekKey();
    const first = isTrue ? firstOf(entry) : undefined;
    if (first && first.rank === entry.listed && keys.hasRoom(entry.key)) return first;
    one.ready.pop();
    if (isTrue) list(entry, keys);
  }
  return undefined;
}

/** Removes the task that `headTask` has just told. */
export function popTask(one: One, keys: ConcurrencyKeys): TaskEntry {
  const entry = one.ready.pop()!;
  if (!('tasks' in entry)) return entry;
  const task = entry.tasks.pop()!;
  list(entry, keys);
  return task;
}

/** Puts a bucket where it belongs now: nowhere, waiting for its key, or into the queue by its first task. */
export function list(bucket: KeyBucket, keys: ConcurrencyKeys): void {
  const first = firstOf(bucket);
  bucket.listed = undefined;
  if (!first) return;
  if (!keys.hasRoom(bucket.key)) return keys.wait(bucket);
  bucket.listed = first.rank;
  bucket.one.ready.push(first.rank, bucket);
}

function firstOf({ tasks }: KeyBucket): TaskEntry | undefined {
  while (tasks.size > 0 && tasks.peek()!.place !== QUEUED) tasks.pop();
  return tasks.peek();
}

function bucketOf(one: One, key: string): KeyBucket {
  const known = one.buckets.get(key);
  if (known) return known;
  const made: KeyBucket = { key, one, tasks: createHeap(), listed: undefined };
  one.buckets.set(key, made);
  return made;
}
