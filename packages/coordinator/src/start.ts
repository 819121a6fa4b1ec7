/** Wires the node to SQLite, WebSockets and HTTP. Decides nothing about the domain. */
import { getRequestListener } from '@hono/node-server';
import type { Scope } from '@holdfast/auth';
import { DEFAULT_COORDINATOR_OPTIONS } from '@holdfast/coordinator-core';
import { CodedError } from '@holdfast/kernel';
import type { Incarnation, WorkerId } from '@holdfast/model';
import { Hono } from 'hono';
import { addAdminRoutes, addHealthRoutes } from './http/admin-routes.ts';
import { answerProblems, type CallPorts, createRoutes, type Env } from './http/calls.ts';
import { addRunRoutes } from './http/run-routes.ts';
import { type Edge, openEdge } from './http/server.ts';
import { addStreamRoutes } from './http/stream-routes.ts';
import { prepareDataFolder, readAdminToken, removeEndpoint, writeAdminToken, writeEndpoint } from './local-files.ts';
import { createMetrics } from './metrics.ts';
import { hostNode, type NodeHost } from './node-host.ts';
import { addNodeMetrics } from './node-metrics.ts';
import { assertSecure, DEFAULT_EDGE_LIMITS, type StartCoordinatorSettings } from './options.ts';
import { openLog } from './process-log.ts';
import { createRunEvents } from './run-events.ts';
import { openRunLogs } from './run-logs.ts';
import { openStore } from './store.ts';
import { openTokens, type TokenService } from './token-service.ts';
import { createWorkerLinks, type WorkerLinks } from './worker-links.ts';

/** A coordinator that listens. */
export interface RunningCoordinator {
  /** `http://127.0.0.1:7420`. */
  readonly url: string;
  /** The token kept in `<data>/admin.token`. */
  readonly adminToken: string;
  /** A new token, in the form that clients send. */
  mintToken(scopes: readonly Scope[], name: string): Promise<string>;
  /** Tells the node that a worker's process is gone: the exit of a child that this process spawned. */
  reportDeath(worker: WorkerId, incarnation: Incarnation, reason: string): void;
  /** Stops granting and tells all workers; resolves with `drained`. */
  drain(reason: string): Promise<void>;
  /** Resolves when every worker was told, or when the coordinator was closed. */
  readonly drained: Promise<void>;
  /** Stops at once: links are closed 1012, the store is closed. Work goes on at the next start. */
  close(): Promise<void>;
  /**
   * Rejects when this process must end: another coordinator took over, or the store is in doubt.
   * The error is a `CodedError` whose `details.exitCode` is 75 or 78. Never resolves; nobody has to await it.
   */
  readonly fenced: Promise<never>;
}

/**
 * Starts a coordinator and resolves once it listens and its node runs.
 *
 * Errors, each a `CodedError` with `details.exitCode`: `LISTEN_INSECURE`, `LISTEN_IN_USE`, `LISTEN_FAILED`, `DATA_NOT_WRITABLE`,
 * and those of the store.
 */
