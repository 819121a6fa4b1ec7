/** Refusals of the HTTP API, as JSON: `{ error: { code, message, path?, requestId } }`. */

/** A refusal. Thrown by handlers, answered by the app. Never carries what an outsider must not learn. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly path: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    message: string,
    more: { readonly code?: string; readonly path?: string; readonly retryAfterSeconds?: number } = {},
  ) {
    super(message);
    this.name = 'HttpProblem';
    this.status = status;
    this.code = more.code ?? CODES[status] ?? 'error';
    this.path = more.path;
    this.retryAfterSeconds = more.retryAfterSeconds;
  }
}

/** Code of each status when a handler names none. */
const CODES: Readonly<Record<number, string>> = {
  400: 'bad_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  409: 'conflict',
  411: 'length_required',
  413: 'too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  416: 'range_not_satisfiable',
  421: 'misdirected',
  422: 'invalid_spec',
  426: 'upgrade_required',
  429: 'rate_limited',
  431: 'headers_too_large',
  500: 'internal',
  503: 'not_ready',
  507: 'storage_full',
};

/** The body of a refusal. */
export const problemBody = (problem: HttpProblem, requestId: string): string =>
  `${JSON.stringify({
    error: { code: problem.code, message: problem.message, ...(problem.path === undefined ? {} : { path: problem.path }), requestId },
  })}\n`;

/** Headers of every answer: nothing is cached, framed, sniffed or shared across origins. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** A refusal as raw bytes, for sockets that have no response object (upgrade, parser errors). */
export function rawProblem(status: number, reason: string, requestId: string, headers: Readonly<Record<string, string>> = {}): string {
  const body = problemBody(new HttpProblem(status, reason), requestId);
  const all: Record<string, string> = {
    ...SAFE_HEADERS,
    ...headers,
    connection: 'close',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}
