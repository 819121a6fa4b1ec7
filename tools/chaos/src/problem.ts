/** What the proxy refuses, with the words and the status that a client of Toxiproxy expects. */
import { CodedError } from '@holdfast/kernel';

/**
 * The error of a refused call. `details.status` is the HTTP status, `details.error` the text of the API.
 *
 * Source of the texts: Toxiproxy's API, which clients compare.
 */
export function refused(problem: Problem, message: string, more = ''): CodedError {
  const { status, text } = PROBLEMS[problem];
  const details = { status, error: more === '' ? text : `${text}: ${more}` };
  if (status === 404) return new CodedError('CHAOS_NOT_FOUND', message, { details });
  if (status === 409) return new CodedError('CHAOS_EXISTS', message, { details });
  return new CodedError('CHAOS_BAD_REQUEST', message, { details });
}

export type Problem = keyof typeof PROBLEMS;

const PROBLEMS = {
  badBody: { status: 400, text: 'bad request body' },
  missingField: { status: 400, text: 'missing required field' },
  badStream: { status: 400, text: 'stream was invalid, can be either upstream or downstream' },
  badType: { status: 400, text: 'invalid toxic type' },
  noProxy: { status: 404, text: 'proxy not found' },
  noToxic: { status: 404, text: 'toxic not found' },
  proxyExists: { status: 409, text: 'proxy already exists' },
  toxicExists: { status: 409, text: 'toxic already exists' },
} as const;
