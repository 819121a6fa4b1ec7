/**
 * What goes into a coordinator and what comes out of it: the whole interface between the node and its shell.
 *
 * The shell authenticates links and requests before they become inputs; it performs effects in list order.
 */
import type { DurationMs, Machine } from '@holdfast/kernel';
import type { Op, Verdict } from '@holdfast/committer';
import type { Fingerprint, Incarnation, Json, LeaseKey, RunId, RunSpec, TaskSpec, WorkerId } from '@holdfast/model';
import type { Hello, WorkerFrame } from '@holdfast/protocol';
import type { Packer } from '@holdfast/reconnection-core';
import type { RunEvent } from '@holdfast/results';

export type CoordinatorInput =
  /** First of all: begins this life. `wall` is for people. */
  | { readonly kind: 'booted'; readonly wall: number }
  /** A link whose worker has proven itself (`proof` goes into the welcome), under a token that allows `worker:register`. `principal`: the name of the token, which rotation keeps; workers belong to it. `session` and `token` are fresh secrets, used if a new session begins. */
  | {
      readonly kind: 'linkOpened';
      readonly link: number;
      readonly principal: string;
      readonly session: string;
      readonly token: string;
      readonly hello: Hello;
      readonly proof: string;
    }
  /** A frame that passed its schema. */
  | { readonly kind: 'frameReceived'; readonly link: number; readonly frame: WorkerFrame }
  /** Bytes that did not. */
  | { readonly kind: 'rubbishReceived'; readonly link: number; readonly reason: string }
  | { readonly kind: 'linkClosed'; readonly link: number; readonly reason: string }
  /** The batch is durable. `verdicts` has one entry per op. */
  | { readonly kind: 'committed'; readonly batch: number; readonly verdicts: readonly Verdict[] }
  /** The batch's outcome is in doubt: the node is finished, its shell drops and rebuilds it (M4). */
  | { readonly kind: 'commitFailed'; readonly batch: number; readonly code: string; readonly message: string }
  /** A client asks; exactly one `reply` with the same token follows. */
  | { readonly kind: 'requested'; readonly token: number; readonly principal: string; readonly request: ClientRequest }
  /** Evidence of death: its reaper, or the exit of a child that this host spawned. */
  | {
      readonly kind: 'deathReported';
      readonly worker: WorkerId;
      readonly incarnation: Incarnation;
      readonly reason: string;
      /** Leases whose results are on its disk: its next life offers them, and until then silence is judged by policy. Default: none. */
      readonly kept?: readonly LeaseKey[];
      /** Who says so: heard only of the one that registered the worker. Absent: this host itself, or an administrator. */
      readonly principal?: string;
    }
  /** Stop granting, tell workers goodbye with `restart`, then `drained` comes out. */
  | { readonly kind: 'drainAsked'; readonly reason: string }
  | { readonly kind: 'stalled'; readonly by: DurationMs };

export type ClientRequest =
  | {
      readonly kind: 'submit';
      /** Fresh, secret. */
      readonly id: RunId;
      readonly name: string;
      readonly spec: RunSpec;
      /** The state of the repository that the run belongs to; absent: any worker may run it. */
      readonly fingerprint?: Fingerprint;
      readonly key?: string;
      readonly keyHash?: string;
      readonly client?: Json;
      readonly tasks: readonly TaskSpec[];
      /** No more tasks will come. */
      readonly seal: boolean;
    }
  | { readonly kind: 'addTasks'; readonly id: RunId; readonly expect?: number; readonly tasks: readonly TaskSpec[] }
  | { readonly kind: 'seal'; readonly id: RunId }
  | { readonly kind: 'cancelRun'; readonly id: RunId }
  | { readonly kind: 'cancelTask'; readonly id: RunId; readonly n: number }
  | { readonly kind: 'pauseTask'; readonly id: RunId; readonly n: number; readonly paused: boolean }
  | { readonly kind: 'interruptRun'; readonly id: RunId }
  | { readonly kind: 'resumeRun'; readonly id: RunId }
  | { readonly kind: 'drainWorker'; readonly worker: WorkerId }
  /** Everything that memory knows, as plain data. */
  | { readonly kind: 'status' };

