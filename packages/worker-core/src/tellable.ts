/**
 * Makes sure that what is offered can be told: a message that every coordinator would refuse would come back for ever.
 *
 * T1 A result always ends its lease: what cannot be told of it is cut, and in the end replaced by an `errored` one that says why.
 */
import { assert, ok, type Result } from '@holdfast/kernel';
import type { AttemptResult, CaseResult, LeaseKey } from '@holdfast/model';
import { encodeChecked, type EncodedMessage, messageProblem, type WorkerMessage, workerMessage } from '@holdfast/protocol';
import { cutResult } from './result-parts.ts';

/** A message as it is kept, and as it is sent. */
export interface Tellable {
  readonly message: WorkerMessage;
  readonly encoded: EncodedMessage;
}

/** The messages of a result, in order; the last one is `finished`. */
export function resultMessages(key: LeaseKey, result: AttemptResult): readonly Tellable[] {
  // Most results fit one message: encoded once, that is all.
  const message: WorkerMessage = { t: 'finished', ...key, result: result as never };
  const whole = encodeChecked(message, workerMessage);
  if (whole.ok && whole.value.json.length <= PART_CHARACTERS_MAX) return [{ message, encoded: whole.value }];
  const messages = encodeAll(messagesOf(key, result));
  if (messages.ok) return messages.value;
  const cut = encodeAll(messagesOf(key, cutFailures(result)));
  if (cut.ok) return cut.value;
  const last = encodeAll(messagesOf(key, untellable(result, cut.problem)));
  assert(last.ok, 'a result without content can be told');
  return last.value;
}

/** The cases of a running attempt as news, in messages that can be told; a case too large for one is left out: the result has it. */
export function newsOfCases(key: LeaseKey, cases: readonly CaseResult[]): readonly WorkerMessage[] {
  const message: WorkerMessage = { t: 'progress', ...key, cases: cases as never };
  if (problemOf(message) === undefined) return [message];
  if (cases.length <= 1) return [];
  const half = Math.ceil(cases.length / 2);
  return [...newsOfCases(key, cases.slice(0, half)), ...newsOfCases(key, cases.slice(half))];
}

/** Why no coordinator would take the message; undefined: it can be told. */
export const problemOf = (message: WorkerMessage): string | undefined => messageProblem(message, workerMessage);

function messagesOf(key: LeaseKey, given: AttemptResult): WorkerMessage[] {
  const { parts, result } = cutResult(given, PART_CHARACTERS_MAX);
  return [
    ...parts.map((cases, part): WorkerMessage => ({ t: 'part', ...key, part, cases: cases as never })),
    { t: 'finished', ...key, ...(parts.length > 0 ? { parts: parts.length } : {}), result: result as never },
  ];
}

/** All of them encoded, or the problem of the first that cannot be told. */
function encodeAll(messages: readonly WorkerMessage[]): Result<readonly Tellable[], string> {
  const told: Tellable[] = [];
  for (const message of messages) {
    const one = encodeChecked(message, workerMessage);
    if (!one.ok) return one;
    told.push({ message, encoded: one.value });
  }
  return ok(told);
}

/** Keeps of every failure its message, and of the errors of the file the first ones. */
function cutFailures(given: AttemptResult): AttemptResult {
  const result = {
    ...given,
    cases: given.cases.map((each) => (each.failure ? { ...each, failure: { message: each.failure.message } } : each)),
  };
  if (!result.errors) return result;
  const kept = result.errors.slice(0, ERRORS_KEPT).map(({ message }) => ({ message }));
  const left = result.errors.length - kept.length;
  return { ...result, errors: left > 0 ? [...kept, { message: `${left} more errors, too long to be told` }] : kept };
}

const untellable = (result: AttemptResult, problem: string): AttemptResult => ({
  outcome: 'errored',
  reason: `its result cannot be told: ${problem}`.slice(0, REASON_LENGTH_MAX),
  durationMs: Number.isFinite(result.durationMs) && result.durationMs >= 0 ? result.durationMs : 0,
  cases: [],
});

const PART_CHARACTERS_MAX = 131_072;
const ERRORS_KEPT = 20;
const REASON_LENGTH_MAX = 1024;
