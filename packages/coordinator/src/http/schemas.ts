/** What clients may send, checked once, at the edge. */
import { SCOPES, TOKEN_LIFE_MAX_MS, TOKEN_LIFE_MS } from '@holdfast/auth';
import { DEFAULT_POLICY, type Fingerprint, type Json, type RunSpec, type TaskSpec } from '@holdfast/model';
import { coordinatorMessage, fingerprintSchema, messageProblem, runSpec, taskBody, taskPolicy } from '@holdfast/protocol';
import { z } from 'zod';
import { quickTask } from './quick-task.ts';

const TASK_BYTES_MAX = 65_536;
const SPEC_BYTES_MAX = 131_072;
const ENV_NAMES_MAX = 128;
const ENV_BYTES_MAX = 32_768;
const DEPENDENCIES_MAX = 256;

const ordinal = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value) ?? '').byteLength;
const smallEnv = (env: Readonly<Record<string, string>> | undefined): boolean =>
  env === undefined || (Object.keys(env).length <= ENV_NAMES_MAX && bytesOf(env) <= ENV_BYTES_MAX);
const namesAreVariables = (env: Readonly<Record<string, string>> | undefined): boolean =>
  env === undefined || Object.keys(env).every((name) => /^[^=\0]+$/.test(name));

const wireProblem = (message: Readonly<Record<string, unknown>> & { readonly t: string }): string | undefined =>
  messageProblem(message, coordinatorMessage);
const leaseOf = (task: { readonly name: string; readonly body: unknown }): unknown => ({
  n: 1,
  epoch: 1,
  name: task.name,
  body: task.body,
  timeoutMs: 0,
  graceMs: 0,
  onDisconnect: 'hedge',
});

/** A task, its policy filled up with the defaults. */
export const taskSpec = z
  .strictObject({
    name: z.string().min(1).max(512),
    body: taskBody,
    policy: taskPolicy.partial().optional(),
    predictedMs: z.number().min(0).max(86_400_000).default(0),
    after: z.array(ordinal).max(DEPENDENCIES_MAX).optional(),
  })
  .refine((task) => bytesOf(task) <= TASK_BYTES_MAX, { error: `larger than ${TASK_BYTES_MAX} bytes` })
  .refine((task) => task.body.kind !== 'command' || smallEnv(task.body.env), {
    path: ['body', 'env'],
    error: `more than ${ENV_NAMES_MAX} variables or ${ENV_BYTES_MAX} bytes`,
  })
  .refine((task) => task.body.kind !== 'command' || namesAreVariables(task.body.env), {
    path: ['body', 'env'],
    error: 'a name that cannot be a variable',
  })
  // Whatever is let in here can be sent to a worker: depth, widths and lengths are those of the wire.
  .refine((task) => wireProblem({ t: 'assign', run: 1, leases: [leaseOf(task)] }) === undefined, {
    error: 'deeper or wider than a message may be',
  })
  .transform((task): TaskSpec => ({ ...task, policy: { ...DEFAULT_POLICY, ...task.policy } }) as TaskSpec);

const runSpecChecked = runSpec
  .refine((spec) => smallEnv(spec.env), { path: ['env'], error: `more than ${ENV_NAMES_MAX} variables or ${ENV_BYTES_MAX} bytes` })
  .refine((spec) => namesAreVariables(spec.env), { path: ['env'], error: 'a name that cannot be a variable' })
  .refine((spec) => bytesOf(spec) <= SPEC_BYTES_MAX, { error: `larger than ${SPEC_BYTES_MAX} bytes` })
  .refine((spec) => wireProblem({ t: 'run', run: 1, id: 'r', spec }) === undefined, { error: 'deeper or wider than a message may be' })
  .transform((spec) => spec as RunSpec);

/**
 * Checks a body that lists tasks: those for which there is a guard need not pass the schema one by one.
 * The first one always does, so that whatever is wrong with the list itself is found by the schema.
 */
