/**
 * Guards for the messages that travel by the thousand: each says yes only to a value that its schema takes and returns unchanged.
 *
 * Q1 Yes means: the schema would succeed, and strip nothing. Whatever a guard does not know (another type, an unknown key) is
 *    a no, and the schema decides. So a guard can be too strict, never too lax; a property test holds it to its schema.
 */
import type { CoordinatorMessage, WorkerMessage } from './messages.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Whether it is a data frame of either side. */
export function isQuickData(value: unknown): boolean {
  if (!isObject(value) || value['f'] !== 'data' || countKeys(value) !== 3) return false;
  const { a: acks, m: messages } = value;
  if (!Array.isArray(acks) || acks.length !== 2 || !isCount(acks[0]) || !isCount(acks[1])) return false;
  if (!Array.isArray(messages) || messages.length > FRAME_MESSAGES_MAX) return false;
  for (const message of messages as unknown[]) {
    if (!Array.isArray(message) || message.length !== 2 || !isOrdinal(message[0])) return false;
  }
  return true;
}

/** Whether it is a `started` or a `finished`. */
export function isQuickWorkerMessage(value: unknown): value is WorkerMessage {
  if (!isObject(value) || !isOrdinal(value['run']) || !isOrdinal(value['n']) || !isOrdinal(value['epoch'])) return false;
  if (value['t'] === 'started') return countKeys(value) === 4;
  return value['t'] === 'finished' && countKeys(value) === 5 && isQuickResult(value['result']);
}

/** Whether it is an `assign` of tasks with a quick body and nothing to resume from. */
export function isQuickAssign(value: unknown): value is CoordinatorMessage {
  if (!isObject(value) || value['t'] !== 'assign' || countKeys(value) !== 3 || !isOrdinal(value['run'])) return false;
  const leases = value['leases'];
  if (!Array.isArray(leases) || leases.length === 0 || leases.length > LEASES_MAX) return false;
  for (const lease of leases) if (!isQuickLease(lease)) return false;
  return true;
}

function isQuickLease(value: unknown): boolean {
  if (!isObject(value) || countKeys(value) !== 7 || !isOrdinal(value['n']) || !isOrdinal(value['epoch'])) return false;
  if (!isText(value['name'], SHORT_MAX) || !isCount(value['timeoutMs']) || !isCount(value['graceMs'])) return false;
  return ON_DISCONNECT.has(value['onDisconnect']) && isQuickBody(value['body']);
}

/** Whether it is what a task does: nothing, a test file, or a command without environment and results. */
export function isQuickBody(value: unknown): boolean {
  if (!isObject(value)) return false;
  switch (value['kind']) {
    case 'noop':
      return countKeys(value) === 1;
    case 'test':
      return countKeys(value) === 2 && isQuickUnit(value['unit']);
    case 'command':
      return countKeys(value) === 2 && isArgv(value['argv']);
    default:
      return false;
  }
}

function isQuickUnit(value: unknown): boolean {
  if (!isObject(value) || !isText(value['file'], PATH_MAX) || value['file'] === '') return false;
  let known = 1;
  for (const name of ['project', 'pool']) {
    if (value[name] === undefined) continue;
    if (!isText(value[name], SHORT_MAX)) return false;
    known += 1;
  }
  return countKeys(value) === known;
}

function isArgv(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0 || value.length > ARGV_MAX) return false;
  for (const part of value) if (!isText(part, TEXT_MAX)) return false;
  return true;
}

/** Whether it is how an attempt ended. */
function isQuickResult(value: unknown): boolean {
  if (!isObject(value) || !OUTCOMES.has(value['outcome']) || !isDuration(value['durationMs'])) return false;
  const { cases } = value;
  if (!Array.isArray(cases) || cases.length > CASES_MAX) return false;
  for (const each of cases) if (!isQuickCase(each)) return false;
  let known = 3;
  for (const name of OPTIONAL_OF_RESULT) {
    const given = value[name];
    if (given === undefined) continue;
    if (!fitsResult(name, given)) return false;
    known += 1;
  }
  return countKeys(value) === known;
}

function fitsResult(name: (typeof OPTIONAL_OF_RESULT)[number], value: unknown): boolean {
  switch (name) {
    case 'reason':
      return isText(value, TEXT_MAX);
    case 'exitCode':
      return Number.isSafeInteger(value);
    case 'signal':
      return isText(value, SIGNAL_MAX);
    case 'log':
      return isObject(value) && countKeys(value) === 2 && isCount(value['bytes']) && isCount(value['droppedBytes']);
  }
}

function isQuickCase(value: unknown): boolean {
  if (!isObject(value) || !isText(value['file'], PATH_MAX) || !GRADES.has(value['grade'])) return false;
  if (!isDuration(value['durationMs']) || !isOrdinal(value['attempts'])) return false;
  const { path } = value;
  if (!Array.isArray(path) || path.length === 0 || path.length > PATH_PARTS_MAX) return false;
  for (const part of path) if (!isText(part, PATH_MAX)) return false;
  let known = 5;
  if (value['project'] !== undefined) {
    if (!isText(value['project'], SHORT_MAX)) return false;
    known += 1;
  }
  if (value['line'] !== undefined) {
    if (!isOrdinal(value['line'])) return false;
    known += 1;
  }
  if (value['failure'] !== undefined) {
    if (!isQuickFailure(value['failure'])) return false;
    known += 1;
  }
  return countKeys(value) === known;
}

function isQuickFailure(value: unknown): boolean {
  if (!isObject(value) || !isText(value['message'], TEXT_MAX)) return false;
  let known = 1;
  for (const name of ['stack', 'diff']) {
    if (value[name] === undefined) continue;
    if (!isText(value[name], LONG_MAX)) return false;
    known += 1;
  }
  return countKeys(value) === known;
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isOrdinal = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1;
const isDuration = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value < Infinity;
const isText = (value: unknown, max: number): boolean => typeof value === 'string' && value.length <= max;

function countKeys(value: Fields): number {
  let count = 0;
  for (const _ in value) count += 1;
  return count;
}

const FRAME_MESSAGES_MAX = 4096;
const LEASES_MAX = 256;
const CASES_MAX = 10_000;
const ARGV_MAX = 256;
const PATH_PARTS_MAX = 64;
const SHORT_MAX = 512;
const PATH_MAX = 4096;
const TEXT_MAX = 8192;
const LONG_MAX = 32_768;
const SIGNAL_MAX = 32;
const OPTIONAL_OF_RESULT = ['reason', 'exitCode', 'signal', 'log'] as const;
const OUTCOMES: ReadonlySet<unknown> = new Set(['passed', 'failed', 'errored', 'timed_out', 'cancelled']);
const GRADES: ReadonlySet<unknown> = new Set(['passed', 'failed', 'flaky', 'skipped']);
const ON_DISCONNECT: ReadonlySet<unknown> = new Set(['replace', 'hedge', 'wait']);
