/** What the store's threads say to their owner and back. */
import { CodedError, errorText } from '@holdfast/kernel';

export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly details: string;
}

export interface WriterData {
  readonly path: string;
  /** URLs of modules that export `storeModules`. */
  readonly modules: readonly string[];
  readonly bytesMax?: number;
}
export interface ReaderData {
  readonly path: string;
  /** URLs of modules that export `storeQueries`. */
  readonly queries: readonly string[];
}

/** `id` 0 closes. */
export interface Request {
  readonly id: number;
  readonly body: unknown;
}
/** `id` 0 answers the opening. */
export type Reply =
  | { readonly id: number; readonly kind: 'done'; readonly value: unknown }
  | { readonly id: number; readonly kind: 'failed'; readonly error: ErrorData }
  /** Answers nothing: something that the owner may want to log. */
  | { readonly id: 0; readonly kind: 'notice'; readonly value: unknown };

export function encodeError(error: unknown, code: string): ErrorData {
  if (error instanceof CodedError) {
    return { code: error.code, message: error.message, retryable: error.retryable, details: JSON.stringify(error.details) };
  }
  return { code, message: errorText(error), retryable: false, details: '{}' };
}

export function decodeError(data: ErrorData): CodedError {
  return new CodedError(data.code, data.message, {
    retryable: data.retryable,
    details: JSON.parse(data.details) as Record<string, unknown>,
  });
}
