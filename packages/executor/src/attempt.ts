/**
 * What every kind of attempt shares: its events in order, its log, its clock, and exactly one end.
 *
 * X1 and X3 of the contract are kept here: nothing is emitted after `finish`, and only its first call counts.
 */
import type { Clock, Timers } from '@holdfast/kernel';
import type { AttemptEvent, AttemptOrder, AttemptResult, CaseResult, Failure, LeaseKey } from '@holdfast/model';
import type { HostProgram } from '@holdfast/test-adapters/host';
import type { WorkerPolicy } from './executor.ts';
import { createLogSink, type LogSink } from './log-sink.ts';
import { maskText, type Pattern } from './mask.ts';
import { createOverseer, type Overseer, type Signal } from './overseer.ts';
import type { GroupPorts } from './process-group.ts';
import type { Scratch } from './scratch.ts';

/** What all attempts of an executor use. */
export interface Surroundings extends GroupPorts {
  readonly scratch: Scratch;
  readonly checkpointEveryMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly policy: WorkerPolicy;
  /** Absolute folders of the policy. */
  readonly folders: readonly string[];
  /** Throws for an adapter that it does not know. */
  readonly hostProgram: (adapter: string) => HostProgram;
  /** A host that was closed in order ended badly: what the suite takes down after its tests failed. */
  readonly teardownFailed: (reason: string) => void;
}

export interface Attempt {
  readonly order: AttemptOrder;
  readonly log: LogSink;
  readonly overseer: Overseer;
  /** Emits an event of this attempt, masked; dropped after the end. */
  emit(event: WithoutLease<AttemptEvent>): void;
  addCases(cases: readonly CaseResult[]): void;
  /** Forgets the cases so far: what they belong to runs again. */
  dropCases(): void;
  caseCount(): number;
  failedCount(): number;
  /** `left`: what it left as artifacts, if anything. */
  finish(end: AttemptEnd, left?: Left): void;
}

export type Left = NonNullable<Extract<AttemptEvent, { kind: 'ended' }>['left']>;
export type AttemptEnd = Omit<AttemptResult, 'durationMs' | 'cases' | 'log'>;
type WithoutLease<Event> = Event extends { readonly lease: LeaseKey } ? Omit<Event, 'lease'> : never;

/** Starts the accounts of an attempt. `signal` reaches its processes, once there are any. */
export function createAttempt(
  order: AttemptOrder,
  secrets: readonly Pattern[],
  around: Surroundings,
  signal: (signal: Signal) => boolean,
  emit: (event: AttemptEvent) => void,
): Attempt {
  const lease: LeaseKey = { run: order.run, n: order.n, epoch: order.epoch };
  let over = false;
  let cases: CaseResult[] = [];
  /** Cases heard of, those past the limit included. */
  let reported = 0;
  const mask = (text: string): string => maskText(text, secrets);
  const tell = (event: WithoutLease<AttemptEvent>): void => {
    if (over) return;
    const told = event.kind === 'note' && event.note !== undefined ? { ...event, note: mask(event.note) } : event;
    emit({ ...told, lease } as AttemptEvent);
  };
  const log = createLogSink(secrets, around.clock, (offset, stream, text) => tell({ kind: 'log', offset, stream, text }));
  const overseer = createOverseer(order, {
    clock: around.clock,
    timers: around.timers,
    signal,
    paused: (paused) => tell({ kind: 'paused', paused }),
  });

  return {
    order,
    log,
    overseer,
    emit: tell,
    addCases(more) {
      const masked = secrets.length === 0 ? more : more.map((one) => maskCase(one, mask));
      reported += masked.length;
      if (reported > CASES_MAX) return;
      for (const one of masked) cases.push(one);
      tell({ kind: 'cases', cases: masked });
    },
    dropCases() {
      cases = [];
      reported = 0;
    },
    caseCount: () => reported,
    failedCount: () => cases.filter((one) => one.grade === 'failed').length,
    finish(end, left) {
      if (over) return;
      overseer.done();
      log.flush();
      const tooMany: AttemptEnd = { outcome: 'errored', reason: `reported ${reported} test cases, more than ${CASES_MAX}` };
      const { reason, errors, ...rest } = reported > CASES_MAX ? tooMany : end;
      tell({
        kind: 'ended',
        result: {
          ...rest,
          ...(reason === undefined ? {} : { reason: cutText(mask(reason), REASON_BYTES_MAX) }),
          ...(errors === undefined ? {} : { errors: errors.map((error) => maskFailure(error, mask)) }),
          durationMs: Math.round(overseer.elapsedMs() * 1000) / 1000,
          cases,
          log: log.totals(),
        },
        ...(left ? { left } : {}),
      });
      over = true;
    },
  };
}

/** The beginning of `text` that fits so many bytes, cut between characters. */
export function cutText(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax) return text;
  const data = Buffer.from(text);
  if (data.length <= bytesMax) return text;
  let end = bytesMax - 3;
  while (end > 0 && ((data[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${data.toString('utf8', 0, end)}…`;
}

/** A failure within the limits of the model. */
export function boundedFailure(message: string, stack?: string): Failure {
  return { message: cutText(message, REASON_BYTES_MAX), ...(stack === undefined ? {} : { stack: cutText(stack, STACK_BYTES_MAX) }) };
}

function maskCase(one: CaseResult, mask: (text: string) => string): CaseResult {
  return one.failure ? { ...one, failure: maskFailure(one.failure, mask) } : one;
}

function maskFailure({ message, stack, diff }: Failure, mask: (text: string) => string): Failure {
  return {
    message: mask(message),
    ...(stack === undefined ? {} : { stack: mask(stack) }),
    ...(diff === undefined ? {} : { diff: mask(diff) }),
  };
}

const CASES_MAX = 100_000;
const REASON_BYTES_MAX = 8 * 1024;
const STACK_BYTES_MAX = 32 * 1024;
