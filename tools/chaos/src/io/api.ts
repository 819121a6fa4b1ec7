/**
 * The HTTP API: Toxiproxy's paths, bodies, status codes and errors, so that its clients drive this proxy.
 *
 * A1 Browsers are refused, by their user agent and by `Origin`: a web page could otherwise make connections on this machine.
 * A2 Bodies are bounded; nothing that arrives can end the process.
 * Source: https://github.com/Shopify/toxiproxy, README and api.go.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { CodedError, errorText } from '@holdfast/kernel';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { refused } from '../problem.ts';
import { formatAddress, parseAddress } from './address.ts';
import { createProxies, type Proxies, type ProxiesOptions } from './proxies.ts';
import type { Proxy } from './proxy.ts';

export interface ServeChaosOptions extends ProxiesOptions {
  /** Default `127.0.0.1:8474`, Toxiproxy's; port 0: a free one. */
  readonly listen?: string;
}

export interface ChaosServer extends AsyncDisposable {
  readonly url: string;
  readonly proxies: Proxies;
  /** Stops listening and closes all proxies with their connections. */
  close(): Promise<void>;
}

/** Serves the API over an empty collection of proxies. Errors: `CHAOS_LISTEN`, `CHAOS_ADDRESS`. */
export async function serveChaos(options: ServeChaosOptions = {}): Promise<ChaosServer> {
  const { listen = '127.0.0.1:8474', ...rest } = options;
  const proxies = createProxies(rest);
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 15_000 }, getRequestListener(createApi(proxies).fetch));
  await listenOn(server, listen);
  const { address, port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await Promise.all([closed, proxies.close()]);
  };
  return { url: `http://${formatAddress({ host: address, port })}`, proxies, close, [Symbol.asyncDispose]: close };
}

function createApi(proxies: Proxies): Hono {
  const api = new Hono();
  api.use(async (context, next) => {
    const browser = context.req.header('user-agent')?.startsWith('Mozilla/') || context.req.header('origin') !== undefined;
    if (browser) return context.text('User agent not allowed\n', 403);
    return next();
  });
  api.use(bodyLimit({ maxSize: BODY_BYTES_MAX, onError: (context) => problem(context, 413, 'request body too large') }));
  addProxyRoutes(api, proxies);
  addToxicRoutes(api, proxies);
  api.post('/populate', async (context) => context.json({ proxies: (await proxies.populate(await bodyOf(context))).map(shown) }, 201));
  api.post('/reset', async (context) => {
    await proxies.reset();
    return context.body(null, 204);
  });
  api.get('/version', (context) => context.json({ version: VERSION }));
  for (const path of PATHS) api.all(path, (context) => context.body(null, 405));
  api.notFound((context) => context.text('404 page not found\n', 404));
  api.onError((error, context) => {
    const { status, error: text } = (error instanceof CodedError ? error.details : {}) as { status?: number; error?: string };
    return problem(context, status ?? 500, text ?? errorText(error));
  });
  return api;
}

function addProxyRoutes(api: Hono, proxies: Proxies): void {
  api.get('/proxies', (context) => context.json(Object.fromEntries(proxies.all().map((proxy) => [proxy.name, shown(proxy)]))));
  api.post('/proxies', async (context) => context.json(shown(await proxies.add(await bodyOf(context))), 201));
  api.get('/proxies/:proxy', (context) => context.json(shown(proxies.get(context.req.param('proxy')))));
  api.on(['POST', 'PATCH'], '/proxies/:proxy', async (context) => {
    // Who is not there is told before what is wrong with the body.
    const { name } = proxies.get(context.req.param('proxy'));
    return context.json(shown(await proxies.change(name, await bodyOf(context))));
  });
  api.delete('/proxies/:proxy', async (context) => {
    await proxies.remove(context.req.param('proxy'));
    return context.body(null, 204);
  });
}

function addToxicRoutes(api: Hono, proxies: Proxies): void {
  api.get('/proxies/:proxy/toxics', (context) => context.json(shown(proxies.get(context.req.param('proxy'))).toxics));
  api.post('/proxies/:proxy/toxics', async (context) => {
    const proxy = proxies.get(context.req.param('proxy'));
    return context.json(proxy.addToxic((await bodyOf(context)) as never));
  });
  api.get('/proxies/:proxy/toxics/:toxic', (context) =>
    context.json(proxies.get(context.req.param('proxy')).toxic(context.req.param('toxic'))),
  );
  api.on(['POST', 'PATCH'], '/proxies/:proxy/toxics/:toxic', async (context) => {
    const proxy = proxies.get(context.req.param('proxy'));
    const { name } = proxy.toxic(context.req.param('toxic'));
    return context.json(proxy.changeToxic(name, (await bodyOf(context)) as never));
  });
  api.delete('/proxies/:proxy/toxics/:toxic', (context) => {
    proxies.get(context.req.param('proxy')).removeToxic(context.req.param('toxic'));
    return context.body(null, 204);
  });
}

const shown = (proxy: Proxy): ReturnType<Proxy['describe']> => proxy.describe();

async function bodyOf(context: Context): Promise<unknown> {
  const text = await context.req.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refused('badBody', `read a body: ${errorText(error)}`, errorText(error));
  }
}

const problem = (context: Context, status: number, error: string): Response =>
  context.json({ error, status }, status as ContentfulStatusCode);

function listenOn(server: Server, listen: string): Promise<void> {
  const { host, port } = parseAddress(listen);
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new CodedError('CHAOS_LISTEN', `listen on ${listen}: ${errorText(cause)}`, { cause, retryable: true, details: { exitCode: 78 } }),
      ),
    );
    server.listen({ host, port }, resolve);
  });
}

/** The release of Toxiproxy whose API this is. */
const VERSION = '2.12.0';
const BODY_BYTES_MAX = 1024 * 1024;
const PATHS = ['/proxies', '/proxies/:proxy', '/proxies/:proxy/toxics', '/proxies/:proxy/toxics/:toxic', '/populate', '/reset', '/version'];
