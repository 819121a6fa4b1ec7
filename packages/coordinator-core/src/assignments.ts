/**
 * Packs grants into messages that a worker can take, out of the texts that the store holds.
 *
 * A1 No message is larger than what every receiver accepts; a grant that alone is too large is named, never sent.
 */
import { assert } from '@holdfast/kernel';
import type { RunOrd } from '@holdfast/model';
import { coordinatorMessage, type EncodedMessage, encodeText, messageProblem } from '@holdfast/protocol';
import type { Grant } from '@holdfast/task-store';

export interface PackedAssignments {
  /** `assign` messages of the protocol, in order. */
  readonly messages: readonly EncodedMessage[];
  readonly tooLarge: readonly Grant[];
}

/** Packs grants of one run, in order. */
export function packAssignments(run: RunOrd, grants: readonly Grant[]): PackedAssignments {
  const messages: EncodedMessage[] = [];
  const tooLarge: Grant[] = [];
  let leases: string[] = [];
  let characters = 0;
  const close = (): void => {
    if (leases.length > 0) messages.push(encoded(assignText(run, leases)));
    leases = [];
    characters = 0;
  };
  for (const grant of grants) {
    const lease = leaseJson(grant);
    if (lease.length > CHARACTERS_MAX && isTooLarge(assignText(run, [lease]))) {
      tooLarge.push(grant);
      continue;
    }
    if (characters + lease.length > CHARACTERS_MAX || leases.length === LEASES_MAX) close();
    leases.push(lease);
    characters += lease.length;
  }
  close();
  return { messages, tooLarge };
}

const assignText = (run: RunOrd, leases: readonly string[]): string => `{"t":"assign","run":${run},"leases":[${leases.join(',')}]}`;

function leaseJson({ n, epoch, name, body, timeoutMs, graceMs, onDisconnect, resumeFrom }: Grant): string {
  const resume = resumeFrom ? `,"resumeFrom":${JSON.stringify(resumeFrom)}` : '';
  const how = `"timeoutMs":${timeoutMs},"graceMs":${graceMs},"onDisconnect":"${onDisconnect}"`;
  return `{"n":${n},"epoch":${epoch},"name":${JSON.stringify(name)},"body":${body},${how}${resume}}`;
}

/** What a task does, read off its text. */
export function kindOf(body: string): 'command' | 'module' | 'test' | 'noop' {
  const kind = body.startsWith(KIND_FIRST) ? body.slice(KIND_FIRST.length, body.indexOf('"', KIND_FIRST.length)) : undefined;
  return (kind ?? (JSON.parse(body) as { kind: string }).kind) as ReturnType<typeof kindOf>;
}

const isTooLarge = (json: string): boolean => messageProblem(JSON.parse(json) as { t: string }, coordinatorMessage) !== undefined;

/** The edge lets in only what can be sent. */
function encoded(json: string): EncodedMessage {
  const result = encodeText(json);
  assert(result.ok, 'an assignment can be sent', result.ok ? {} : { problem: result.problem });
  return result.value;
}

const KIND_FIRST = '{"kind":"';
/** A character has three bytes at most: below this, no message is larger than `LIMITS.messageBytesMax`. */
const CHARACTERS_MAX = 160_000;
/** Of the schema. */
const LEASES_MAX = 256;
