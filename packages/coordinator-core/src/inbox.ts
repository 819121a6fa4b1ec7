/**
 * What workers say inside their sessions: each message is taken once and acknowledged as committed when all that follows from it is.
 *
 * B1 `done` is called for every message that was understood, after the verdicts it depends on.
 * B2 A message of a known type that does not fit its schema ends the session; one of an unknown type is answered and counted.
 */
import type { SaveCheckpoint } from '@holdfast/checkpoint-store';
import { type Json, leaseText } from '@holdfast/model';
import { CLOSE, parseWorkerMessage, type Registration, type WorkerMessage, workerMessage } from '@holdfast/protocol';
import { setRegistration, tellRuns, type Worker } from './fleet.ts';
import type { Leases } from './leases.ts';
import type { Shared } from './node.ts';
import type { Inventories } from './reconcile.ts';

/** Takes one delivered payload of `worker`; `done` acknowledges it. */
export type Inbox = (worker: Worker, payload: unknown, done: () => void) => void;

export function createInbox(
  shared: Shared,
  leases: Leases,
  inventories: Inventories,
  closeSession: (worker: Worker, code: number, reason: string) => void,
): Inbox {
  function deliver(worker: Worker, payload: unknown, done: () => void): void {
    const parsed = parseWorkerMessage(payload);
    if (parsed.success) return hear(worker, parsed.data, done);
    const type = String((payload as { t?: unknown } | null)?.t ?? typeof payload).slice(0, 64);
    if (KNOWN_TYPES.has(type)) {
      const problem = parsed.error.issues[0];
      const reason = `message ${type}: ${problem?.path.join('.') ?? ''} ${problem?.message ?? ''}`.slice(0, 120);
      shared.note('warn', 'message.bad', { worker: worker.id, reason });
      closeSession(worker, CLOSE.badMessage.code, reason);
      return;
    }
    shared.note('warn', 'message.unknown', { worker: worker.id, type });
    leases.tell(worker, { t: 'unknown', type });
    done();
  }

  function hear(worker: Worker, message: WorkerMessage, done: () => void): void {
    switch (message.t) {
      case 'inventory':
        inventories.reconcile(worker, message);
        return done();
      case 'started':
        return leases.started(worker, message, done);
      case 'part':
        leases.part(worker, message);
        return done();
      case 'finished':
        return leases.finished(worker, message, done, () =>
          // Not acknowledged, and the session ends: the worker offers the whole result again in the next one.
          closeSession(worker, CLOSE.badMessage.code, 'parts of a result are missing'),
        );
      case 'released':
        // It takes nothing now, whatever its last heartbeat said: the next one tells how much it wants.
        if (message.reason === 'not started') worker.capacity = 0;
        return leases.released(worker, message, done);
      case 'lost':
        return leases.lost(worker, { run: message.run, n: message.n, epoch: message.epoch }, message.reason, done);
      case 'paused':
        return leases.paused(worker, message, done);
      case 'checkpoint':
        return save(worker, message, done);
      case 'corrupt':
        return corrupt(worker, message, done);
      case 'progress':
      case 'log':
        news(worker, message);
        return done();
      case 'registered':
        register(worker, message.registration);
        return done();
      case 'goodbye':
        return leave(worker, message.reason, done);
      case 'unknown':
        shared.note('warn', 'message.unknownToPeer', { worker: worker.id, type: message.type });
        return done();
    }
  }

  function save(worker: Worker, message: Extract<WorkerMessage, { t: 'checkpoint' }>, done: () => void): void {
    const { run, n, epoch, seq, data, blob } = message;
    const op: SaveCheckpoint = {
      op: 'checkpoint.save',
      worker: worker.ord,
      ...{ run, n, epoch, seq, data: data as Json, wall: shared.wall() },
      ...(blob ? { blob } : {}),
    };
    shared.ops.any(op, (verdict) => {
      if (verdict.kind === 'refused') {
        shared.note('info', 'checkpoint.refused', { worker: worker.id, lease: leaseText(message), seq, reason: verdict.reason });
      } else shared.note('debug', 'checkpoint.saved', { lease: leaseText(message), seq });
      done();
    });
  }

  function corrupt(worker: Worker, message: Extract<WorkerMessage, { t: 'corrupt' }>, done: () => void): void {
    const { run, n, epoch, checkpoint } = message;
    shared.ops.task({ op: 'task.checkpointCorrupt', worker: worker.ord, run, n, epoch, checkpoint, wall: shared.wall() }, (verdict) => {
      const outcome = verdict.kind === 'refused' ? verdict.reason : 'removed';
      shared.note('warn', 'checkpoint.corrupt', { worker: worker.id, lease: leaseText(message), ...checkpoint, outcome });
      done();
    });
  }

  function news(worker: Worker, message: Extract<WorkerMessage, { t: 'progress' | 'log' }>): void {
    const run = shared.runs.byOrd(message.run);
    if (!run || !worker.leases.has(leaseText(message))) return;
    const { n, epoch } = message;
    if (message.t === 'log') {
      shared.publish(run.id, { e: 'log', n, epoch, stream: message.stream, text: message.text, offset: message.offset });
    } else if (message.cases.length > 0) {
      shared.publish(run.id, { e: 'cases', n, epoch, worker: worker.registration.name, cases: message.cases as never });
    }
  }

  function register(worker: Worker, registration: Registration): void {
    setRegistration(worker, registration);
    shared.presenceChanged = true;
    worker.capacity = registration.slots;
    shared.touched.add(worker);
  }

  /** The worker ends on purpose. What is still assigned to it did not take it down, so no loss is counted. */
  function leave(worker: Worker, reason: string, done: () => void): void {
    worker.draining = true;
    worker.left = true;
    shared.presenceChanged = true;
    for (const lease of [...worker.leases.values()]) if (!lease.ending) leases.released(worker, lease.key, () => {});
    tellRuns(shared, worker, 'left', reason);
    done();
  }

  return deliver;
}

const KNOWN_TYPES: ReadonlySet<string> = new Set(workerMessage.options.map((option) => option.shape.t.value));