/** An answer. `status` is the HTTP status that fits. */
export type ClientReply =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly status: 400 | 404 | 409 | 422 | 429 | 503 | 507; readonly code: string; readonly message: string };

/** `value` of a `submit` reply. */
export interface SubmitValue {
  readonly id: RunId;
  readonly tasks: number;
  /** The same idempotency key was seen before; nothing new was accepted. */
  readonly existing: boolean;
}

/** `value` of a `status` reply. */
export interface StatusValue {
  readonly coordinator: { readonly id: string; readonly epoch: number; readonly upMs: number; readonly draining: boolean };
  readonly workers: readonly StatusWorker[];
  readonly runs: readonly {
    readonly id: string;
    readonly name: string;
    readonly state: string;
    readonly counts: Readonly<Record<string, number>>;
  }[];
  readonly ready: readonly { readonly class: string; readonly count: number }[];
}
export interface StatusWorker {
  readonly id: string;
  readonly name: string;
  readonly incarnation: string;
  readonly state: 'connected' | 'suspect' | 'disconnected';
  readonly slots: number;
  readonly held: number;
  readonly draining: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly pid: number;
}

export type CoordinatorEffect =
  /** Commit these in one transaction; one batch is under way at a time. Answer: `committed` or `commitFailed`. */
  | { readonly kind: 'commit'; readonly batch: number; readonly ops: readonly Op[] }
  | { readonly kind: 'transmit'; readonly link: number; readonly text: string }
  | { readonly kind: 'closeLink'; readonly link: number; readonly code: number; readonly reason: string }
  | { readonly kind: 'reply'; readonly token: number; readonly reply: ClientReply }
  /** News of a run, for its event stream and its log files. */
  | { readonly kind: 'publish'; readonly id: RunId; readonly event: RunEvent }
  /** For the process log and for metrics: `session.resumed`, `lease.expired`. */
  | {
      readonly kind: 'note';
      readonly level: 'debug' | 'info' | 'warn';
      readonly event: string;
      readonly details: Readonly<Record<string, Json>>;
    }
  /** Every worker was told; the process may end. */
  | { readonly kind: 'drained' }
  /** A peer holds a higher epoch, or the store is in doubt: nothing that was held may go out. The node is dead. */
  | { readonly kind: 'halted'; readonly code: string; readonly message: string };

/** What a node needs of its shell beside inputs. */
export interface CoordinatorPorts {
  /** Packs messages to workers that can read it. Absent: nothing is compressed. */
  readonly packer?: Packer;
}

export type CoordinatorNode = Machine<CoordinatorInput, CoordinatorEffect, CoordinatorSnapshot>;

export interface CoordinatorSnapshot {
  readonly state: 'new' | 'starting' | 'running' | 'draining' | 'halted';
  readonly epoch: number;
  readonly status: StatusValue;
  /** Sizes of every bounded collection, by name. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** Milliseconds; every one configurable, defaults in `DEFAULT_COORDINATOR_OPTIONS`. */
export interface CoordinatorOptions {
  readonly id: string;
  readonly heartbeatEveryMs: number;
  readonly leaseTtlMs: number;
  /** Policy `wait`: granted again after this. */
  readonly lostAfterMs: number;
  readonly resumeWindowMs: number;
  /** Leases of one batch at most. */
  readonly batchMax: number;
  /** Unfinished tasks over all runs; beyond, submits are refused 429 before anything is written. */
  readonly queuedMax: number;
  /** Between two batches at most, so that peers on the same store see this coordinator live: an empty one when nothing is to be committed. 0: it is alone, and none is empty. */
  readonly beatEveryMs: number;
}
