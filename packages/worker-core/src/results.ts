/**
 * What becomes of attempts: their news, checkpoints and results, offered until the coordinator has committed or refused them (W2).
 *
 * O1 Before the coordinator has reconciled nothing is offered (W3); `reconcile` offers what is still wanted.
 */
import { type MonoMs, monoMs } from '@holdfast/kernel';
import { type AttemptEvent, leaseText } from '@holdfast/model';
import type { WorkerMessage } from '@holdfast/protocol';
import type { Lease, LeaseBook, Shared } from './lease-book.ts';
import { LEASE_TABLE, type LeaseState } from './table.ts';
import { newsOfCases, problemOf, resultMessages } from './tellable.ts';

export interface Results {
  /** The executor reports. */
  attempted(event: AttemptEvent): void;
  /** The coordinator has committed the message offered with this key. */
  settled(key: string): void;
  /** The coordinator asks what is held. */
  tellInventory(token: number): void;
  /** It wants `keep` of that, and nothing else. */
  reconcile(keep: ReadonlySet<string>): void;
}

export function createResults(shared: Shared, book: LeaseBook): Results {
  /** What is kept of the inventory answered last counts as renewed then (W4). */
  let inventoryAt: MonoMs = monoMs(0);

  function attempted(event: AttemptEvent): void {
    const lease = book.leases.get(leaseText(event.lease));
    if (!lease) return;
    switch (event.kind) {
      case 'started':
        book.decide(lease, 'attemptStarted');
        break;
      case 'cases':
        for (const message of newsOfCases(lease.key, event.cases)) shared.offer('background', message);
        break;
      case 'note':
        tellNews({
          t: 'progress',
          ...lease.key,
          cases: [],
          ...(event.note === undefined ? {} : { note: event.note }),
          ...(event.fraction === undefined ? {} : { fraction: event.fraction }),
        });
        break;
      case 'log':
        tellNews({ t: 'log', ...lease.key, offset: event.offset, stream: event.stream, text: event.text });
        break;
      case 'checkpoint':
        checkpointed(lease, {
          t: 'checkpoint',
          ...lease.key,
          seq: event.seq,
          data: event.data as never,
          ...(event.blob ? { blob: event.blob } : {}),
        });
        break;
      case 'paused':
        if (LEASE_TABLE[lease.state].attemptPaused === 'notePaused') {
          lease.state = event.paused ? 'paused' : 'running';
          if (!shared.reconciling) shared.offer('normal', { t: 'paused', ...lease.key, paused: event.paused });
        }
        break;
      case 'ended':
        if (LEASE_TABLE[lease.state].attemptEnded === 'finish') finish(lease, event);
        else book.decide(lease, 'attemptEnded');
        break;
    }
  }

  /** News may be dropped: the result has all of it. */
  function tellNews(message: Extract<WorkerMessage, { t: 'progress' | 'log' }>): void {
    const problem = problemOf(message);
    if (problem === undefined) shared.offer('background', message);
    else shared.note('debug', 'news.untellable', { lease: leaseText(message), problem });
  }

  function checkpointed(lease: Lease, message: Extract<WorkerMessage, { t: 'checkpoint' }>): void {
    if (LEASE_TABLE[lease.state].attemptEnded !== 'finish') return;
    const problem = problemOf(message);
    // The executor bounds what a task may save; this keeps a mistake there from ending the worker.
    if (problem !== undefined) return shared.note('warn', 'checkpoint.untellable', { lease: lease.text, problem });
    lease.checkpoints.set(message.seq, message);
    // A later attempt goes on from the last one only.
    book.unspool(lease);
    spool(lease, `${lease.text}/${message.seq}`, [message]);
    if (!shared.reconciling) shared.offer('high', message, `${lease.text}/${message.seq}`);
  }

  function finish(lease: Lease, event: Extract<AttemptEvent, { kind: 'ended' }>): void {
    const told = resultMessages(lease.key, event.result);
    lease.result = told.map(({ encoded }) => encoded);
    lease.state = 'finished';
    lease.checkpoints.clear();
    book.unspool(lease);
    spool(
      lease,
      lease.text,
      told.map(({ message }) => message),
    );
    book.disarm(lease);
    book.freeSlot(lease);
    if (!shared.reconciling) offerResult(lease);
  }

  function spool(lease: Lease, key: string, messages: readonly WorkerMessage[]): void {
    const run = shared.runs.get(lease.key.run);
    if (run === undefined) return;
    lease.spooled.add(key);
    shared.emit({ kind: 'spool', key, value: { run: run.id, lease: lease.key, messages } });
  }

  /** From here on the heartbeat does not name the lease: its result is on the way. */
  function offerResult(lease: Lease): void {
    lease.offeredIn = shared.sessionNumber;
    book.held.remove(lease.text);
    const last = lease.result.length - 1;
    for (const [index, message] of lease.result.entries()) shared.offer('high', message, index === last ? lease.text : undefined);
  }

  function settled(key: string): void {
    const [text = '', seq] = key.split('/');
    const lease = book.leases.get(text);
    if (!lease) return;
    if (seq === undefined) book.decide(lease, 'settled');
    else if (lease.checkpoints.delete(Number(seq))) {
      if (lease.spooled.delete(key)) shared.emit({ kind: 'unspool', key });
      shared.emit({ kind: 'checkpointSettled', lease: lease.key, seq: Number(seq) });
    }
  }

  function tellInventory(token: number): void {
    inventoryAt = shared.now();
    shared.offer('critical', inventoryOf(token, [...book.leases.values()]));
  }

  function reconcile(keep: ReadonlySet<string>): void {
    if (shared.reconciling) forgetIdleRuns();
    shared.reconciling = false;
    book.renew(monoMs(Math.max(shared.renewedAt, inventoryAt)));
    for (const lease of [...book.leases.values()]) {
      if (!isMine(lease)) continue;
      if (!keep.has(lease.text)) {
        shared.note('info', 'lease.refused', { lease: lease.text, state: lease.state });
        book.decide(lease, 'revoked');
      } else if (lease.state === 'finished') {
        if (lease.offeredIn !== shared.sessionNumber) offerResult(lease);
      } else {
        book.held.add(lease.text);
        if (lease.state === 'running' || lease.state === 'paused') shared.offer('normal', { t: 'started', ...lease.key });
        if (lease.state === 'paused') shared.offer('normal', { t: 'paused', ...lease.key, paused: true });
        for (const [seq, message] of lease.checkpoints) shared.offer('high', message, `${lease.text}/${seq}`);
      }
    }
  }

  /** The runs of a former session may be over without a word of it here; one that goes on is told again. */
  function forgetIdleRuns(): void {
    const busy = new Set([...book.leases.values()].map((lease) => lease.key.run));
    for (const run of shared.runs.keys()) {
      if (busy.has(run)) continue;
      shared.runs.delete(run);
      shared.emit({ kind: 'forgetRun', run });
    }
  }

  return { attempted, settled, tellInventory, reconcile };
}

/** Whether the coordinator has not taken it away. */
const isMine = (lease: Lease): boolean => lease.state !== 'stopping';

const inventoryOf = (token: number, leases: readonly Lease[]): WorkerMessage => ({
  t: 'inventory',
  token,
  leases: leases.filter(isMine).map((lease) => ({
    ...lease.key,
    state: inventoryState(lease.state),
    ...(lease.recovered === undefined ? {} : { id: lease.recovered }),
  })),
});

const inventoryState = (state: LeaseState): 'accepted' | 'running' | 'paused' | 'finished' => {
  if (state === 'finished') return 'finished';
  if (state === 'paused') return 'paused';
  return state === 'waiting' ? 'accepted' : 'running';
};
