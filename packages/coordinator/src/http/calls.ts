/** One request to the API: its authentication, its body, its answer. Everything a route needs, and nothing of sockets. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { covers, type Principal, type Scope } from '@holdfast/auth';
import type { ClientReply, ClientRequest } from '@holdfast/coordinator-core';
import { hasCode } from '@holdfast/kernel';
import { type Json, type RunId, runId } from '@holdfast/model';
import type { Context, Hono } from 'hono';
import type { z } from 'zod';
import type { NodeHost } from '../node-host.ts';
import type { EdgeLimits } from '../options.ts';
import type { Logger } from '../process-log.ts';
import { logRefusal, type TokenService } from '../token-service.ts';
import { parseJson } from './json.ts';
import { HttpProblem, problemBody, SAFE_HEADERS } from './problem.ts';

/** Node's own objects behind a request. */
export interface Bindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}
export type Env = { Bindings: Bindings };
export type App = Hono<Env>;

export interface CallPorts {
  readonly tokens: TokenService;
  readonly host: NodeHost;
  readonly limits: EdgeLimits;
  readonly log: Logger;
  /** The connection carried a valid token. */
  readonly trusted: (request: IncomingMessage) => void;
  readonly answered: (status: number) => void;
}

/** An authenticated request. */
export interface Call {
  readonly context: Context<Env>;
  readonly principal: Principal;
}

export interface Routes {
  /** A route for holders of `scope`, or of one of several. */
  on(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    scope: Scope | readonly Scope[],
    handler: (call: Call) => Promise<Response> | Response,
  ): void;
}

/** Adds authenticated routes to `app`. */
export function createRoutes(app: App, ports: CallPorts): Routes {
  return {
    on(method, path, scope, handler) {
      app.on(method, path, async (context) => {
        const principal = authenticate(context, ports);
        const scopes = typeof scope === 'string' ? [scope] : scope;
        if (!scopes.some((one) => covers(principal.scopes, one))) {
          throw new HttpProblem(403, `the token lacks the scope ${scopes.join(' or ')}`);
        }
        return handler({ context, principal });
      });
    },
  };
}

function authenticate(context: Context<Env>, ports: CallPorts): Principal {
  const { incoming } = context.env;
  const outcome = ports.tokens.authenticate(incoming.headers.authorization, incoming.socket.remoteAddress ?? '');
  if (outcome.ok) {
    ports.trusted(incoming);
    return outcome.principal;
  }
  logRefusal(ports.log, outcome, incoming.socket.remoteAddress);
  if (outcome.retryAfter > 0)
    throw new HttpProblem(429, 'too many failed attempts', { retryAfterSeconds: Math.ceil(outcome.retryAfter / 1000) });
  throw new HttpProblem(401, 'a valid token is required');
}

/** The checked body. Errors: 411, 413, 415, 400 when it is not JSON within limits, 422 with the path of the field. */
export async function readBody<Schema extends z.ZodType>(
  call: Call,
  schema: Schema,
  limits: EdgeLimits,
  check: (schema: Schema, value: unknown) => z.ZodSafeParseResult<z.output<Schema>> = (given, value) => given.safeParse(value),
): Promise<z.output<Schema>> {
  const text = await readText(call, limits.bodyBytesMax);
  let value: unknown;
  if (text !== '') {
    const type = call.context.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
    if (type !== 'application/json') throw new HttpProblem(415, 'the body must be application/json');
    const parsed = parseJson(text);
    if (!parsed.ok) throw new HttpProblem(400, parsed.problem);
    value = parsed.value;
  }
  const checked = check(schema, value);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0]!;
  throw new HttpProblem(422, issue.message, { path: issue.path.join('.') });
}

