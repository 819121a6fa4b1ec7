/**
 * Names of things. Inside a store and on the wire tasks are integers (run ordinal, task ordinal); only the run id
 * is random and secret. People see `runId.n`.
 */
declare const name: unique symbol;
type Id<Name extends string> = string & { readonly [name]: Name };

/** A run for people and clients: 128 random bits in base32, unguessable. */
export type RunId = Id<'run'>;
/** A worker: stable over restarts, chosen by its operator or made once and kept. */
export type WorkerId = Id<'worker'>;
/** One life of a worker process. A new process has a new one. */
export type Incarnation = Id<'incarnation'>;
/** One coordinator process slot; its epoch tells lives apart. */
export type CoordinatorId = Id<'coordinator'>;

/** The number of a run in its store, from 1. */
export type RunOrd = number;
/** The number of a task in its run, from 1. */
export type TaskNo = number;
/** The number of a grant of one task, from 1; never reused (G6). The fencing token. */
export type Epoch = number;

export const runId = (text: string): RunId => text as RunId;
export const workerId = (text: string): WorkerId => text as WorkerId;
export const incarnation = (text: string): Incarnation => text as Incarnation;
export const coordinatorId = (text: string): CoordinatorId => text as CoordinatorId;

/** One task of one run. */
export interface TaskKey {
  readonly run: RunOrd;
  readonly n: TaskNo;
}

/** One grant of one task: what a worker holds. */
export interface LeaseKey extends TaskKey {
  readonly epoch: Epoch;
}

/** `run.n` as a map key. */
export const taskText = (key: TaskKey): string => `${key.run}.${key.n}`;
/** `run.n.epoch` as a map key, and the key of the result of that attempt (S2). */
export const leaseText = (key: LeaseKey): string => `${key.run}.${key.n}.${key.epoch}`;

/** Orders tasks by run, then number. */
export const compareTasks = (a: TaskKey, b: TaskKey): number => a.run - b.run || a.n - b.n;

/** Reads `run.n.epoch` back. Returns undefined for anything else. */
export function parseLease(text: string): LeaseKey | undefined {
  const match = /^(0|[1-9]\d{0,14})\.(0|[1-9]\d{0,14})\.(0|[1-9]\d{0,14})$/.exec(text);
  return match ? { run: Number(match[1]), n: Number(match[2]), epoch: Number(match[3]) } : undefined;
}
