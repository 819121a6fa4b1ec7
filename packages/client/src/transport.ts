/**
 * One HTTP exchange with a coordinator, and the rules of asking again.
 *
 * C1 What could not be delivered, and what is refused for now (429, 503, 507), is asked again with backoff, at most `attemptsMax` times.
 * C2 401 and 403 are final: asking again cannot help, and would look like guessing. So is a certificate that is not trusted.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { CodedError, errorText } from '@holdfast/kernel';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pRetry from 'p-retry';

export interface TransportOptions {
  /** `http://127.0.0.1:7420`, without path. */
  readonly url: string;
  readonly token: string;
  /** PEM text of the authority that signed the coordinator's certificate; default: the system's. */
  readonly ca?: string;
  /** PEM texts of this side's certificate, where the coordinator asks for one. */
  readonly cert?: string;
  readonly key?: string;
  /** Times that one call is tried. Default 6, some 6 s in all. */
  readonly attemptsMax?: number;
  /** Milliseconds between two tries at most. Default 2,000. */
  readonly pauseMaxMs?: number;
  /** Milliseconds of silence after which one try is given up. Default 30,000. */
  readonly silenceMaxMs?: number;
}

export interface Exchange {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Bytes instead of a body; `source` is opened anew at each try, once the coordinator has said that it wants them. */
  readonly upload?: Upload;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Upload {
  readonly size: number;
  readonly source: () => AsyncIterable<Uint8Array>;
}

export interface Transport {
  /** The answer's text, retried by C1. Errors: `COORDINATOR_UNREACHABLE`, `AUTH_REFUSED`, `API_REFUSED`. */
  call(exchange: Exchange): Promise<string>;
  /** The open answer, retried by C1 until it begins. How long it may be silent is the reader's business. Errors as `call`. */
  open(exchange: Exchange): Promise<IncomingMessage>;
  /** The open answer, tried once. Errors as `call`. */
  openOnce(exchange: Exchange): Promise<IncomingMessage>;
  /** Calls under way reject: nothing is asked again. */
  close(): void;
}

/** Creates a transport; nothing is sent before the first call. Errors: `CLIENT_BAD_URL`. */
export function createTransport(options: TransportOptions): Transport {
  const base = parseUrl(options.url);
  const secure = base.protocol === 'https:';
  const agentOptions = { keepAlive: true, maxSockets: 16, keepAliveMsecs: 1000, timeout: options.silenceMaxMs ?? SILENCE_MAX_MS };
  const { ca, cert, key } = options;
  const tls = { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
  const agent = secure ? new SecureAgent({ ...agentOptions, ...tls }) : new Agent(agentOptions);

  const closing = new AbortController();
  const send = (exchange: Exchange): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const body = exchange.body === undefined ? undefined : Buffer.from(JSON.stringify(exchange.body));
      const sent: ClientRequest = (secure ? secureRequest : plainRequest)(
        new URL(exchange.path, base),
        {
          agent,
          method: exchange.method,
          headers: {
            authorization: `Bearer ${options.token}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.byteLength }),
            ...(exchange.upload ? { expect: '100-continue', 'content-length': exchange.upload.size } : {}),
            ...exchange.headers,
          },
          ...(exchange.signal === undefined ? {} : { signal: exchange.signal }),
        },
        resolve,
      );
      sent.setTimeout(options.silenceMaxMs ?? SILENCE_MAX_MS, () => sent.destroy(new Error('no answer in time')));
      sent.on('error', (error) => reject(exchange.signal?.aborted ? exchange.signal.reason : unreachable(options.url, error)));
      if (exchange.upload) sendWhenWanted(sent, exchange.upload, reject);
      else sent.end(body);
    });

  const open = async (exchange: Exchange): Promise<IncomingMessage> => {
    const response = await send(exchange);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw refusal(status, await readAll(response), exchange, response.headers['retry-after']);
  };

  const openStream = async (exchange: Exchange): Promise<IncomingMessage> => {
    const response = await open(exchange);
    // The limit of one try is no limit of an answer that stays open.
    response.socket.setTimeout(0);
    return response;
  };

  const retried = <Value>(exchange: Exchange, attempt: () => Promise<Value>): Promise<Value> =>
    pRetry(attempt, {
      retries: (options.attemptsMax ?? ATTEMPTS_MAX) - 1,
      minTimeout: 250,
      maxTimeout: options.pauseMaxMs ?? PAUSE_MAX_MS,
      randomize: true,
      signal: exchange.signal === undefined ? closing.signal : AbortSignal.any([exchange.signal, closing.signal]),
      shouldRetry: ({ error }) => isRetryable(error),
    });

  const readOnce = async (exchange: Exchange): Promise<string> => {
    const response = await open(exchange);
    try {
      return await readAll(response);
    } catch (error) {
      throw unreachable(options.url, error);
    }
  };

  return {
    call: (exchange) => retried(exchange, () => readOnce(exchange)),
    open: (exchange) => retried(exchange, () => openStream(exchange)),
    openOnce: openStream,
    close() {
      closing.abort(unreachable(options.url, new Error('the client was closed')));
      agent.destroy();
    },
  };
}

/** Whether asking again may help. */
export const isRetryable = (error: unknown): boolean => error instanceof CodedError && error.retryable;

/** Sends bytes once the other side says so, or says nothing for a while: something between may not know of it. An answer comes instead of leave. */
function sendWhenWanted(sent: ClientRequest, upload: Upload, failed: (error: unknown) => void): void {
  let begun = false;
  const begin = (): void => {
    clearTimeout(silence);
    if (begun) return;
    begun = true;
    pipeline(Readable.from(upload.source(), { objectMode: false }), sent).catch((error: unknown) => {
      // Its own source failed; what the socket has to say comes by its own event.
      if (sent.errored === null) failed(error);
    });
  };
  const silence = setTimeout(begin, CONTINUE_WITHIN_MS);
  sent.once('continue', begin);
  sent.once('response', () => {
    clearTimeout(silence);
    if (begun) return;
    begun = true;
    // Announced bytes that never come: the connection serves nothing else.
    sent.destroy();
  });
  sent.once('close', () => clearTimeout(silence));
  sent.flushHeaders();
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).byteLength;
    if (size > ANSWER_BYTES_MAX) throw new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new CodedError('CLIENT_BAD_URL', `read the coordinator's URL: ${text}`, { details: { url: text } });
}

const unreachable = (url: string, cause: unknown): CodedError =>
  new CodedError('COORDINATOR_UNREACHABLE', `reach the coordinator at ${url}: ${causeText(cause)}`, {
    retryable: !CERTIFICATE_REFUSED.test(String((cause as { code?: unknown }).code)),
    cause,
    details: { url, exitCode: 69 },
  });

/** An AggregateError (several addresses tried) has no message of its own. */
const causeText = (cause: unknown): string => errorText(cause) || ((cause as { code?: string }).code ?? 'no answer');

function refusal(status: number, text: string, exchange: Exchange, retryAfter: string | undefined): CodedError {
  const { code, message, path, requestId } = problemOf(text);
  const what = `${exchange.method} ${exchange.path.split('?', 1)[0]}`;
  const details = { status, code, path, requestId, ...(retryAfter === undefined ? {} : { retryAfterSeconds: Number(retryAfter) }) };
  if (status === 401 || status === 403) return new CodedError('AUTH_REFUSED', `${what}: ${message}`, { details });
  return new CodedError('API_REFUSED', `${what}: ${path === undefined ? '' : `${path}: `}${message}`, {
    retryable: status === 408 || status === 429 || status === 503 || status === 507,
    details,
  });
}

interface Problem {
  readonly code: string;
  readonly message: string;
  readonly path?: string;
  readonly requestId?: string;
}

function problemOf(text: string): Problem {
  try {
    const { error } = JSON.parse(text) as { error?: Partial<Problem> };
    if (typeof error?.code === 'string' && typeof error.message === 'string') return error as Problem;
  } catch {
    /* ignored: something between us and the coordinator answered; its text is of no use. */
  }
  return { code: 'unknown', message: 'refused without a reason' };
}

/** Codes of Node's TLS for a certificate that is not trusted, out of date or of another host. */
const CERTIFICATE_REFUSED = /CERT|UNABLE_TO_VERIFY|SELF_SIGNED/;
const ATTEMPTS_MAX = 6;
const PAUSE_MAX_MS = 2000;
const CONTINUE_WITHIN_MS = 1000;
const SILENCE_MAX_MS = 30_000;
const ANSWER_BYTES_MAX = 268_435_456;
