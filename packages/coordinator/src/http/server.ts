/**
 * The socket side of the HTTP API: a server with every limit set, that refuses wrong hosts, origins and methods before routing.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { CodedError, errorText } from '@holdfast/kernel';
import { type EdgeLimits, isLoopback, type StartCoordinatorSettings } from '../options.ts';
import type { Logger } from '../process-log.ts';
import { type OriginPolicy, refuseOrigin } from './origin.ts';
import { HttpProblem, problemBody, rawProblem, SAFE_HEADERS } from './problem.ts';
import { createStrangers, type Strangers } from './strangers.ts';

export interface EdgePorts {
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
  /** An upgrade from an allowed host and origin. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly log: Logger;
  readonly answered: (status: number) => void;
}

export interface Edge {
  readonly url: string;
  readonly strangers: Strangers;
  /** Stops listening and destroys what is still open. */
  close(): Promise<void>;
}

/** Listens. Errors: `LISTEN_IN_USE`, `LISTEN_FAILED` (exit code 78 in the details). */
export async function openEdge(settings: StartCoordinatorSettings, limits: EdgeLimits, ports: EdgePorts): Promise<Edge> {
  const scheme = settings.tls ? 'https' : 'http';
  const policy = originPolicy(settings, scheme);
  const strangers = createStrangers({
    max: limits.strangersMax,
    perAddressMax: limits.strangersPerAddressMax,
    graceMs: limits.strangersGraceMs,
  });
  const sockets = new Set<Duplex>();

  const options = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersWithinMs,
    // Bounded below, request by request: an upload may take as long as its rate allows.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(2000, limits.headersWithinMs),
    keepAliveTimeout: 5000,
    requireHostHeader: false,
    insecureHTTPParser: false,
  };
  const server: Server = settings.tls
    ? createSecureServer({ ...options, ...settings.tls, minVersion: 'TLSv1.2', requestCert: settings.tls.ca !== undefined })
    : createServer(options);
  server.maxConnections = limits.connectionsMax;
  server.maxHeadersCount = HEADERS_MAX;

  server.on(settings.tls ? 'secureConnection' : 'connection', (socket: Socket) => strangers.met(socket));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    boundBody(request, limits, ports);
    const refusal = refuseOrigin(request, policy) ?? refuseMethod(request);
    if (refusal === undefined) return ports.request(request, response);
    ports.answered(refusal);
    refuse(response, refusal);
  };
  server.on('request', take);
  server.on('checkContinue', (request, response) => {
    // An upload is told to go on only once it may.
    if (!isUpload(request)) response.writeContinue();
    take(request, response);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', (error) => ports.log.debug({ event: 'socket.failed', reason: errorText(error) }));
    const refusal = refuseOrigin(request, policy);
    if (refusal === undefined) return ports.upgrade(request, socket, head);
    ports.answered(refusal);
    socket.end(rawProblem(refusal, REASONS[refusal] ?? 'Refused', randomUUID()));
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    ports.answered(405);
    socket.end(rawProblem(405, 'Method Not Allowed', randomUUID()));
  });
  server.on('checkExpectation', (_request, response: ServerResponse) => refuse(response, 400));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
    const status = PARSER_STATUS[error.code ?? ''] ?? 400;
    ports.answered(status);
    socket.end(rawProblem(status, REASONS[status] ?? 'Bad Request', randomUUID()));
  });
  server.on('tlsClientError', (error) => ports.log.debug({ event: 'tls.failed', reason: errorText(error) }));

  await listen(server, settings);
  const { port } = server.address() as AddressInfo;
  return {
    url: `${scheme}://${urlHost(settings.listen.host)}:${port}`,
    strangers,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeIdleConnections();
        const cut = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, CLOSE_WITHIN_MS);
        server.once('close', () => clearTimeout(cut));
      }),
  };
}

function listen(server: Server, settings: StartCoordinatorSettings): Promise<void> {
  const { host, port } = settings.listen;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'EADDRINUSE' ? 'LISTEN_IN_USE' : 'LISTEN_FAILED';
      reject(
        new CodedError(code, `listen on ${host}:${port}: ${errorText(error)}`, { cause: error, details: { host, port, exitCode: 78 } }),
      );
    });
    server.listen({ host, port, backlog: 1024 }, resolve);
  });
}

const isUpload = (request: IncomingMessage): boolean => request.method === 'PUT' && request.url?.startsWith(UPLOAD_PATH) === true;

/** Ends a request whose body does not come in time. Uploads have a rule of their own. */
function boundBody(request: IncomingMessage, limits: EdgeLimits, ports: EdgePorts): void {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (isUpload(request) || (encoding === undefined && (length === undefined || length === '0'))) return;
  const cut = setTimeout(() => {
    ports.answered(408);
    request.socket.end(rawProblem(408, REASONS[408]!, randomUUID()), () => request.socket.destroy());
  }, limits.requestWithinMs);
  const done = (): void => clearTimeout(cut);
  request.once('end', done).once('close', done);
}

function originPolicy(settings: StartCoordinatorSettings, scheme: 'http' | 'https'): OriginPolicy {
  const hosts = new Set([settings.listen.host, ...(settings.allowedHosts ?? [])].map((host) => host.toLowerCase()));
  hosts.add('localhost');
  if (!isLoopback(settings.listen.host)) hosts.add(hostname().toLowerCase());
  return { hosts, origins: new Set(settings.allowedOrigins ?? []), scheme };
}

/** HEAD is for blobs, whose size and presence it tells. */
const refuseMethod = ({ method, url }: IncomingMessage): 405 | undefined =>
  METHODS.has(method ?? '') && (method !== 'HEAD' || url?.startsWith(UPLOAD_PATH)) ? undefined : 405;

function refuse(response: ServerResponse, status: number): void {
  const body = problemBody(new HttpProblem(status, REASONS[status] ?? 'refused'), randomUUID());
  response.writeHead(status, { ...SAFE_HEADERS, 'content-type': 'application/json', connection: 'close' });
  response.end(body);
}

/** A host as a URL writes it. A wildcard address is reached on this machine by loopback. */
const urlHost = (host: string): string => {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
};

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE']);
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
};
const PARSER_STATUS: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};
const UPLOAD_PATH = '/api/v1/blobs/';
const HEADERS_MAX = 64;
const CLOSE_WITHIN_MS = 2000;
