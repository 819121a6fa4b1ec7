/**
 * Runs `test` tasks: one unit on the warm host of its slot.
 *
 * Verdicts: a failed case is `failed`. Errors without a failed case are `failed` if any case was reported, else the file
 * did not load: `errored`. Not ok without either is `errored`. No case at all is `passed` only if the runner itself calls
 * it a success (all skipped, pass with no tests). A host that dies in a unit is no lost machine: the unit runs again, once, in
 * a new host; if that dies too, the test kills its runner: `errored`.
 */
import type { TestBody } from '@holdfast/model';
import { unitText } from '@holdfast/model';
import { forcedEnd } from './attempt-end.ts';
import type { Attempt, AttemptEnd, Surroundings } from './attempt.ts';
import type { Limbs } from './begin-attempt.ts';
import type { Place } from './place.ts';
import type { HostGone, UnitEnd, WarmHost, WarmHosts } from './warm-hosts.ts';

/** Runs one attempt of a unit to its end. */
export async function runTest(
  attempt: Attempt,
  body: TestBody,
  place: Place,
  around: Surroundings,
  hosts: WarmHosts,
  attach: (limbs: Limbs) => void,
): Promise<AttemptEnd> {
  if (!place.host) return { outcome: 'errored', reason: 'the run names no test suite' };
  let crash: HostGone | undefined;
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const host = hosts.take(place.host, attempt.order.epoch > 1);
    if (!host) return { outcome: 'errored', reason: `slot ${place.slot} already runs a test of this suite` };
    attach(host);
    attempt.dropCases();
    const unit = await runUnit(attempt, body, host, around, tries === 1);
    if (unit.end) return verdict(attempt, unit.end);
    crash = unit.gone;
    const { exit, left } = crash;
    const forced = forcedEnd(attempt, { code: exit.code, signal: exit.signal, left });
    if (forced) return forced;
    if (crash.unusable) return { outcome: 'errored', reason: crash.why };
    if (!unit.started) return { outcome: 'errored', reason: `the test runner did not start: ${crash.why}` };
  }
  const where = crash?.test === undefined ? '' : `, in or after the test "${crash.test}",`;
  return { outcome: 'errored', reason: `running ${unitText(body.unit)}${where} ended the test runner twice: ${crash?.why ?? 'unknown'}` };
}

type UnitOutcome =
  | { readonly end: UnitEnd; readonly gone?: undefined }
  | { readonly end?: undefined; readonly gone: HostGone; readonly started: boolean };

function runUnit(attempt: Attempt, body: TestBody, host: WarmHost, around: Surroundings, first: boolean): Promise<UnitOutcome> {
  let started = false;
  return new Promise((resolve) => {
    host.run(body.unit, attempt.order.run, {
      started(pid) {
        started = true;
        if (first) attempt.emit({ kind: 'started', ...(pid === undefined ? {} : { pid }) });
      },
      output: attempt.log.push,
      case: (result) => attempt.addCases([result]),
      end(event) {
        // Asked to end: the host is on its way out, and nothing of it may be left.
        if (attempt.overseer.cause() !== 'itself') return;
        // What the tests printed comes through other pipes: two turns let what was written before the end arrive.
        around.timers.soon(() =>
          around.timers.soon(() => {
            if (attempt.overseer.cause() !== 'itself') return;
            host.release();
            resolve({ end: event });
          }),
        );
      },
      gone: (gone) => resolve({ gone, started }),
    });
  });
}

function verdict(attempt: Attempt, end: UnitEnd): AttemptEnd {
  const reported = attempt.caseCount();
  const errors = end.errors.length > 0 ? { errors: end.errors } : {};
  if (end.cases !== reported) {
    return { outcome: 'errored', reason: `the test runner counts ${end.cases} cases but ${reported} arrived`, ...errors };
  }
  if (attempt.failedCount() > 0) return { outcome: 'failed', ...errors };
  const [error] = end.errors;
  if (error) {
    const reason = error.message.split('\n', 1)[0] ?? '';
    return { outcome: reported > 0 ? 'failed' : 'errored', reason: reported > 0 ? reason : `the file did not load: ${reason}`, ...errors };
  }
  if (end.ok) return { outcome: 'passed' };
  return { outcome: 'errored', reason: reported === 0 ? 'no test ran' : 'the test runner failed although no test case did' };
}

const TRIES = 2;
