/**
 * The one error type: a stable code, plain details, and whether a retry can help.
 * Messages are lower-case fragments that complete "failed to ...".
 */

/** An error that programs may tell apart by `code`. Codes are never reused; each package README lists its own. */
export class CodedError extends Error {
  /** Stable identity, "AREA_REASON". */
  readonly code: string;
  /** Whether the same call may succeed later without a change by the user. */
  readonly retryable: boolean;
  /** Plain data: the ids and numbers that the message names. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: CodedErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CodedError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

export interface CodedErrorOptions {
  /** Default false. */
  readonly retryable?: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Tells whether `error` carries `code`; works across duplicate copies of this package. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code;
}

/** The message of anything thrown, on one line. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split(/[\r\n]+/);
  return lines.length === 1
    ? text
    : lines
        .map((line) => line.trim())
        .join(' ')
        .trim();
}
