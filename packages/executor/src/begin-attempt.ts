/** Begins an attempt of any kind and sees it to its end. */
import { rmSync } from 'node:fs';
import { errorText, type Result } from '@holdfast/kernel';
import { findArtifacts } from './artifacts.ts';
import { type Attempt, type AttemptEnd, createAttempt, type Left, type Surroundings } from './attempt.ts';
import { runCommand } from './command-task.ts';
import type { AttemptEvent, AttemptOrder } from '@holdfast/model';
import { runModule } from './module-task.ts';
import type { Overseer, Signal } from './overseer.ts';
import type { Place } from './place.ts';
import { runTest } from './test-task.ts';
import type { WarmHosts } from './warm-hosts.ts';

/** The processes of an attempt, once there are any. */
export interface Limbs {
  /** False: there are none. */
  signal(signal: Signal): boolean;
  /** A checkpoint is committed. */
  settled?(seq: number, problem?: string): void;
}

export interface RunningAttempt {
  readonly overseer: Overseer;
  settled(seq: number, problem?: string): void;
  /** Resolves when no process is left, with what emits `ended`. Never rejects. */
  readonly over: Promise<() => void>;
}

/** Begins; a place that is refused ends the attempt at once. */
export function beginAttempt(
  order: AttemptOrder,
  place: Result<Place, string>,
  around: Surroundings,
  hosts: WarmHosts,
  emit: (event: AttemptEvent) => void,
): RunningAttempt {
  let limbs: Limbs | undefined;
  const attempt = createAttempt(order, place.ok ? place.value.secrets : [], around, (signal) => limbs?.signal(signal) ?? false, emit);
  const attach = (next: Limbs): void => {
    limbs = next;
    // Asked to end before there was anything to end.
    if (attempt.overseer.cause() !== 'itself') next.signal('SIGTERM');
  };
  const end = place.ok
    ? runBody(attempt, place.value, around, hosts, attach).then((result) => harvest(result, place.value, around))
    : Promise.resolve<Harvested>({ end: { outcome: 'errored', reason: place.problem } });
  return {
    overseer: attempt.overseer,
    settled: (seq, problem) => limbs?.settled?.(seq, problem),
    over: end.then(
      ({ end: how, left }) =>
        () =>
          attempt.finish(how, left),
      (error: unknown) => () => attempt.finish({ outcome: 'errored', reason: `the executor failed: ${errorText(error)}` }),
    ),
  };
}

interface Harvested {
  readonly end: AttemptEnd;
  readonly left?: Left;
}

/** Takes what the attempt left; nothing of it runs any more. */
function harvest(end: AttemptEnd, place: Place, { scratch }: Surroundings): Harvested {
  const own = place.scratch ?? (place.host ? scratch.takeSlot(place.slot, place.marker) : undefined);
  if (!own) return { end };
  const found = findArtifacts(own.artifacts);
  if (found.ok && found.value.length > 0) return { end, left: { folder: own.folder, files: found.value } };
  rmSync(own.folder, { recursive: true, force: true });
  return { end: found.ok ? end : withoutArtifacts(end, found.problem) };
}

/** An attempt that passed has not, if what it left is not kept. */
export const withoutArtifacts = (end: AttemptEnd, problem: string): AttemptEnd => ({
  ...end,
  outcome: end.outcome === 'passed' ? 'errored' : end.outcome,
  reason: end.reason === undefined ? problem : `${end.reason}; ${problem}`,
});

async function runBody(
  attempt: Attempt,
  place: Place,
  around: Surroundings,
  hosts: WarmHosts,
  attach: (limbs: Limbs) => void,
): Promise<AttemptEnd> {
  const { body } = attempt.order;
  switch (body.kind) {
    case 'command':
      return runCommand(attempt, body, place, around, attach);
    case 'module':
      return runModule(attempt, body, place, around, attach);
    case 'test':
      return runTest(attempt, body, place, around, hosts, attach);
    case 'noop':
      attempt.emit({ kind: 'started' });
      return { outcome: 'passed' };
  }
}
