/** Exit codes, and how an error becomes one. */
import { CodedError, errorText } from '@holdfast/kernel';

export const EXIT = {
  passed: 0,
  failed: 1,
  usage: 2,
  nothingToRun: 5,
  config: 16,
  unreachable: 69,
  refused: 77,
  interrupted: 130,
} as const;

/** The exit code of an error: its own, or by its code; 1 for what nobody expected. */
export function exitCodeOf(error: unknown): number {
  const coded = (error ?? {}) as Partial<CodedError>;
  const own = coded.details?.['exitCode'];
  if (typeof own === 'number') return own;
  return (typeof coded.code === 'string' ? EXIT_BY_CODE[coded.code] : undefined) ?? EXIT.failed;
}

/** What to print of an error. Only errors that nobody expected show their stack. */
export function explainError(error: unknown): string {
  const { code, retryable } = (error ?? {}) as Partial<CodedError>;
  // Errors of the system carry a code, too, and their messages complete nothing.
  if (typeof code === 'string' && typeof retryable === 'boolean') return `holdfast: failed to ${(error as CodedError).message} [${code}]`;
  return `holdfast: ${error instanceof Error ? (error.stack ?? error.message) : errorText(error)}`;
}

/** A mistake in what was typed. */
export function usageError(message: string): CodedError {
  return new CodedError('CLI_USAGE', message, { details: { exitCode: EXIT.usage } });
}

const EXIT_BY_CODE: Readonly<Record<string, number>> = {
  CONFIG_INVALID: EXIT.config,
  CONFIG_UNREADABLE: EXIT.config,
  COORDINATOR_UNREACHABLE: EXIT.unreachable,
  AUTH_REFUSED: EXIT.refused,
  CLIENT_BAD_URL: EXIT.usage,
  API_REFUSED: EXIT.usage,
  ADAPTER_UNUSABLE: EXIT.usage,
  STORE_LOCKED: 75,
  CHAOS_ADDRESS: EXIT.usage,
  CHAOS_BAD_REQUEST: EXIT.usage,
  CHAOS_LISTEN: 78,
};
