/**
 * Packs grants into messages that a worker can take.
 *
 * A1 No message is larger than what every receiver accepts; a grant that alone is too large is named, never sent.
 */
import type { RunOrd } from '@holdfast/model';
import { type AssignedLease, type Assignment, coordinatorMessage, messageProblem } from '@holdfast/protocol';
import type { Grant } from '@holdfast/task-store';

export interface PackedAssignments {
  readonly messages: readonly Assignment[];
  readonly tooLarge: readonly Grant[];
}

/** Packs grants of one run, in order. */
export function packAssignments(run: RunOrd, grants: readonly Grant[]): PackedAssignments {
  const messages: Assignment[] = [];
  const tooLarge: Grant[] = [];
  let leases: AssignedLease[] = [];
  let characters = 0;
  const close = (): void => {
    if (leases.length > 0) messages.push({ t: 'assign', run, leases });
    leases = [];
    characters = 0;
  };
  for (const grant of grants) {
    const lease = assignedLease(grant);
    const length = JSON.stringify(lease).length;
    if (length > CHARACTERS_MAX && messageProblem({ t: 'assign', run, leases: [lease] } as Assignment, coordinatorMessage) !== undefined) {
      tooLarge.push(grant);
      continue;
    }
    if (characters + length > CHARACTERS_MAX || leases.length === LEASES_MAX) close();
    leases.push(lease);
    characters += length;
  }
  close();
  return { messages, tooLarge };
}

const assignedLease = (grant: Grant): AssignedLease => ({
  n: grant.n,
  epoch: grant.epoch,
  name: grant.name,
  body: grant.body as AssignedLease['body'],
  timeoutMs: grant.policy.timeoutMs,
  graceMs: grant.policy.graceMs,
  onDisconnect: grant.policy.onDisconnect,
  ...(grant.resumeFrom ? { resumeFrom: grant.resumeFrom as NonNullable<AssignedLease['resumeFrom']> } : {}),
});

/** A character has three bytes at most: below this, no message is larger than `LIMITS.messageBytesMax`. */
const CHARACTERS_MAX = 160_000;
/** Of the schema. */
const LEASES_MAX = 256;