export function checkWithTasks<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  tasksMax: number,
): z.ZodSafeParseResult<z.output<Schema>> {
  const given = (value as { tasks?: unknown } | null | undefined)?.tasks;
  const rest = Array.isArray(given) && given.length <= tasksMax ? given.slice(1).map(quickTask) : [];
  if (rest.length === 0 || rest.includes(undefined)) return schema.safeParse(value);
  const checked = schema.safeParse({ ...(value as object), tasks: (given as unknown[]).slice(0, 1) });
  if (!checked.success) return checked;
  const data = checked.data as { readonly tasks: readonly TaskSpec[] };
  return { success: true, data: { ...data, tasks: [...data.tasks, ...rest] } as z.output<Schema> };
}

/** The bodies of a coordinator that takes at most `tasksMax` tasks a call. */
export const bodySchemas = (tasksMax: number) => ({
  submit: z.strictObject({
    name: z.string().min(1).max(512),
    spec: runSpecChecked.default({}),
    fingerprint: fingerprintSchema.transform((print) => print as Fingerprint).optional(),
    client: z
      .json()
      .refine((client) => bytesOf(client) <= TASK_BYTES_MAX, { error: `larger than ${TASK_BYTES_MAX} bytes` })
      .transform((client) => client as Json)
      .optional(),
    tasks: z.array(taskSpec).max(tasksMax).default([]),
    seal: z.boolean().default(false),
  }),
  addTasks: z.strictObject({ expect: z.int().min(0).optional(), tasks: z.array(taskSpec).min(1).max(tasksMax) }),
  nothing: z.strictObject({}).optional(),
  death: z.strictObject({
    worker: z.string().min(1).max(128),
    incarnation: z.string().min(1).max(128),
    // A reaper knows only that it is gone.
    reason: z.string().max(512).default('its process died'),
    /** Leases whose results the dead worker has left on its disk. */
    kept: z
      .array(z.object({ run: z.int().min(1), n: z.int().min(1), epoch: z.int().min(1) }))
      .max(4096)
      .optional(),
  }),
  mint: z.strictObject({
    name: z.string().regex(/^[\w.@:-]{1,64}$/),
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
    lifeMs: z.int().min(1000).max(TOKEN_LIFE_MAX_MS).default(TOKEN_LIFE_MS),
  }),
});

/**
 * The first task whose dependencies cannot be met, as (path, message): unknown ones, itself, or a cycle, which is named.
 * `base`: number of tasks there were before. O(tasks + dependencies).
 */
export function dependencyProblem(
  tasks: readonly TaskSpec[],
  base: number,
): { readonly path: string; readonly message: string } | undefined {
  const last = base + tasks.length;
  for (const [index, task] of tasks.entries()) {
    for (const n of task.after ?? []) {
      if (n > last) return { path: `tasks.${index}.after`, message: `task ${base + index + 1} waits for task ${n}, which does not exist` };
    }
  }
  const state = new Map<number, 'open' | 'done'>();
  for (let start = base + 1; start <= last; start += 1) {
    const path: { readonly n: number; next: number }[] = state.has(start) ? [] : [{ n: start, next: 0 }];
    while (path.length > 0) {
      const top = path.at(-1)!;
      state.set(top.n, 'open');
      const dependency = tasks[top.n - base - 1]?.after?.[top.next];
      top.next += 1;
      if (dependency === undefined) {
        state.set(top.n, 'done');
        path.pop();
      } else if (state.get(dependency) === 'open') {
        const cycle = path.map((entry) => entry.n).slice(path.findIndex((entry) => entry.n === dependency));
        return {
          path: `tasks.${dependency - base - 1}.after`,
          message: `tasks wait for each other: ${[...cycle, dependency].join(' -> ')}`,
        };
      } else if (dependency > base && !state.has(dependency)) path.push({ n: dependency, next: 0 });
    }
  }
  return undefined;
}
