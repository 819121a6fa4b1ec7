/**
 * The leases of a connection that runs tasks by handlers: what is held, what must be told of it, and when it is over.
 * `@holdfast/worker-core` does the same for whole workers, with slots, pauses and states of a checkout.
 *
 * T1 A lease is begun once. Its result is told until the coordinator has it or does not want it (W2).
 * T2 In a new session nothing is told of leases before the coordinator has reconciled (S4).
 * T3 Without an answered beat `replace` ends at 0.8 of the lease time, `wait` at 0.8 of `lostAfter`, `hedge` never.
 */
import { type MonoMs, monoMs } from '@holdfast/kernel';
import { type AssignedLease, type CoordinatorMessage, createHeldDigest, type Welcome, type WorkerMessage } from '@holdfast/protocol';

/** Task and epoch: the business key of a result. */
export interface TaskLease {
  readonly run: number;
  readonly n: number;
  readonly epoch: number;
}

/** A task as a handler gets it. */
export interface AssignedTask extends TaskLease {
  readonly lease: string;
  readonly name: string;
  readonly body: AssignedLease['body'];
  readonly timeoutMs: number;
  readonly onDisconnect: AssignedLease['onDisconnect'];
  /** The latest checkpoint of an earlier attempt. */
  readonly resumeFrom?: { readonly seq: number; readonly data: unknown };
}

/** What is told under a key: `run.n.epoch` of a result, with `/seq` of a checkpoint. */
export interface KeyedMessage {
  readonly key: string;
  readonly message: WorkerMessage;
}

interface Held {
  readonly task: AssignedTask;
  state: 'running' | 'finished';
  readonly messages: KeyedMessage[];
  /** The run's id, of a result that an earlier life left. */
  readonly run?: string;
}

export interface HeldTasks {
  /** A result that an earlier life of the worker left. */
  adopt(result: Extract<WorkerMessage, { t: 'finished' }>, run: string): void;
  /** Those that are new. */
  assigned(message: Extract<CoordinatorMessage, { t: 'assign' }>): readonly AssignedTask[];
  inventory(token: number): WorkerMessage;
  /** Returns what to stop, and what to tell again. */
  reconciled(keep: readonly TaskLease[], now: MonoMs): { readonly stopped: readonly string[]; readonly told: readonly KeyedMessage[] };
  /** A new session: what is told waits for `reconciled`. */
  sessionBegan(welcome: Welcome): void;
  /** Returns whether it may be told now. Undefined: nobody holds that lease. */
  tell(lease: string, told: KeyedMessage, final: boolean): boolean | undefined;
  settled(key: string): void;
  /** The coordinator or the clock takes it. Returns whether it was running. */
  drop(lease: string): boolean;
  renewed(sentAt: MonoMs): void;
  /** Leases whose time is over by T3. */
  expired(now: MonoMs): readonly AssignedTask[];
  deadline(): MonoMs | undefined;
  /** What beats say. */
  held(): { readonly count: number; readonly hash: number };
  readonly size: number;
}

/** Creates an empty book. */
export function createHeldTasks(): HeldTasks {
  const book = new Map<string, Held>();
  const digest = createHeldDigest();
  let reconciling = false;
  let welcome: Welcome | undefined;
  let renewedAt = monoMs(0);

  const spanOf = (task: AssignedTask): number => {
    if (task.onDisconnect === 'hedge' || !welcome) return Infinity;
    return SAFE_SHARE * (task.onDisconnect === 'replace' ? welcome.leaseTtlMs : welcome.lostAfterMs);
  };
  const running = (): AssignedTask[] => [...book.values()].flatMap((held) => (held.state === 'running' ? [held.task] : []));

  return {
    adopt(result, id) {
      const { run, n, epoch } = result;
      const lease = `${run}.${n}.${epoch}`;
      const task: AssignedTask = { run, n, epoch, lease, name: '', body: { kind: 'noop' }, timeoutMs: 0, onDisconnect: 'hedge' };
      book.set(lease, { task, state: 'finished', messages: [{ key: lease, message: result }], run: id });
    },
    assigned({ run, leases }) {
      const begun: AssignedTask[] = [];
      for (const { n, epoch, name, body, timeoutMs, onDisconnect, resumeFrom } of leases) {
        const lease = `${run}.${n}.${epoch}`;
        if (book.has(lease)) continue;
        const task = { run, n, epoch, lease, name, body, timeoutMs, onDisconnect, ...(resumeFrom ? { resumeFrom } : {}) };
        book.set(lease, { task, state: 'running', messages: [] });
        digest.add(lease);
        begun.push(task);
      }
      return begun;
    },
    inventory: (token) => ({
      t: 'inventory',
      token,
      leases: [...book.values()].map(({ task: { run, n, epoch }, state, run: id }) => ({
        run,
        n,
        epoch,
        state,
        ...(id === undefined ? {} : { id }),
      })),
    }),
    reconciled(keep, now) {
      const kept = new Set(keep.map(({ run, n, epoch }) => `${run}.${n}.${epoch}`));
      reconciling = false;
      renewedAt = now;
      const stopped: string[] = [];
      const told: KeyedMessage[] = [];
      for (const [lease, held] of [...book]) {
        if (!kept.has(lease)) {
          book.delete(lease);
          digest.remove(lease);
          stopped.push(lease);
        } else told.push(...held.messages);
      }
      return { stopped, told };
    },
    sessionBegan(given) {
      welcome = given;
      reconciling = true;
    },
    tell(lease, told, final) {
      const held = book.get(lease);
      if (!held || held.state === 'finished') return undefined;
      if (final) {
        held.state = 'finished';
        held.messages.length = 0;
        // From here on beats do not name it: its result is on the way.
        digest.remove(lease);
      }
      held.messages.push(told);
      return !reconciling;
    },
    settled(key) {
      const [lease = '', seq] = key.split('/');
      const held = book.get(lease);
      if (!held) return;
      if (seq === undefined) book.delete(lease);
      else held.messages.splice(0, held.messages.length, ...held.messages.filter((each) => each.key !== key));
    },
    drop(lease) {
      const held = book.get(lease);
      book.delete(lease);
      digest.remove(lease);
      return held?.state === 'running';
    },
    renewed: (sentAt) => void (renewedAt = sentAt),
    expired: (now) => running().filter((task) => now >= renewedAt + spanOf(task)),
    deadline() {
      const spans = running().map(spanOf).filter(Number.isFinite);
      return spans.length === 0 ? undefined : monoMs(renewedAt + Math.min(...spans));
    },
    held: () => digest.value(),
    get size() {
      return book.size;
    },
  };
}

const SAFE_SHARE = 0.8;
