/** Routes of runs and tasks. */
import { createHash } from 'node:crypto';
import type { ClientRequest } from '@holdfast/coordinator-core';
import { nodeEntropy } from '@holdfast/kernel/node';
import { type RunId, runId, TASK_TRANSITIONS, type TaskState } from '@holdfast/model';
import type { RunDetail } from '@holdfast/client';
import type { Queries } from '../queries.ts';
import { answer, askNode, type Call, type CallPorts, pathRun, pathTask, queryInteger, readBody, type Routes, unwrap } from './calls.ts';
import { HttpProblem } from './problem.ts';
import type { z } from 'zod';
import { bodySchemas, checkWithTasks, dependencyProblem } from './schemas.ts';

/** Adds `/api/v1/runs` and all below it but the streams. */
export function addRunRoutes(routes: Routes, ports: CallPorts, queries: Queries): void {
  const { tasksPerCallMax } = ports.limits;
  const schemas = bodySchemas(tasksPerCallMax);
  const check = <Schema extends z.ZodType>(schema: Schema, value: unknown) => checkWithTasks(schema, value, tasksPerCallMax);

  routes.on('POST', '/api/v1/runs', 'submit', async (call) => {
    const key = idempotencyKey(call);
    const body = await readBody(call, schemas.submit, ports.limits, check);
    refuseProblem(dependencyProblem(body.tasks, 0));
    const request: ClientRequest = {
      kind: 'submit',
      id: freshRunId(),
      name: body.name,
      spec: body.spec,
      tasks: body.tasks,
      seal: body.seal,
      ...(body.fingerprint === undefined ? {} : { fingerprint: body.fingerprint }),
      ...(body.client === undefined ? {} : { client: body.client }),
      ...(key === undefined ? {} : { key, keyHash: createHash('sha256').update(canonical(body)).digest('hex') }),
    };
    const value = unwrap(await ports.host.ask(call.principal.name, request)) as { readonly existing?: boolean };
    return answer(value, value.existing === true ? 200 : 201);
  });

  routes.on('GET', '/api/v1/runs', 'read', async (call) => {
    const before = call.context.req.query('before');
    return answer({ runs: await queries.runs(queryInteger(call, 'limit', PAGE), before === undefined ? undefined : runId(before)) });
  });
  routes.on('GET', '/api/v1/runs/:id', 'read', async (call) => answer(await findRun(queries, pathRun(call))));

  routes.on('POST', '/api/v1/runs/:id/tasks', 'submit', async (call) => {
    const id = pathRun(call);
    const body = await readBody(call, schemas.addTasks, ports.limits, check);
    const waits = body.tasks.some((task) => (task.after?.length ?? 0) > 0);
    if (waits && body.expect === undefined) throw new HttpProblem(422, 'tasks that wait for others need `expect`', { path: 'expect' });
    if (waits) refuseProblem(dependencyProblem(body.tasks, body.expect ?? 0));
    return askNode(call, ports.host, {
      kind: 'addTasks',
      id,
      tasks: body.tasks,
      ...(body.expect === undefined ? {} : { expect: body.expect }),
    });
  });

  const verb = (name: string, scope: 'submit' | 'cancel', request: (id: RunId) => ClientRequest): void =>
    routes.on('POST', `/api/v1/runs/:id/${name}`, scope, async (call) => {
      await readBody(call, schemas.nothing, ports.limits);
      return askNode(call, ports.host, request(pathRun(call)));
    });
  verb('seal', 'submit', (id) => ({ kind: 'seal', id }));
  verb('cancel', 'cancel', (id) => ({ kind: 'cancelRun', id }));
  verb('interrupt', 'cancel', (id) => ({ kind: 'interruptRun', id }));
  verb('resume', 'cancel', (id) => ({ kind: 'resumeRun', id }));

  const taskVerb = (name: string, request: (id: RunId, n: number) => ClientRequest): void =>
    routes.on('POST', `/api/v1/runs/:id/tasks/:n/${name}`, 'cancel', async (call) => {
      await readBody(call, schemas.nothing, ports.limits);
      return askNode(call, ports.host, request(pathRun(call), pathTask(call)));
    });
  taskVerb('cancel', (id, n) => ({ kind: 'cancelTask', id, n }));
  taskVerb('pause', (id, n) => ({ kind: 'pauseTask', id, n, paused: true }));
  taskVerb('unpause', (id, n) => ({ kind: 'pauseTask', id, n, paused: false }));

  routes.on('GET', '/api/v1/runs/:id/tasks', 'read', async (call) => {
    const run = await findRun(queries, pathRun(call));
    const state = call.context.req.query('state');
    if (state !== undefined && !Object.hasOwn(TASK_TRANSITIONS, state)) throw new HttpProblem(400, 'no such state');
    const after = queryInteger(call, 'after', CURSOR);
    return answer({ tasks: await queries.tasks(run.id, after, queryInteger(call, 'limit', PAGE), state as TaskState | undefined) });
  });
  routes.on('GET', '/api/v1/runs/:id/tasks/:n', 'read', async (call) => {
    const task = await queries.task(pathRun(call), pathTask(call));
    if (!task) throw new HttpProblem(404, 'no such task');
    return answer(task);
  });
  routes.on('GET', '/api/v1/runs/:id/results', 'read', async (call) => {
    const run = await findRun(queries, pathRun(call));
    return answer(await queries.results(run.id, queryInteger(call, 'after', CURSOR), queryInteger(call, 'limit', PAGE)));
  });
}

/** The run. Errors: 404. */
export async function findRun(queries: Queries, id: RunId): Promise<RunDetail> {
  const run = await queries.run(id);
  if (!run) throw new HttpProblem(404, 'no such run');
  return run;
}

function idempotencyKey(call: Call): string | undefined {
  const key = call.context.req.header('idempotency-key');
  if (key !== undefined && !/^[\x21-\x7e]{1,128}$/.test(key)) {
    throw new HttpProblem(422, 'an idempotency key has 1 to 128 printable characters', { path: 'idempotency-key' });
  }
  return key;
}

function refuseProblem(problem: ReturnType<typeof dependencyProblem>): void {
  if (problem) throw new HttpProblem(422, problem.message, { path: problem.path });
}

/** 128 random bits in lower-case base32. */
function freshRunId(): RunId {
  let text = '';
  for (const byte of nodeEntropy.bytes(26)) text += BASE32[byte % 32]!;
  return runId(text);
}

/** The same text for the same value, whatever the order of its keys. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`)
    .join(',')}}`;
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const PAGE = { min: 1, max: 1000, default: 100 };
const CURSOR = { min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 };