export async function startCoordinator(settings: StartCoordinatorSettings): Promise<RunningCoordinator> {
  assertSecure(settings);
  prepareDataFolder(settings.dataFolder);
  const cleanup: (() => Promise<void> | void)[] = [];
  const closeAll = async (): Promise<void> => {
    for (let close = cleanup.pop(); close; close = cleanup.pop()) await close();
  };
  try {
    return await start(settings, cleanup, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function start(
  settings: StartCoordinatorSettings,
  cleanup: (() => Promise<void> | void)[],
  closeAll: () => Promise<void>,
): Promise<RunningCoordinator> {
  const limits = { ...DEFAULT_EDGE_LIMITS, ...settings.limits };
  const { log, close: closeLog } = openLog(settings);
  cleanup.push(closeLog);
  const store = await openStore(settings.dataFolder);
  cleanup.push(() => store.close());
  const tokens = await openTokens(store);
  const adminToken = await ensureAdminToken(tokens, settings.dataFolder);
  const events = createRunEvents();
  const logs = openRunLogs(settings.dataFolder, limits.logBytesPerAttemptMax, (error) => log.warn({ event: 'log.failed', err: error }));
  cleanup.push(() => logs.flush());
  const metrics = createMetrics();
  const watch = addNodeMetrics(metrics);

  let links: WorkerLinks;
  const host: NodeHost = hostNode(
    { id: 'main', ...DEFAULT_COORDINATOR_OPTIONS, ...settings.options },
    {
      committer: store,
      transmit: (link, text) => links.transmit(link, text),
      closeLink: (link, code, reason) => links.close(link, code, reason),
      closeAllLinks: (code, reason) => links.closeAll(code, reason),
      flushLinks: () => links.flush(),
      publish(id, event) {
        if (event.e === 'log') {
          const { e: _kind, ...chunk } = event;
          logs.append(id, chunk);
        }
        events.publish(id, event);
      },
      noted: watch.noted,
      committed: watch.committed,
      log,
    },
  );
  cleanup.push(() => host.stop());
  links = createWorkerLinks({
    tokens,
    offer: host.offer,
    isOpen: () => host.state === 'running' || host.state === 'draining',
    trusted: (socket) => edge?.strangers.trusted(socket),
    answered: watch.answered,
    log,
  });
  cleanup.push(() => links.stop());

  const app = new Hono<Env>();
  const ports: CallPorts = {
    tokens,
    host,
    limits,
    log,
    trusted: (request) => edge?.strangers.trusted(request.socket),
    answered: watch.answered,
  };
  const routes = createRoutes(app, ports);
  addHealthRoutes(app, () => host.state === 'running');
  addRunRoutes(routes, ports, store.queries);
  const streams = addStreamRoutes(routes, ports, store.queries, events, logs);
  addAdminRoutes(
    routes,
    ports,
    metrics,
    () => watch.refresh(host, { links: () => links.size, streams: () => streams.size }),
    links.mayReport,
  );
  answerProblems(app, ports);

  tokens.onRevoked((keyId) => {
    links.refuse(keyId);
    streams.cut('the token ended', keyId);
  });
  const sweep = setInterval(() => links.refuse(), EXPIRY_SWEEP_MS);
  cleanup.push(() => clearInterval(sweep));

  let edge: Edge | undefined;
  edge = await openEdge(settings, limits, {
    request: getRequestListener(app.fetch as never, { overrideGlobalObjects: false }) as never,
    upgrade: (request, socket, head) => links.upgrade(request, socket, head),
    log,
    answered: watch.answered,
  });
  const { url, close: closeEdge } = edge;
  cleanup.push(closeEdge);
  cleanup.push(() => {
    streams.cut('the coordinator restarts');
    links.closeAll(1012, 'restart');
  });
  await started(host);
  writeEndpoint(settings.dataFolder, { url, pid: process.pid });
  cleanup.push(() => removeEndpoint(settings.dataFolder));
  log.info({ event: 'coordinator.started', url, dataFolder: settings.dataFolder });

  const drained = Promise.withResolvers<void>();
  return {
    url,
    adminToken,
    mintToken: async (scopes, name) => (await tokens.mint(name, scopes)).token,
    reportDeath: (worker, incarnation, reason) => host.offer({ kind: 'deathReported', worker, incarnation, reason }),
    drain: async (reason) => {
      await host.drain(reason);
      drained.resolve();
    },
    drained: drained.promise,
    close: async () => {
      await closeAll();
      drained.resolve();
    },
    fenced: host.failed,
  };
}

/** Waits until the node has its first verdicts, so that the first request is answered and not refused. */
async function started(host: NodeHost): Promise<void> {
  const from = Date.now();
  while (host.state === 'starting') {
    if (Date.now() - from > START_WITHIN_MS)
      throw new CodedError('START_TIMED_OUT', 'start within 30 s: the store does not answer', { details: { exitCode: 75 } });
    await Promise.race([new Promise((next) => setTimeout(next, 5)), host.failed]);
  }
  if (host.state === 'failed') await host.failed;
}

/** The token in `<data>/admin.token`, made anew when it is missing or no longer valid. */
async function ensureAdminToken(tokens: TokenService, folder: string): Promise<string> {
  const kept = readAdminToken(folder);
  if (kept !== undefined && tokens.allows(kept, 'admin')) return kept;
  const { token } = await tokens.mint('local-admin', ['admin']);
  writeAdminToken(folder, token);
  return token;
}

const EXPIRY_SWEEP_MS = 500;
const START_WITHIN_MS = 30_000;