async function readText(call: Call, bytesMax: number): Promise<string> {
  const declared = Number(call.context.req.header('content-length') ?? 0);
  if (declared > bytesMax) throw new HttpProblem(413, `the body is larger than ${bytesMax} bytes`);
  const body = call.context.req.raw.body;
  if (!body) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > bytesMax) break;
      chunks.push(chunk);
    }
  } catch {
    throw new HttpProblem(400, 'the body ended early');
  }
  if (size > bytesMax) throw new HttpProblem(413, `the body is larger than ${bytesMax} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new HttpProblem(400, 'the body is not UTF-8');
  }
}

/** The run id in the path. Anything that cannot be one is 404, like one that is not there. */
export function pathRun(call: Call): RunId {
  const text = call.context.req.param('id') ?? '';
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(text)) throw new HttpProblem(404, 'no such run');
  return runId(text);
}

/** The task's number in the path. */
export function pathTask(call: Call): number {
  const text = call.context.req.param('n') ?? '';
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new HttpProblem(404, 'no such task');
  return Number(text);
}

/** An integer of the query string. Errors: 400. Above `max` it is `max`. */
export function queryInteger(
  call: Call,
  name: string,
  range: { readonly min: number; readonly max: number; readonly default: number },
): number {
  const text = call.context.req.query(name);
  if (text === undefined) return range.default;
  if (!/^\d{1,15}$/.test(text) || Number(text) < range.min) throw new HttpProblem(400, `${name} must be an integer from ${range.min}`);
  return Math.min(Number(text), range.max);
}

/** Asks the node and answers with its value, or its refusal. */
export async function askNode(call: Call, host: NodeHost, request: ClientRequest, status: 200 | 201 = 200): Promise<Response> {
  return answer(unwrap(await host.ask(call.principal.name, request)), status);
}

/** The value of a reply. Errors: the refusal. */
export function unwrap(reply: ClientReply): Json {
  if (reply.ok) return reply.value;
  throw new HttpProblem(reply.status, reply.message, {
    code: reply.code,
    ...(RETRY_LATER.has(reply.status) ? { retryAfterSeconds: 1 } : {}),
  });
}

/** A JSON answer. */
export function answer(value: unknown, status = 200): Response {
  return new Response(`${JSON.stringify(value)}\n`, { status, headers: { ...SAFE_HEADERS, 'content-type': 'application/json' } });
}

/** Makes every throw an answer: a refusal as it is, anything else as a 500 that says nothing but its request id. */
export function answerProblems(app: App, ports: CallPorts): void {
  app.onError((error) => {
    const requestId = randomUUID();
    const problem = error instanceof HttpProblem ? error : (storeProblem(error) ?? new HttpProblem(500, 'internal error'));
    if (problem.status === 500) ports.log.error({ event: 'http.failed', requestId, err: error }, 'a request failed');
    ports.answered(problem.status);
    return new Response(problemBody(problem, requestId), {
      status: problem.status,
      headers: {
        ...SAFE_HEADERS,
        'content-type': 'application/json',
        ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
        ...(problem.retryAfterSeconds === undefined ? {} : { 'retry-after': String(problem.retryAfterSeconds) }),
        // What is left of a body that was refused is not read.
        ...(problem.status === 408 || problem.status === 413 || problem.status === 415 ? { connection: 'close' } : {}),
      },
    });
  });
  app.notFound((context) => {
    const path = new URL(context.req.url).pathname;
    const elsewhere = METHODS.filter((method) => app.router.match(method, path)[0].length > 0);
    if (elsewhere.length > 0) throw new HttpProblem(405, `use ${elsewhere.join(' or ')}`);
    throw new HttpProblem(404, 'no such resource');
  });
}

/** What a reader of the store refuses for a while only. */
function storeProblem(error: unknown): HttpProblem | undefined {
  if (hasCode(error, 'STORE_BUSY')) return new HttpProblem(429, 'too many queries wait for the database', { retryAfterSeconds: 1 });
  if (hasCode(error, 'STORE_UNREACHABLE')) return new HttpProblem(503, 'the database does not answer', { retryAfterSeconds: 1 });
  return undefined;
}

const RETRY_LATER: ReadonlySet<number> = new Set([429, 503, 507]);
const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const;
