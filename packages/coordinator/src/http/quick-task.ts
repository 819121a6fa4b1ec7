/**
 * A guard for tasks, which come by the thousand in one call: it answers what the schema of a task would.
 *
 * Q1 What it answers is what the schema answers. Whatever it does not know is left to the schema, which also words the problem.
 */
import { DEFAULT_POLICY, type TaskPolicy, type TaskSpec } from '@holdfast/model';
import { isQuickBody } from '@holdfast/protocol';

type Fields = Readonly<Record<string, unknown>>;

/** The task, its policy filled up; undefined: ask the schema. */
export function quickTask(value: unknown): TaskSpec | undefined {
  if (!isFields(value)) return undefined;
  const { name, body, policy, predictedMs = 0 } = value;
  if (typeof name !== 'string' || name === '' || name.length > NAME_MAX || !isQuickBody(body) || charactersOf(body) > CHARACTERS_MAX)
    return undefined;
  if (typeof predictedMs !== 'number' || !(predictedMs >= 0 && predictedMs <= DAY_MS)) return undefined;
  let known = 2;
  if ('predictedMs' in value) known += 1;
  if ('policy' in value) {
    if (!isQuickPolicy(policy)) return undefined;
    known += 1;
  }
  if (Object.keys(value).length !== known) return undefined;
  return {
    name,
    body: body as TaskSpec['body'],
    predictedMs,
    policy: { ...DEFAULT_POLICY, ...(policy as Partial<TaskPolicy> | undefined) },
  };
}

function isQuickPolicy(value: unknown): boolean {
  if (!isFields(value)) return false;
  for (const [name, given] of Object.entries(value)) {
    const range = RANGES[name];
    if (range ? !(Number.isInteger(given) && (given as number) >= range[0] && (given as number) <= range[1]) : !isOnDisconnect(name, given))
      return false;
  }
  return true;
}

const isOnDisconnect = (name: string, given: unknown): boolean =>
  name === 'onDisconnect' && (given === 'replace' || given === 'hedge' || given === 'wait');

/** Of all texts inside; a long one is left to the schema, which counts bytes. */
function charactersOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  let sum = 0;
  for (const item of Object.values(value)) sum += charactersOf(item);
  return sum;
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const NAME_MAX = 512;
/** Each takes six bytes of JSON at most: far within what a task may have. */
const CHARACTERS_MAX = 8000;
const DAY_MS = 86_400_000;
/** Of the schema of policies. */
const RANGES: Readonly<Record<string, readonly [number, number] | undefined>> = {
  priority: [0, 9],
  timeoutMs: [0, DAY_MS],
  graceMs: [0, 600_000],
  retries: [0, 20],
  retryDelayMs: [0, DAY_MS],
  maxLost: [1, 20],
};
