/**
 * What goes into a worker and what comes out of it: the whole interface between the node and its shell.
 */
import type { DurationMs, Machine } from '@holdfast/kernel';
import type { AttemptEvent, AttemptOrder, Incarnation, Json, LeaseKey, RunId, RunSpec, WorkerId } from '@holdfast/model';
import type { CoordinatorFrame, Registration, WorkerMessage } from '@holdfast/protocol';
import type { Credential } from '@holdfast/reconnection-core';

export type WorkerInput =
  /** First of all: begin to dial. */
  | { readonly kind: 'started' }
  /** `exposed`: nothing else protects the link, so that its frames must be sealed. */
  | { readonly kind: 'linkOpened'; readonly link: number; readonly exposed?: boolean | undefined }
  | {
      readonly kind: 'dialFailed';
      readonly link: number;
      readonly reason: string;
      /** Dialling again cannot help. */
      readonly terminal: boolean;
      /** The close code that says why, when terminal: `WorkerEnd` of the shell carries it. */
      readonly code?: number | undefined;
    }
  | { readonly kind: 'linkClosed'; readonly link: number; readonly code: number; readonly reason: string }
  | { readonly kind: 'frameReceived'; readonly link: number; readonly frame: CoordinatorFrame }
  | { readonly kind: 'rubbishReceived'; readonly link: number; readonly reason: string }
  /** What the executor reports. */
  | { readonly kind: 'attempted'; readonly event: AttemptEvent }
  /** The checkpoint that an attempt was to go on from cannot be read: it goes on from the older one, or from none. */
  | {
      readonly kind: 'checkpointFoundCorrupt';
      readonly lease: LeaseKey;
      readonly checkpoint: { readonly epoch: number; readonly seq: number };
    }
  /** Slots, labels or fingerprint changed. Leases of runs of another state of the checkout are given back. */
  | { readonly kind: 'registrationChanged'; readonly registration: Registration }
  /** The spool has room and can be written, or not: then no more work is taken. */
  | { readonly kind: 'spoolChanged'; readonly full: boolean; readonly reason: string }
  /** Finish what runs, take nothing more, say goodbye. */
  | { readonly kind: 'drainAsked'; readonly reason: string }
  /** Stop what runs, give it back, say goodbye. */
  | { readonly kind: 'stopAsked'; readonly reason: string }
  | { readonly kind: 'stalled'; readonly by: DurationMs };

export type WorkerEffect =
  | { readonly kind: 'dial'; readonly link: number }
  | { readonly kind: 'transmit'; readonly link: number; readonly text: string }
  /** From here on each frame of this link carries its digest, both ways. */
  | { readonly kind: 'sealLink'; readonly link: number; readonly send: string; readonly receive: string }
  | { readonly kind: 'closeLink'; readonly link: number; readonly code: number; readonly reason: string }
  /** Begin an attempt on a slot. Exactly one `ended` follows. */
  | {
      readonly kind: 'start';
      readonly order: AttemptOrder;
      /** `class`: the state of the checkout that it must be run on; absent: any. */
      readonly run: { readonly id: RunId; readonly spec: RunSpec; readonly class?: string };
      readonly slot: number;
    }
  /** End an attempt by force; its `ended` follows. */
  | { readonly kind: 'stop'; readonly lease: LeaseKey }
  | { readonly kind: 'pause'; readonly lease: LeaseKey; readonly paused: boolean }
  | { readonly kind: 'checkpointSettled'; readonly lease: LeaseKey; readonly seq: number }
  /** Keep it where it survives this process, before anything that is transmitted after it leaves. Key: `run.n.epoch`, of a checkpoint with `/seq`. */
  | { readonly kind: 'spool'; readonly key: string; readonly value: Spooled }
  /** The coordinator has it, or does not want it. */
  | { readonly kind: 'unspool'; readonly key: string }
  /** A session is open, or none is (told after each dial that failed, too): then only this worker knows what it did. */
  | { readonly kind: 'connectionChanged'; readonly connected: boolean }
  /** A heartbeat was answered: how long it took, both ways. */
  | { readonly kind: 'roundTrip'; readonly ms: number }
  /** The coordinator will send no more work of this run. */
  | { readonly kind: 'forgetRun'; readonly run: number }
  /** For the process log. */
  | {
      readonly kind: 'note';
      readonly level: 'debug' | 'info' | 'warn';
      readonly event: string;
      readonly details: Readonly<Record<string, Json>>;
    }
  /** Said goodbye, or gave up: `code` 0 is an end in order, else the close code that was final. */
  | { readonly kind: 'ended'; readonly code: number; readonly reason: string };

export type WorkerNode = Machine<WorkerInput, WorkerEffect, WorkerSnapshot>;

/** What a life of the worker leaves to the next one: a result, or a checkpoint. */
export interface Spooled {
  /** Leases are numbered by the coordinator's store; the run's id tells one store from another. */
  readonly run: RunId;
  readonly lease: LeaseKey;
  /** A result: its parts, then `finished`. Else one `checkpoint`. */
  readonly messages: readonly WorkerMessage[];
}

export interface WorkerSnapshot {
  readonly state: 'new' | 'working' | 'draining' | 'stopping' | 'ended';
  readonly connected: boolean;
  /** Away from the coordinator while leases are held: they go on as their policies allow, then an inventory settles them. */
  readonly local: boolean;
  /** By lease text, sorted. */
  readonly leases: readonly { readonly lease: string; readonly state: string; readonly slot: number | undefined }[];
  /** Results the coordinator has not committed yet. */
  readonly unsettled: number;
}

export interface WorkerOptions {
  readonly id: WorkerId;
  readonly incarnation: Incarnation;
  readonly registration: Registration;
  /** The parts of its token. */
  readonly credential: Credential;
  /** What earlier lives have left in the spool. */
  readonly recovered?: readonly Spooled[];
}
