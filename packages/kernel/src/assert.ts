/** Assertions stay on in production: a node that has lost an invariant must stop before it writes. */
import { CodedError } from './error.ts';

/**
 * Throws `KERNEL_ASSERTION` unless `claim` holds. One claim per call.
 * `details` names the ids and numbers that a reader of the crash needs.
 */
export function assert(claim: unknown, message: string, details: Readonly<Record<string, unknown>> = {}): asserts claim {
  if (!claim) throw new CodedError('KERNEL_ASSERTION', `keep an invariant: ${message}`, { details });
}

/** Marks a place that the types prove unreachable. */
export function unreachable(value: never): never {
  throw new CodedError('KERNEL_ASSERTION', `keep an invariant: unreachable value ${plainText(value)}`);
}

/** JSON where there is one: of a bigint or a cycle there is none, and the assertion must not hide behind that. */
function plainText(value: unknown): string {
  try {
    return String(JSON.stringify(value));
  } catch {
    /* ignored: the plain conversion follows. */
    return String(value);
  }
}
