/** All routes of the HTTP API, over the services and the node. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { NodeHost } from '../node-host.ts';
import type { Services } from '../services.ts';
import type { WorkerLinks } from '../worker-links.ts';
import { addAdminRoutes, addHealthRoutes } from './admin-routes.ts';
import { answerProblems, type CallPorts, createRoutes, type Env } from './calls.ts';
import { addBlobRoutes } from './blob-routes.ts';
import { addRunRoutes } from './run-routes.ts';
import { addStreamRoutes, type Streams } from './stream-routes.ts';

/** The routes as one listener, and the streams that are open. */
export interface HttpApp {
  readonly listener: (request: IncomingMessage, response: ServerResponse) => void;
  readonly streams: Streams;
}

/** Builds the API. `trusted` hears of connections that showed a valid token. */
export function createApp(services: Services, host: NodeHost, links: WorkerLinks, trusted: CallPorts['trusted']): HttpApp {
  const { tokens, limits, log, store, events, logs, blobs, metrics, watch } = services;
  const app = new Hono<Env>();
  const ports: CallPorts = { tokens, host, limits, log, trusted, answered: watch.answered };
  const routes = createRoutes(app, ports);
  addHealthRoutes(app, () => host.state === 'running', services.notDurable);
  addRunRoutes(routes, ports, store.queries);
  addBlobRoutes(routes, ports, store.queries, blobs);
  const streams = addStreamRoutes(routes, ports, store.queries, events, logs);
  const sizes = { links: () => links.size, streams: () => streams.size, logsDropped: () => logs.dropped };
  addAdminRoutes(routes, ports, metrics, () => watch.refresh(host, sizes), links.mayReport);
  answerProblems(app, ports);
  // Hono's own types of a listener speak of HTTP/2 as well; this server never does.
  return { listener: getRequestListener(app.fetch as never, { overrideGlobalObjects: false }) as HttpApp['listener'], streams };
}
