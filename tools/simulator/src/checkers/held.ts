/**
 * Nothing leaves before what it follows from is in the store: no assignment before its grant, no `committed` ack before its op.
 * And G10: inside a session messages are numbered without gaps, whatever the links did.
 */
import type { Op, Verdict } from '@holdfast/committer';
import { type Checker, Violation } from '../history.ts';

interface Session {
  /** By number: the op that must be decided before the number may be acknowledged as committed. */
  readonly needs: (string | undefined)[];
  committed: number;
}
interface Frame {
  readonly f: string;
  readonly session?: string;
  readonly a?: readonly [number, number];
  readonly m?: readonly (readonly [number, { readonly t: string; readonly [field: string]: unknown }])[];
}

export function createHeldCheckers(): Checker[] {
  const decided = new Set<string>();
  const granted = new Set<string>();
  const sessions = new Map<string, Session>();
  const sessionOf = new Map<number, string>();
  const counts = { assigns: 0, acks: 0 };

  function committed(op: Op, verdict: Verdict): void {
    const fields = op as Op & { run?: number; n?: number; epoch?: number; seq?: number };
    decided.add(`${op.op} ${fields.run}.${fields.n}.${fields.epoch}${op.op === 'checkpoint.save' ? `/${fields.seq}` : ''}`);
    if (op.op !== 'task.claim' || verdict.kind !== 'applied') return;
    for (const grant of (verdict.value as { grants: readonly { run: number; n: number; epoch: number }[] }).grants)
      granted.add(`${grant.run}.${grant.n}.${grant.epoch}`);
  }

  function sent(way: 'up' | 'down', wire: number, text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (frame.f === 'welcome') {
      sessionOf.set(wire, frame.session!);
      if (!sessions.has(frame.session!)) sessions.set(frame.session!, { needs: [], committed: 0 });
      return;
    }
    const session = sessions.get(sessionOf.get(wire) ?? '');
    if (!session) return;
    if (way === 'up') {
      for (const [seq, message] of frame.m ?? []) session.needs[seq] = needOf(message);
      return;
    }
    const upTo = frame.a?.[1] ?? 0;
    while (session.committed < upTo) {
      session.committed += 1;
      counts.acks += 1;
      const need = session.needs[session.committed];
      if (need !== undefined && !decided.has(need)) throw new Violation('held effects', `${need} was acknowledged before it was committed`);
    }
    for (const [, message] of frame.m ?? []) {
      if (message.t !== 'assign') continue;
      for (const lease of message['leases'] as readonly { n: number; epoch: number }[]) {
        counts.assigns += 1;
        const key = `${String(message['run'])}.${lease.n}.${lease.epoch}`;
        if (!granted.has(key)) throw new Violation('held effects', `${key} was assigned before it was granted`);
      }
    }
  }

  return [
    {
      name: 'held effects',
      get samples() {
        return Math.min(counts.assigns, counts.acks);
      },
      committed,
      sent,
    },
  ];
}

function needOf(message: { readonly t: string; readonly [field: string]: unknown }): string | undefined {
  const lease = `${String(message['run'])}.${String(message['n'])}.${String(message['epoch'])}`;
  switch (message.t) {
    case 'finished':
      return `task.finished ${lease}`;
    case 'released':
      return `task.released ${lease}`;
    case 'checkpoint':
      return `checkpoint.save ${lease}/${String(message['seq'])}`;
    default:
      return undefined;
  }
}
