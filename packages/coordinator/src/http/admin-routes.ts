/** Routes of operators: health, metrics, status, workers and tokens. */
import { covers, type Principal } from '@holdfast/auth';
import { incarnation, workerId } from '@holdfast/model';
import type { Metrics } from '../metrics.ts';
import { answer, type App, askNode, type Call, type CallPorts, readBody, type Routes, unwrap } from './calls.ts';
import { HttpProblem, SAFE_HEADERS } from './problem.ts';
import { bodySchemas } from './schemas.ts';

/** Adds `/livez` and `/readyz`, open to everybody and without detail but one: a store that is not durable says so. */
export function addHealthRoutes(app: App, isReady: () => boolean, notDurable: boolean): void {
  const plain = (text: string, status: number): Response =>
    new Response(`${text}\n`, { status, headers: { ...SAFE_HEADERS, 'content-type': 'text/plain; charset=utf-8' } });
  app.get('/livez', () => plain('ok', 200));
  app.get('/readyz', () => (isReady() ? plain(notDurable ? 'ok, NOT DURABLE' : 'ok', 200) : plain('not ready', 503)));
}

/** Adds `/metrics`, `/api/v1/status`, `/api/v1/workers/...` and `/api/v1/tokens...`. */
export function addAdminRoutes(
  routes: Routes,
  ports: CallPorts,
  metrics: Metrics,
  refresh: () => Promise<void>,
  mayReport: (principal: Principal, worker: string) => boolean,
): void {
  const schemas = bodySchemas(ports.limits.tasksPerCallMax);

  routes.on('GET', '/metrics', 'diag:read', async () => {
    await refresh();
    return new Response(metrics.text(), {
      headers: { ...SAFE_HEADERS, 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' },
    });
  });
  routes.on('GET', '/api/v1/status', 'read', (call) => askNode(call, ports.host, { kind: 'status' }));

  routes.on('POST', '/api/v1/workers/death', 'worker:register', async (call) => {
    const death = await readBody(call, schemas.death, ports.limits);
    if (!mayReport(call.principal, death.worker)) throw new HttpProblem(403, 'the worker was registered by another principal');
    ports.host.offer({
      kind: 'deathReported',
      worker: workerId(death.worker),
      incarnation: incarnation(death.incarnation),
      reason: death.reason,
      ...(death.kept === undefined ? {} : { kept: death.kept }),
      ...(covers(call.principal.scopes, 'admin') ? {} : { principal: call.principal.name }),
    });
    return answer({ accepted: true }, 202);
  });
  routes.on('POST', '/api/v1/workers/:id/drain', 'cancel', async (call) => {
    await readBody(call, schemas.nothing, ports.limits);
    const id = call.context.req.param('id') ?? '';
    return answer(unwrap(await ports.host.ask(call.principal.name, { kind: 'drainWorker', worker: workerId(id) })));
  });

  routes.on('GET', '/api/v1/tokens', 'admin', () => answer({ tokens: ports.tokens.list() }));
  routes.on('POST', '/api/v1/tokens', 'admin', async (call) => {
    const { name, scopes, lifeMs } = await readBody(call, schemas.mint, ports.limits);
    const minted = await ports.tokens.mint(name, scopes, lifeMs);
    audit(ports, call, 'token.minted', minted.facts.keyId);
    return answer(minted, 201);
  });
  routes.on('POST', '/api/v1/tokens/:id/rotate', 'admin', async (call) => {
    await readBody(call, schemas.nothing, ports.limits);
    const minted = await ports.tokens.rotate(call.context.req.param('id') ?? '');
    if (!minted) throw new HttpProblem(404, 'no such active token');
    audit(ports, call, 'token.rotated', minted.facts.keyId);
    return answer(minted, 201);
  });
  routes.on('DELETE', '/api/v1/tokens/:id', 'admin', async (call) => {
    const keyId = call.context.req.param('id') ?? '';
    if (!(await ports.tokens.revoke(keyId))) throw new HttpProblem(404, 'no such token');
    audit(ports, call, 'token.revoked', keyId);
    return answer({ revoked: keyId });
  });
}

const audit = (ports: CallPorts, call: Call, event: string, keyId: string): void =>
  ports.log.info({ event, keyId, principal: call.principal.name, by: call.principal.keyId });
